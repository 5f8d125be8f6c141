// What the tests of the flight recorder share: a server with a fault, recorded.

import { type Session, silentLogger, type TcpServiceOptions } from "@laster/net";
import type { Recording } from "@laster/net/recorder";
import { until } from "../support.ts";

/** A game that echoes, closes at a 255, and has a fault at a 0. */
export const FAULTY: TcpServiceOptions = {
  logger: silentLogger(),
  onMessage(session: Session, payload: Uint8Array) {
    if (payload[0] === 0) throw new Error("a fault of the game");
    if (payload[0] === 255) void session.close();
    else session.send(payload);
  },
};

/** Takes recordings, and lets be waited for them. */
export class RecordingLog {
  readonly all: Recording[] = [];

  /** Use as `onRecording`. */
  readonly take = (recording: Recording): void => void this.all.push(recording);

  /** Waits for the first one. */
  async first(): Promise<Recording> {
    await until(() => this.all.length > 0, "there is a recording");
    return this.all[0];
  }
}

/** What happened, without times: each kind once, however many chunks there were. */
export function kindsOf(recording: Recording): string[] {
  return recording.entries.map(({ kind }) => kind).filter((kind, index, kinds) => kind !== kinds[index - 1]);
}
