// replay(): feeds what a peer sent, as it was recorded, to a service in memory, and tells what the service does. Runtime
// neutral.

import type { Clock } from "../clock.ts";
import { checkKeys, describeValue, pick, requireInteger } from "../options.ts";
import type { ServiceObserver } from "../service/observers.ts";
import { makeService } from "../service/serve.ts";
import { type NeedsData, SERVICE_NAMES, type TcpServiceOptions } from "../service/service_options.ts";
import type { ListenerOptions } from "../service/listener.ts";
import type { CloseEvent } from "../session/close_reason.ts";
import type { SessionHandlers } from "../session/handlers.ts";
import type { TcpService } from "../service/tcp_service.ts";
import type { Address, AddressOptions } from "../transport/address.ts";
import { concatenate } from "./concatenate.ts";
import { Recording } from "./recording.ts";
import { ReplayedConnection, ReplayTransport } from "./replayed_connection.ts";

/** How far the time goes on at a step while the service stops. */
const STOP_STEP_MS = 1_000;

/** A clock that a replay moves on, as `FakeClock` of `@laster/net/testing`. */
export interface ReplayClock extends Clock {
  /** Moves the time on, and has all timers fire that fall due; handlers get to settle in between. */
  advance(durationMs: number): Promise<void>;
}

/** What a replay is given: the options of the service, as they were when it was recorded, and a clock to move. */
export interface ReplayOptions<Data = undefined>
  extends Omit<TcpServiceOptions<Data>, "transport" | "clock" | "listeners" | "dials"> {
  /** The time of the service; nobody else may move it meanwhile. */
  readonly clock: ReplayClock;
  /** What the listener had besides its address: settings of its own, `proxyProtocol`. */
  readonly listener?: Omit<ListenerOptions, keyof AddressOptions | "tls" | "transport"> | undefined;
  /**
   * Received bytes to skip, up to where a message begins, in a recording that has lost its beginning.
   *
   * @default {0, for a recording with all received bytes; must be given for others}
   */
  readonly skipBytes?: number | undefined;
}

