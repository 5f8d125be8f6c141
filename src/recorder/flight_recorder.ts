// FlightRecorder: keeps the last bytes of all connections of a service, and hands out those of one that did not end in order.
// Writes no file itself. Runtime neutral.

import { type Clock, clockOf } from "../clock.ts";
import { messageOf, toError } from "../errors.ts";
import { consoleLogger, type Logger } from "../logger.ts";
import { checkKeys, describeValue, orDefault, requireInteger } from "../options.ts";
import { type CloseEvent, isOrderly } from "../session/close_reason.ts";
import { callGuarded, isThenable } from "../session/handler_result.ts";
import type { ServiceObserver } from "../service/observers.ts";
import type { Session } from "../session/session.ts";
import type { Address } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import { CoarseTime } from "./coarse_time.ts";
import { joinBytes } from "./json_lines.ts";
import { HEADER_BYTES, RECORD_KINDS, type RecordHeader, RecordRing, SENT } from "./record_ring.ts";
import type { RecordedConnection, RecorderOfConnections } from "./recorded_connection.ts";
import { recordTransport } from "./recorded_transport.ts";
import { Recording, type RecordingEnd, type RecordingEntry } from "./recording.ts";

const DEFAULT_BYTES = 1_048_576;
const LEAST_BYTES = 4_096;
const MOST_BYTES = 2 ** 30;
/** As much as comes in a few reads of a busy connection. */
const DEFAULT_SESSION_BYTES = 65_536;
const LEAST_SESSION_BYTES = 256;
/** Enough to see what goes on, and few enough that many hostile peers cost next to nothing. */
const DEFAULT_PER_MINUTE = 60;
const MOST_PER_MINUTE = 1_000_000;
const MINUTE_MS = 60_000;

/** Options of {@linkcode FlightRecorder}. */
export interface FlightRecorderOptions {
  /**
   * Bytes of memory for all connections together, 4,096 to 2^30, taken at once. A chunk takes its length and 16 to 31 bytes
   * more; the oldest chunks of any connection are written over.
   *
   * @default {1048576}
   */
  readonly maxBytes?: number | undefined;
  /**
   * Bytes of that memory that one recording may take, 256 to 2^30. Older chunks are left out, and so is the front of a longer
   * one.
   *
   * @default {65536}
   */
  readonly maxBytesPerSession?: number | undefined;
  /**
   * Recordings that `onRecording` is given in a minute, 1 to 1,000,000; those beyond are counted in
   * {@linkcode FlightRecorder.skipped}, and not made.
   *
   * @default {60}
   */
  readonly maxRecordingsPerMinute?: number | undefined;
  /**
   * Whether to record a connection that ended so. Is called at each end: must be quick.
   *
   * @default {a connection that broke, or a session's reason other than local-closing, remote-closing, shutdown}
   */
  readonly filter?: ((end: RecordingEnd) => boolean) | undefined;
  /**
   * Blanks what is private, before anybody else sees the recording: `recording.received.fill(0, start, end)`. If it throws, or
   * returns a promise, all bytes are blanked, and the texts of `recording.end`.
   *
   * @default {undefined: nothing is blanked}
   */
  readonly redact?: ((recording: Recording) => void) | undefined;
  /**
   * Takes the recording of a connection that did not end in order: to write it to a file, say. What it throws, and the
   * rejection of its promise, goes to the logger; nobody waits for it.
   *
   * @default {undefined: recordings are made by `take()` only}
   */
  readonly onRecording?: ((recording: Recording) => unknown) | undefined;
  /**
   * Where time comes from.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
  /**
   * Where faults of `filter`, `redact` and `onRecording` are reported.
   *
   * @default {consoleLogger()}
   */
  readonly logger?: Logger | undefined;
}

const NAMES: Record<keyof FlightRecorderOptions, true> = {
  maxBytes: true,
  maxBytesPerSession: true,
  maxRecordingsPerMinute: true,
  filter: true,
  redact: true,
  onRecording: true,
  clock: true,
  logger: true,
};
const FUNCTIONS = ["filter", "redact", "onRecording"] as const;

/** Something that has a session's local address: the session itself. */
export type RecordedSession = Pick<Session<unknown>, "localAddress">;

