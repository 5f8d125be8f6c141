// TlsConnection: a connection over a socket of `node:tls` whose handshake is done. Runs on Node, Bun and Deno.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { ConnectionError } from "../errors.ts";
import { isRuntime } from "../runtime_name.ts";
import { type Address, tcpAddress } from "./address.ts";
import { Delivery } from "./delivery.ts";
import { toConnectionError } from "./error_codes.ts";
import type { KeepsAlive } from "./late_keep_alive.ts";
import type { NodeSocket } from "./node_socket.ts";
import type { TlsInfo } from "./tls_options.ts";
import type { ChecksRecords } from "./tls_record_watch.ts";
import type { Connection, ConnectionHandler } from "./transport.ts";

/**
 * Bytes of a write: a message of 64 KiB and its header are one. Only whole writes show that the peer reads: at 20 KB/s one takes
 * three and a half seconds, within the default of `closeTimeoutMs`. Smaller ones cost more; one over 256 KiB fails on one of the
 * runtimes.
 */
const LARGEST_WRITE_BYTES = 69_632;
/** How long a close may wait until the end that `shutdown()` sends has gone out. */
const CLOSE_MS = 1_000;
/** Keep-alive as of plain sockets: milliseconds between two probes, and how many. */
const KEEP_ALIVE_PROBES = [10_000, 6] as const;

/** Bytes of records without data that a peer may send: more than the unfinished record that a look may find. */
const MOST_DATALESS_BYTES = 32_768;
/** Bytes that a record with data may have beside it: header, tag, and padding, which few peers use. */
const RECORD_OVERHEAD_BYTES = 1_024;
/** What each byte that waits in a paused socket may have taken: in records of a byte it is 22 bytes more. */
const WAITING_OVERHEAD_BYTES = 32;

/** What the adapter uses of the socket below. */
type RawSocket = Socket & { readonly _handle?: { readStop?(): void; readStart?(): void } | null };

/** The two ends of a TCP connection. */
export interface TlsEnds {
  /** The address at this end. */
  readonly localAddress: Address;
  /** The peer's address. */
  readonly remoteAddress: Address;
}

/** Reads both addresses of a socket, while it has them. */
export function endsOf(raw: Socket): TlsEnds {
  return {
    localAddress: tcpAddress(raw.localAddress ?? "", raw.localPort ?? 0),
    remoteAddress: tcpAddress(raw.remoteAddress ?? "", raw.remotePort ?? 0),
  };
}

/** The parts of a connection beside its sockets. */
interface Parts {
  /** Whose timer bounds a close. */
  readonly clock: Clock;
  /** Both addresses. */
  readonly ends: TlsEnds;
  /** What the handshake has told. */
  readonly tls: TlsInfo;
  /** The silence before keep-alive's first probe; 0 for none. */
  readonly keepAliveDelayMs: number;
}

/** Every write is on loan until the system has taken all of it: so what is encrypted and not sent yet counts as pending. */
export class TlsConnection extends Delivery implements Connection, KeepsAlive, ChecksRecords {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly tls: TlsInfo;
  readonly #socket: TLSSocket;
  readonly #raw: RawSocket;
  readonly #keepAliveDelayMs: number;
  readonly #clock: Clock;
  /** Ends a close that waits for its end to be sent. */
  #closeTimer: unknown = undefined;
  #hasShutDown = false;
  #isAborted = false;
  #pendingBytes = 0;
  #error: ConnectionError | undefined = undefined;
  /** Records with data that were handed over, and the bytes of records that need no data to explain them. */
  #records = 0;
  #excusedBytes: number;

