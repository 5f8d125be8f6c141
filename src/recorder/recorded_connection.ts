// RecordedConnection: wraps any other connection, and records what goes through it. Runtime neutral.

import type { Address } from "../transport/address.ts";
import type { TlsInfo } from "../transport/tls_options.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "../transport/transport.ts";
import type { CoarseTime } from "./coarse_time.ts";
import {
  ABORTED,
  CLOSED,
  DISCARDED,
  GONE,
  RECEIVED,
  RECEIVED_END,
  type RecordRing,
  SENT,
  SENT_END,
} from "./record_ring.ts";

/** Where a connection's records go. */
export interface RecorderOfConnections {
  /** The bytes of all connections. */
  readonly ring: RecordRing;
  /** The time of records. */
  readonly time: CoarseTime;
  /** A connection is gone. Must not throw. */
  handleGone(connection: RecordedConnection): void;
}

/**
 * Passes on every call, in both directions, at once and unchanged; loans too. Bytes are copied when `write` is called, and
 * before `onData` hands them over.
 */
export class RecordedConnection implements Connection, ConnectionHandler {
  // The fields that each chunk uses come first: with thousands of connections the time goes into cache misses.
  readonly #below: Connection;
  #handler: ConnectionHandler | undefined = undefined;
  readonly #recorder: RecorderOfConnections;
  /** Where its last record is; negative if there is none. */
  last = -1;
  /** Bytes that came, without those that were dropped. */
  receivedBytes = 0;
  /** Bytes that were written. */
  sentBytes = 0;
  /** Whether this side has ended, or all is over: what is written then vanishes. */
  #isSilent = false;
  #isOver = false;
  /** Whether the recorder, as an observer, will hear of the session's end. */
  isObserved = false;
  /** How it ended; undefined while it has not. */
  end: ConnectionEnd | undefined = undefined;
  /** An object of this connection alone, by which its session is found. */
  readonly localAddress: Address;
  /** How it came about. */
  readonly origin: "accepted" | "connected";
  /** When it came, by the clock. */
  readonly startMs: number;

  /** Makes it around one that is not started. */
  constructor(below: Connection, origin: "accepted" | "connected", recorder: RecorderOfConnections) {
    this.#below = below;
    this.#recorder = recorder;
    this.origin = origin;
    this.localAddress = { ...below.localAddress };
    this.startMs = recorder.time.now();
  }

  get remoteAddress(): Address {
    return this.#below.remoteAddress;
  }

  get tls(): TlsInfo | undefined {
    return this.#below.tls;
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#below.start(this);
  }

  onData(buffer: Uint8Array, length: number): void {
    const { ring, time } = this.#recorder;
    this.last = ring.append(RECEIVED, this.last, time.now(), length, buffer, 0);
    this.receivedBytes += length;
    this.#handler?.onData(buffer, length);
  }

  onDiscard(length: number): void {
    this.#note(DISCARDED, length);
    this.#handler?.onDiscard?.(length);
  }

  onEnd(): void {
    this.#note(RECEIVED_END);
    this.#handler?.onEnd();
  }

  onDrain(): void {
    this.#handler?.onDrain();
  }

  onClose(end: ConnectionEnd): void {
    this.#note(GONE);
    this.#isSilent = true;
    this.#isOver = true;
    this.end = end;
    this.#handler?.onClose(end);
    this.#recorder.handleGone(this);
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#isSilent) {
      const { ring, time } = this.#recorder;
      this.last = ring.append(SENT, this.last, time.now(), length, bytes, offset);
      this.sentBytes += length;
    }
    return this.#below.write(bytes, offset, length);
  }

  get pendingBytes(): number {
    return this.#below.pendingBytes;
  }

  pause(): void {
    this.#below.pause();
  }

  resume(): void {
    this.#below.resume();
  }

  probe(mayRead: boolean): boolean {
    return this.#below.probe(mayRead);
  }

  get heldBytes(): number {
    return this.#below.heldBytes;
  }

  keepChunk(): void {
    this.#below.keepChunk?.();
  }

  discardInput(): void {
    this.#below.discardInput();
  }

  shutdown(): void {
    if (!this.#isSilent) this.#note(SENT_END);
    this.#isSilent = true;
    this.#below.shutdown();
  }

  close(): void {
    this.#finish(CLOSED);
    this.#below.close();
  }

  abort(): void {
    this.#finish(ABORTED);
    this.#below.abort();
  }

  #finish(kind: number): void {
    if (!this.#isOver) this.#note(kind);
    this.#isSilent = true;
    this.#isOver = true;
  }

  #note(kind: number, length = 0): void {
    const { ring, time } = this.#recorder;
    this.last = ring.append(kind, this.last, time.now(), length);
  }
}
