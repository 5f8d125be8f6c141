// Fan-out on `Bun.listen`, by hand: what came is encoded once, one write a receiver and chunk. Bun only.

import { Buffer } from "node:buffer";
import { bun, type BunSocket } from "./bun_runtime.ts";
import { announce, readPort } from "./command_line.ts";
import { Answers, FrameParser } from "./hand_frames.ts";

/** A receiver that is so far behind is cut off. */
const MOST_REST_BYTES = 1_048_576;

class Peer {
  readonly parser = new FrameParser();
  /** What the socket did not take yet. */
  rest: Buffer | undefined = undefined;
}

const answers = new Answers();
const sockets = new Set<BunSocket<Peer>>();

const server = bun.listen<Peer>({
  hostname: "127.0.0.1",
  port: readPort(),
  socket: {
    open(socket) {
      socket.data = new Peer();
      sockets.add(socket);
    },
    data(socket, chunk) {
      answers.length = 0;
      if (!socket.data.parser.answer(chunk, answers)) return socket.terminate();
      if (answers.length === 0) return;
      for (const receiver of sockets) send(receiver);
    },
    drain(socket) {
      const { rest } = socket.data;
      if (rest === undefined) return;
      const count = socket.write(rest, 0, rest.length);
      socket.data.rest = count < rest.length ? rest.subarray(Math.max(count, 0)) : undefined;
    },
    close(socket) {
      sockets.delete(socket);
    },
  },
});
announce(server.port);

function send(socket: BunSocket<Peer>): void {
  const peer = socket.data;
  if (peer.rest !== undefined) {
    peer.rest = Buffer.concat([peer.rest, answers.bytes.subarray(0, answers.length)]);
    if (peer.rest.length > MOST_REST_BYTES) socket.terminate();
    return;
  }
  const count = socket.write(answers.bytes, 0, answers.length);
  if (count >= 0 && count < answers.length) peer.rest = Buffer.from(answers.bytes.subarray(count, answers.length));
}