/** What happened in a replay. `timeMs` counts from the connection's beginning, as in the recording. */
export type ReplayEvent =
  /** The session began. */
  | { readonly kind: "opened"; readonly timeMs: number }
  /** The service refused the connection. */
  | { readonly kind: "refused"; readonly timeMs: number; readonly reason: string }
  /** A message was given to `onMessage`, or `onMessageRange`. */
  | { readonly kind: "message"; readonly timeMs: number; readonly payload: Uint8Array<ArrayBuffer> }
  /** The service sent bytes. */
  | { readonly kind: "sent"; readonly timeMs: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The service ended its side. */
  | { readonly kind: "sent-end"; readonly timeMs: number }
  /** The session is over. */
  | { readonly kind: "closed"; readonly timeMs: number; readonly close: CloseEvent };

/** What came of a replay. */
export interface ReplayResult {
  /** All that happened, in order. */
  readonly events: readonly ReplayEvent[];
  /** The messages among the events. */
  readonly messages: readonly Uint8Array<ArrayBuffer>[];
  /** All bytes that were sent, one behind the other: those of {@linkcode Recording.sent}, if all is as it was. */
  readonly sent: Uint8Array<ArrayBuffer>;
  /** How the session ended; undefined if it had not when the recording did. */
  readonly close: CloseEvent | undefined;
}

/**
 * Replays a recording: makes a service, and has it receive what the peer sent, in the same chunks and at the same times, from
 * the same address, without a socket. What it sends is taken at once, and compared with nothing.
 *
 * The replay is faithful as far as the service depends on its peer and its clock only: code that reads another clock, random
 * numbers or another server needs a stand-in for them, as in any test. TLS is not replayed: `session.tls` is undefined.
 *
 * @param recording The recording, or its text.
 * @param options The options of the service.
 * @returns What happened, up to the recording's end. The service is stopped.
 * @throws {TypeError} if the text is no recording, or an option is wrong.
 * @throws {RangeError} if the beginning of what was received is lost and `skipBytes` is not given, or `skipBytes` is greater
 * than what was received.
 *
 * @example A fault again
 * ```ts
 * import { connect, serve, type Session, silentLogger } from "@laster/net";
 * import { FlightRecorder, type Recording, replay } from "@laster/net/recorder";
 * import { FakeClock } from "@laster/net/testing";
 * import { defaultTransport } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const game = {
 *   logger: silentLogger(),
 *   onMessage(session: Session, payload: Uint8Array) {
 *     if (payload[0] === 0) throw new Error("a fault");
 *     session.send(payload);
 *   },
 * };
 * const recorded = Promise.withResolvers<Recording>();
 * const recorder = new FlightRecorder({ onRecording: recorded.resolve });
 * const transport = recorder.wrap(defaultTransport());
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, ...game, transport, observers: [recorder] });
 * await using session = await connect({ port: service.port });
 * session.send(new Uint8Array([5]));
 * session.send(new Uint8Array([0]));
 *
 * const text = (await recorded.promise).toJsonLines();
 * const { messages, close } = await replay(text, { ...game, clock: new FakeClock() });
 * assertEquals(messages, [new Uint8Array([5]), new Uint8Array([0])]);
 * assertEquals(close?.reason, "handler-error");
 * ```
 */
export async function replay<Data = undefined>(
  recording: Recording | string,
  options: ReplayOptions<Data> & NeedsData<Data>,
): Promise<ReplayResult> {
  const { transport: _transport, listeners: _listeners, dials: _dials, ...names } = SERVICE_NAMES;
  checkKeys("replay", options, { ...names, listener: true, skipBytes: true });
  if (typeof options.clock?.advance !== "function") {
    throw new TypeError(
      `Cannot replay as clock must be one that a replay moves on, as FakeClock: current value is ${
        describeValue(options.clock)
      }`,
    );
  }
  const played = typeof recording === "string" ? Recording.parse(recording) : recording;
  const run = new ReplayRun(played, options.clock, checkSkip(played, options.skipBytes));
  const service = makeService<Data>({
    ...pick(options, SERVICE_NAMES),
    ...run.watchHandlers(options),
    transport: run.transport,
    clock: options.clock,
    observers: [...(options.observers ?? []), run.observer],
  });
  await service.start();
  try {
    await run.open(service, options.listener);
    await run.play();
  } finally {
    await run.stop(service);
  }
  return run.result();
}

class ReplayRun {
  readonly transport: ReplayTransport;
  readonly observer: ServiceObserver;
  readonly #recording: Recording;
  readonly #clock: ReplayClock;
  readonly #connection: ReplayedConnection;
  readonly #events: ReplayEvent[] = [];
  #startMs = 0;
  #skip: number;
  #isOver = false;

  constructor(recording: Recording, clock: ReplayClock, skip: number) {
    this.#recording = recording;
    this.#clock = clock;
    this.#skip = skip;
    this.#connection = new ReplayedConnection(recording, {
      handleSent: (bytes) => this.#add({ kind: "sent", timeMs: this.#timeMs, bytes }),
      handleSentEnd: () => this.#add({ kind: "sent-end", timeMs: this.#timeMs }),
    });
    this.transport = new ReplayTransport(this.#connection);
    this.observer = {
      onOpened: () => this.#add({ kind: "opened", timeMs: this.#timeMs }),
      onClosed: (_session, close) => this.#add({ kind: "closed", timeMs: this.#timeMs, close }),
      onConnectionRefused: ({ reason }) => this.#add({ kind: "refused", timeMs: this.#timeMs, reason }),
    };
  }

  /** Wraps the message handlers, to note each message before the application's handler gets it. */
  watchHandlers<Data>({ onMessage, onMessageRange }: SessionHandlers<Data>): SessionHandlers<Data> {
    const add = (payload: Uint8Array<ArrayBuffer>) => this.#add({ kind: "message", timeMs: this.#timeMs, payload });
    return {
      ...(onMessage === undefined ? {} : {
        onMessage(session, payload) {
          add(new Uint8Array(payload));
          return onMessage(session, payload);
        },
      }),
      ...(onMessageRange === undefined ? {} : {
        onMessageRange(session, buffer, offset, length) {
          add(new Uint8Array(buffer.subarray(offset, offset + length)));
          return onMessageRange(session, buffer, offset, length);
        },
      }),
    };
  }

  /** Has the connection come in, or dials it. */
  async open<Data>(service: TcpService<Data>, listener: object | undefined): Promise<void> {
    const { origin, localAddress, remoteAddress } = this.#recording;
    this.#startMs = this.#clock.now();
    if (origin === "connected") return void await service.connect(toOptions(remoteAddress));
    await service.listen({ ...listener, ...toOptions(localAddress) });
    this.transport.accept();
  }

  /** Repeats what the peer did, each thing at its time. */
  async play(): Promise<void> {
    for (const entry of this.#recording.entries) {
      await this.#clock.advance(Math.max(0, entry.timeMs - this.#timeMs));
      const skip = entry.kind === "received" ? Math.min(this.#skip, entry.bytes.length) : 0;
      this.#skip -= skip;
      this.#connection.feed(entry, skip);
    }
    await this.#clock.advance(0);
  }

  /** Stops the service; what happens from here on is not part of the result. */
  async stop<Data>(service: TcpService<Data>): Promise<void> {
    this.#isOver = true;
    this.#connection.handleGone({});
    let hasStopped = false;
    const stopped = service.stop().finally(() => hasStopped = true);
    while (!hasStopped) await this.#clock.advance(STOP_STEP_MS);
    await stopped;
  }

  result(): ReplayResult {
    const events = this.#events;
    return {
      events,
      messages: events.flatMap((event) => event.kind === "message" ? [event.payload] : []),
      sent: concatenate(events.flatMap((event) => event.kind === "sent" ? [event.bytes] : [])),
      close: events.find((event) => event.kind === "closed")?.close,
    };
  }

  get #timeMs(): number {
    return this.#clock.now() - this.#startMs;
  }

  #add(event: ReplayEvent): void {
    if (!this.#isOver) this.#events.push(event);
  }
}

function checkSkip({ missingReceivedBytes, received }: Recording, skipBytes: number | undefined): number {
  if (skipBytes === undefined) {
    if (missingReceivedBytes === 0) return 0;
    throw new RangeError(
      `Cannot replay recording as skipBytes must be given where received bytes are missing: current value is ${missingReceivedBytes} bytes missing`,
    );
  }
  requireInteger("replay recording", "skipBytes", skipBytes, 0, received.length);
  return skipBytes;
}

function toOptions(address: Address): AddressOptions {
  return address.kind === "unix" ? { path: address.path } : { hostname: address.hostname, port: address.port };
}