/**
 * Keeps the last bytes, both ways, of all connections of a service in one array, and makes a {@linkcode Recording} of those of
 * a connection that did not end in order. Give `wrap(transport)` to the service as `transport`, and the recorder itself to
 * `observers`: without that it hears of connections that break only, and not of faults of frames and handlers.
 *
 * What is recorded is what the service reads and writes: over TLS the plain bytes, but the frames that a stage has encrypted.
 * All connections share the memory: `maxBytes` must hold what all of them receive and send in the time that is to be kept.
 *
 * @example Keep what led to a fault
 * ```ts
 * import { connect, raw, serve } from "@laster/net";
 * import { FlightRecorder, type Recording } from "@laster/net/recorder";
 * import { defaultTransport } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const recorded = Promise.withResolvers<Recording>();
 * const recorder = new FlightRecorder({ onRecording: recorded.resolve });
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   transport: recorder.wrap(defaultTransport()),
 *   observers: [recorder],
 *   onMessage: (session, payload) => session.send(payload),
 * });
 * await using session = await connect({ port: service.port, codec: raw() });
 * session.send(new Uint8Array([255, 255, 255, 127])); // A message of two gigabytes begins.
 *
 * const { end, received } = await recorded.promise;
 * assertEquals([end?.reason, end?.detail], ["decode-error", "too-large"]);
 * assertEquals(received, new Uint8Array([255, 255, 255, 127]));
 * ```
 */
export class FlightRecorder implements ServiceObserver {
  readonly #options: FlightRecorderOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ring: RecordRing;
  readonly #maxBytesPerSession: number;
  readonly #maxPerMinute: number;
  /** Milliseconds since 1970 at 0 of the clock. */
  readonly #epochMs: number;
  /** By `localAddress`: each recorded connection has an address object of its own, which its session shows. */
  readonly #connections = new WeakMap<Address, RecordedConnection>();
  readonly #recorder: RecorderOfConnections;
  #minuteMs = -Infinity;
  #inMinute = 0;
  #recordings = 0;
  #skipped = 0;