  /** Makes a connection that is not started; `raw` is the socket that the encrypted bytes go through. */
  constructor(socket: TLSSocket, raw: Socket, { clock, ends, tls, keepAliveDelayMs }: Parts) {
    super();
    this.#clock = clock;
    this.localAddress = ends.localAddress;
    this.remoteAddress = ends.remoteAddress;
    this.tls = tls;
    this.#socket = socket;
    this.#raw = raw;
    this.#excusedBytes = raw.bytesRead;
    this.#keepAliveDelayMs = keepAliveDelayMs;
    this.#stopReading();
    socket.on("data", (chunk: Uint8Array) => {
      this.#records++;
      this.handleData(chunk, chunk.length);
    });
    socket.on("end", () => {
      if (this.#error === undefined) this.handleEnd();
    });
    socket.on("error", (cause) => {
      this.#error ??= toConnectionError(cause);
      socket.destroy(); // After the handshake no runtime does.
    });
    // On Node a reset shows at the socket below only.
    raw.on("error", (cause) => {
      this.#error ??= toConnectionError(cause);
    });
    socket.on("close", () => {
      if (this.#closeTimer !== undefined) this.#clock.clearTimer(this.#closeTimer);
      this.handleGone(this.#error === undefined ? {} : { error: this.#error });
    });
    raw.on("close", (hadError) => hadError && socket.destroy());
    // Reset since the handshake, before anybody listened.
    if (socket.destroyed || raw.destroyed) {
      this.#error = new ConnectionError("reset");
      if (socket.destroyed) queueMicrotask(() => this.handleGone({ error: new ConnectionError("reset") }));
      else socket.destroy();
    }
  }

  keepAlive(): void {
    const raw = this.#raw as unknown as NodeSocket;
    if (this.#keepAliveDelayMs > 0) raw.setKeepAlive(true, this.#keepAliveDelayMs, ...KEEP_ALIVE_PROBES);
    // Node does not report a reset that comes right after the handshake.
    this.#findReset();
  }

  /** For Node: OpenSSL takes key updates of TLS 1.3 without a call to anybody, some 20 us each. */
  checkRecords(): void {
    const { bytesRead, readableLength } = this.#socket;
    const explained = bytesRead + this.#records * RECORD_OVERHEAD_BYTES + readableLength * WAITING_OVERHEAD_BYTES;
    const excess = this.#raw.bytesRead - explained - this.#excusedBytes;
    if (excess > MOST_DATALESS_BYTES) {
      this.#error ??= new ConnectionError("tls-failed", { cause: new Error("too many records without data") });
      this.#socket.destroy();
    } else if (excess < 0 && readableLength === 0) this.#excusedBytes += excess;
  }

  override start(handler: ConnectionHandler): void {
    super.start(handler);
    if (!this.isPaused) this.#startReading();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#hasShutDown || this.isOver || this.#socket.destroyed) return false;
    if (length === 0) return true; // Deno fails at a write of nothing.
    this.#pendingBytes = length;
    this.#send(bytes, offset, length);
    return false;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  override pause(): void {
    super.pause();
    this.#stopReading();
  }

  override resume(): void {
    super.resume();
    if (this.isStarted) this.#startReading();
  }

  probe(mayRead: boolean): boolean {
    if (!this.isPaused || this.isOver) return this.isAtEnd;
    if (!this.#findReset() && mayRead && this.heldBytes === 0 && !this.hasEnded) this.#startReading();
    return this.isAtEnd;
  }

  override handleData(chunk: Uint8Array, length: number): void {
    super.handleData(chunk, length);
    if (this.isPaused) this.#stopReading(); // One chunk ahead is enough.
  }

  override get heldBytes(): number {
    return super.heldBytes + (this.isPaused && !this.isOver ? this.#socket.readableLength : 0);
  }

  discardInput(): void {
    this.discard();
    this.resume();
  }

  shutdown(): void {
    if (this.#hasShutDown || this.isOver) return;
    this.#hasShutDown = true;
    this.#socket.end();
  }

  close(): void {
    if (this.isOver) return;
    this.finish();
    const socket = this.#socket;
    // The end that `shutdown()` sends has not been sent yet.
    if (this.#hasShutDown && !socket.writableFinished && !socket.destroyed) {
      socket.once("finish", () => socket.destroy());
      this.#closeTimer = this.#clock.setTimer(() => socket.destroy(), CLOSE_MS);
      socket.resume();
    } else socket.destroy();
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.finish();
    // On Node only the socket below can send a reset; the TLS socket is destroyed after it. Both in one turn crash Node. While a
    // shutdown is under way Node fails to send the reset (EINVAL) and never closes the socket.
    const isShuttingDown = this.#hasShutDown && !this.#socket.writableFinished;
    if (this.#raw.destroyed || isShuttingDown) this.#socket.destroy();
    else {
      this.#raw.once("close", () => this.#socket.destroy());
      this.#raw.resetAndDestroy();
    }
  }

  /** Ends the connection if the system does not know the peer any more, as after a reset; but so it is once both sides have ended. */
  #findReset(): boolean {
    const handle = (this.#raw as unknown as NodeSocket)._handle;
    if (this.isOver || this.#hasShutDown || (handle?.getpeername?.({}) ?? 0) >= 0) return false;
    this.#error ??= new ConnectionError("reset");
    this.#socket.destroy();
    return true;
  }

  #send(bytes: Uint8Array, offset: number, length: number): void {
    const count = Math.min(length, LARGEST_WRITE_BYTES);
    const view = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, count);
    this.#socket.write(view, (error) => {
      if (error || this.#socket.destroyed || this.isOver) return; // Broken: "close" follows.
      this.#pendingBytes -= count;
      if (count < length) this.#send(bytes, offset + count, length - count);
      else this.handleTaken();
    });
  }

  /** Stops the handle too: on Deno a paused TLS socket reads on, and so does the one below. */
  #stopReading(): void {
    this.#socket.pause();
    if (isRuntime("Deno")) this.#raw._handle?.readStop?.();
  }

  #startReading(): void {
    if (isRuntime("Deno")) this.#raw._handle?.readStart?.();
    this.#socket.resume();
  }
}
