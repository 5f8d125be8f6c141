// Recording: the last bytes of one connection, both ways, with their times. Runtime neutral.

import type { ConnectionErrorCode } from "../errors.ts";
import type { CloseReason } from "../session/close_reason.ts";
import type { Address } from "../transport/address.ts";
import { readJsonLines, writeJsonLines } from "./json_lines.ts";
import { writePcapng } from "./pcapng.ts";

/**
 * What happened on a connection:
 *
 * - `"received"`: a chunk came, and was handed over.
 * - `"sent"`: a chunk was given to the system, which may not have sent it.
 * - `"received-end"`, `"sent-end"`: the peer, or this side, ended its side (FIN).
 * - `"discarded"`: bytes came and were dropped, as the session was closing.
 * - `"closed"`, `"aborted"`: this side closed the connection, in order or with a reset.
 * - `"gone"`: the connection is gone.
 */
export type RecordKind =
  | "received"
  | "sent"
  | "received-end"
  | "sent-end"
  | "discarded"
  | "closed"
  | "aborted"
  | "gone";

/** One thing that happened. */
export interface RecordingEntry {
  /** Milliseconds since the connection came, with three places. */
  readonly timeMs: number;
  /** What it was. */
  readonly kind: RecordKind;
  /** The bytes that came or went: a part of {@linkcode Recording.received} or {@linkcode Recording.sent}. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many bytes there were; of the oldest chunk, more than `bytes` has if its front is lost. */
  readonly length: number;
}

/** How a recorded connection ended. */
export interface RecordingEnd {
  /** Why its session ended; undefined if there was none, or no observer told of it. */
  readonly reason?: CloseReason | undefined;
  /** What is behind the reason, as the session's close event says. May be blanked by `redact`. */
  detail?: string | undefined;
  /** The message of the error behind the reason. May be blanked by `redact`. */
  error?: string | undefined;
  /** How the connection broke; undefined if it did not. */
  readonly connectionError?: ConnectionErrorCode | undefined;
}

/** What a recording consists of. */
export interface RecordingParts {
  /** How the connection came about. */
  readonly origin: "accepted" | "connected";
  /** The address at this end. */
  readonly localAddress: Address;
  /** The peer's address; behind a proxy without TLS, the proxy's. */
  readonly remoteAddress: Address;
  /** Whether it spoke TLS; what is recorded is plain in either case. */
  readonly isTls: boolean;
  /** When the connection came, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Bytes that came before the first one that is here. */
  readonly missingReceivedBytes: number;
  /** Bytes that were sent before the first one that is here. */
  readonly missingSentBytes: number;
  /** The bytes that came, one behind the other; the entries' bytes are parts of it. */
  readonly received: Uint8Array<ArrayBuffer>;
  /** The bytes that were sent, likewise. */
  readonly sent: Uint8Array<ArrayBuffer>;
  /** What happened, oldest first. */
  readonly entries: readonly RecordingEntry[];
  /** How it ended; undefined while it has not. */
  readonly end: RecordingEnd | undefined;
}

/**
 * The last bytes of one connection. It is a copy, and the caller's own: `redact` blanks what is private in
 * {@linkcode Recording.received} and {@linkcode Recording.sent}, in place.
 *
 * @example To text and back
 * ```ts
 * import { connect, serve, silentLogger } from "@laster/net";
 * import { FlightRecorder, Recording } from "@laster/net/recorder";
 * import { memoryTransport } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const recorded = Promise.withResolvers<Recording>();
 * const recorder = new FlightRecorder({ onRecording: recorded.resolve });
 * const transport = memoryTransport();
 * await using service = await serve({
 *   port: 1,
 *   transport: recorder.wrap(transport),
 *   observers: [recorder],
 *   logger: silentLogger(),
 *   onMessage() {
 *     throw new Error("a fault");
 *   },
 * });
 * await using session = await connect({ port: 1, transport });
 * session.send(new Uint8Array([7]));
 *
 * const text = (await recorded.promise).toJsonLines();
 * const recording = Recording.parse(text);
 * assertEquals(recording.received, new Uint8Array([1, 0, 0, 0, 7]));
 * assertEquals(recording.end?.reason, "handler-error");
 * assertEquals(recording.toJsonLines(), text);
 * ```
 */
export class Recording implements RecordingParts {
  /** How the connection came about. */
  readonly origin: "accepted" | "connected";
  /** The address at this end. */
  readonly localAddress: Address;
  /** The peer's address; behind a proxy without TLS, the proxy's. */
  readonly remoteAddress: Address;
  /** Whether it spoke TLS; what is recorded is plain in either case. */
  readonly isTls: boolean;
  /** When the connection came, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Bytes that came before the first one that is here. */
  readonly missingReceivedBytes: number;
  /** Bytes that were sent before the first one that is here. */
  readonly missingSentBytes: number;
  /** The bytes that came, one behind the other; the entries' bytes are parts of it. */
  readonly received: Uint8Array<ArrayBuffer>;
  /** The bytes that were sent, likewise. */
  readonly sent: Uint8Array<ArrayBuffer>;
  /** What happened, oldest first. */
  readonly entries: readonly RecordingEntry[];
  /** How it ended; undefined while it has not. */
  readonly end: RecordingEnd | undefined;

  /**
   * Makes a recording of its parts; a recorder does so, and `parse()`.
   *
   * @param parts What it consists of; taken over, not copied.
   */
  constructor(parts: RecordingParts) {
    this.origin = parts.origin;
    this.localAddress = parts.localAddress;
    this.remoteAddress = parts.remoteAddress;
    this.isTls = parts.isTls;
    this.startedAtMs = parts.startedAtMs;
    this.missingReceivedBytes = parts.missingReceivedBytes;
    this.missingSentBytes = parts.missingSentBytes;
    this.received = parts.received;
    this.sent = parts.sent;
    this.entries = parts.entries;
    this.end = parts.end;
  }

  /**
   * Reads what `toJsonLines()` wrote.
   *
   * @param text The text.
   * @returns The recording.
   * @throws {TypeError} if the text is no recording; the message names the line.
   */
  static parse(text: string): Recording {
    return new Recording(readJsonLines(text));
  }

  /** Whether all bytes of the connection are here, both ways. */
  get isWhole(): boolean {
    return this.missingReceivedBytes === 0 && this.missingSentBytes === 0;
  }

  /**
   * Writes it as text, one object of JSON a line: first all but the entries, then an entry each, its bytes in hexadecimal
   * digits.
   *
   * @returns The text, with a line's end behind the last line.
   */
  toJsonLines(): string {
    return writeJsonLines(this);
  }

  /**
   * Writes it as a capture file that Wireshark and tshark read: pcapng (IETF draft-ietf-opsawg-pcapng), with a packet of IP
   * and TCP (RFC 791, 8200, 9293) made up around each chunk. Sockets of Unix are shown as ports 1 (this end) and 2 of
   * 127.0.0.1. Files of several recordings may be put one behind the other.
   *
   * @returns The bytes of the file.
   */
  toPcapng(): Uint8Array<ArrayBuffer> {
    return writePcapng(this);
  }
}