  /**
   * Makes a recorder, and takes its memory.
   *
   * @param options Its limits, and who takes the recordings.
   * @throws {RangeError} if a limit is out of range.
   * @throws {TypeError} if a name is unknown, or an option is of another type.
   */
  constructor(options: FlightRecorderOptions = {}) {
    checkKeys("flight recorder", options, NAMES);
    for (const name of FUNCTIONS) {
      const value: unknown = options[name];
      if (value === undefined || typeof value === "function") continue;
      throw new TypeError(
        `Cannot create flight recorder as ${name} must be a function: current value is ${describeValue(value)}`,
      );
    }
    const maxBytes = limit("maxBytes", options.maxBytes, DEFAULT_BYTES, LEAST_BYTES, MOST_BYTES);
    this.#maxBytesPerSession = limit(
      "maxBytesPerSession",
      options.maxBytesPerSession,
      Math.min(DEFAULT_SESSION_BYTES, maxBytes),
      LEAST_SESSION_BYTES,
      MOST_BYTES,
    );
    const { maxRecordingsPerMinute: perMinute } = options;
    this.#maxPerMinute = limit("maxRecordingsPerMinute", perMinute, DEFAULT_PER_MINUTE, 1, MOST_PER_MINUTE);
    this.#options = options;
    const clock = this.#clock = clockOf("flight recorder", options.clock);
    this.#logger = options.logger ?? consoleLogger();
    this.#epochMs = Date.now() - clock.now();
    const ring = this.#ring = new RecordRing(maxBytes, this.#maxBytesPerSession - HEADER_BYTES);
    this.#recorder = { ring, time: new CoarseTime(clock), handleGone: (connection) => this.#handleGone(connection) };
  }

  /** Recordings that were given to `onRecording`. */
  get recordings(): number {
    return this.#recordings;
  }

  /** Recordings that were not made, as there were `maxRecordingsPerMinute` already. */
  get skipped(): number {
    return this.#skipped;
  }

  /**
   * Makes a transport whose connections are recorded; in all else it is as the one that it is given. Several may be wrapped.
   *
   * @param transport Any transport.
   * @returns The transport to give to a service, a listener or a dial.
   */
  wrap(transport: Transport): Transport {
    return recordTransport(transport, this.#recorder, (connection) => {
      this.#connections.set(connection.localAddress, connection);
    });
  }

  /**
   * Makes a recording of a session, now. The session may be over: the recording has what has not been written over, and
   * its `end` says how the connection broke, but not why the session ended; `onRecording` gets both.
   *
   * @param session A session over a transport of `wrap()`.
   * @returns The recording, after `redact`; undefined if the session's transport is not one of `wrap()`.
   */
  take(session: RecordedSession): Recording | undefined {
    const connection = this.#connections.get(session.localAddress);
    if (connection === undefined) return undefined;
    const code = connection.end?.error?.code;
    return this.#make(connection, connection.end === undefined ? undefined : { connectionError: code });
  }

  /** Called by the service: a session begins. */
  onOpened(session: Session<unknown>): void {
    const connection = this.#connections.get(session.localAddress);
    if (connection !== undefined) connection.isObserved = true;
  }

  /** Called by the service: a session is over. */
  onClosed(session: Session<unknown>, { reason, detail, error }: CloseEvent): void {
    const connection = this.#connections.get(session.localAddress);
    if (connection === undefined) return;
    const connectionError = connection.end?.error?.code;
    this.#handleEnd(connection, { reason, detail, error: error && messageOf(error), connectionError });
  }

  #handleGone(connection: RecordedConnection): void {
    if (connection.isObserved) return; // `onClosed` comes, and knows more.
    const { error } = connection.end ?? {};
    this.#handleEnd(connection, { error: error && messageOf(error), connectionError: error?.code });
  }

  #handleEnd(connection: RecordedConnection, end: RecordingEnd): void {
    const { onRecording, filter = isWorthIt } = this.#options;
    if (onRecording === undefined) return;
    try {
      if (!filter(end)) return;
    } catch (fault) {
      this.#report("filter", fault); // Records an end that the filter could not judge.
    }
    if (!this.#hasRoom()) return void this.#skipped++;
    this.#recordings++;
    const recording = this.#make(connection, end);
    callGuarded(() => onRecording(recording), (fault) => this.#report("onRecording", fault));
  }

  /** Counts a recording, if there may be one more in this minute. */
  #hasRoom(): boolean {
    const nowMs = this.#clock.now();
    if (nowMs - this.#minuteMs >= MINUTE_MS) {
      this.#minuteMs = nowMs;
      this.#inMinute = 0;
    }
    return this.#inMinute++ < this.#maxPerMinute;
  }

  #make(connection: RecordedConnection, end: RecordingEnd | undefined): Recording {
    const { receivedBytes, sentBytes, startMs } = connection;
    const joined = joinBytes(this.#readEntries(connection));
    const recording = new Recording({
      origin: connection.origin,
      localAddress: { ...connection.localAddress },
      remoteAddress: { ...connection.remoteAddress },
      isTls: connection.tls !== undefined,
      startedAtMs: roundToUs(this.#epochMs + startMs),
      missingReceivedBytes: receivedBytes - joined.received.length,
      missingSentBytes: sentBytes - joined.sent.length,
      ...joined,
      end,
    });
    this.#redact(recording);
    return recording;
  }

  #redact(recording: Recording): void {
    const blankAll = (fault: unknown) => {
      recording.received.fill(0);
      recording.sent.fill(0);
      if (recording.end !== undefined) recording.end.detail = recording.end.error = undefined;
      this.#report("redact", fault);
    };
    try {
      const result: unknown = this.#options.redact?.(recording);
      if (!isThenable(result)) return;
      callGuarded(() => result, () => {});
      throw new TypeError(`redact() must not return a promise: current value is ${describeValue(result)}`);
    } catch (fault) {
      blankAll(fault);
    }
  }

  /** Reads the records of a connection from the last one back, up to the first that was written over or does not fit. */
  #readEntries({ last, startMs }: RecordedConnection): RecordingEntry[] {
    const entries: RecordingEntry[] = [];
    let room = this.#maxBytesPerSession;
    for (let position = last; this.#ring.has(position) && room >= HEADER_BYTES;) {
      const header: RecordHeader = this.#ring.read(position);
      const count = Math.min(header.kept, room - HEADER_BYTES);
      if (header.kind <= SENT && count === 0 && header.length > 0) break;
      const bytes = new Uint8Array(count);
      this.#ring.copy(position, header.kept, bytes);
      const timeMs = roundToUs(header.timeMs - startMs);
      entries.push({ timeMs, kind: RECORD_KINDS[header.kind], bytes, length: header.length });
      if (count < header.kept) break;
      room -= HEADER_BYTES + count;
      position = header.previous;
    }
    return entries.reverse();
  }

  #report(name: string, fault: unknown): void {
    this.#logger.error("The {name} function of a flight recorder failed: {error}", { name, error: toError(fault) });
  }
}

function isWorthIt({ reason, connectionError }: RecordingEnd): boolean {
  return connectionError !== undefined || (reason !== undefined && !isOrderly(reason));
}

function limit(name: string, value: number | undefined, fallback: number, least: number, most: number): number {
  const resolved = orDefault(value, fallback);
  requireInteger("create flight recorder", name, resolved, least, most);
  return resolved;
}

function roundToUs(timeMs: number): number {
  return Math.round(timeMs * 1_000) / 1_000;
}
