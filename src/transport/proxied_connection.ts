// A connection behind a proxy: wraps another connection, reads the PROXY header at its start, and has the client's address that
// the header tells. Runtime neutral.

import type { Clock } from "../clock.ts";
import { ConnectionError } from "../errors.ts";
import type { Address } from "./address.ts";
import { Delivery } from "./delivery.ts";
import { ProxyHeaderReader } from "./proxy_header.ts";
import type { TlsInfo } from "./tls_options.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "./transport.ts";

const NOTHING = new Uint8Array(0);

/**
 * Reads the PROXY header of a connection.
 *
 * @param connection One that is not started.
 * @param clock Where time comes from.
 * @param timeoutMs How long the header may take, in milliseconds.
 * @returns The connection with the client's address, not started; to be used in place of the other.
 * @throws {ConnectionError} `"proxy-header-invalid"`, `"proxy-header-timeout"`, or how the connection broke. The
 * connection is still to be closed then.
 */
export async function readProxyHeader(connection: Connection, clock: Clock, timeoutMs: number): Promise<Connection> {
  const proxied = new ProxiedConnection(connection);
  const timer = clock.setTimer(() => proxied.fail(new ConnectionError("proxy-header-timeout")), timeoutMs);
  try {
    await proxied.readHeader();
    return proxied;
  } finally {
    clock.clearTimer(timer);
  }
}

/** Hands on all that the connection below says, behind the header. */
class ProxiedConnection extends Delivery implements Connection, ConnectionHandler {
  readonly #below: Connection;
  readonly #header = Promise.withResolvers<void>();
  #remoteAddress: Address;
  /** Undefined once the header is whole. */
  #reader: ProxyHeaderReader | undefined = new ProxyHeaderReader();

  constructor(below: Connection) {
    super();
    this.#below = below;
    this.#remoteAddress = below.remoteAddress;
  }

  readHeader(): Promise<void> {
    this.#below.start(this);
    return this.#header.promise;
  }

  /** Gives the header up. */
  fail(error: ConnectionError): void {
    this.#header.reject(error);
  }

  get localAddress(): Address {
    return this.#below.localAddress;
  }

  get remoteAddress(): Address {
    return this.#remoteAddress;
  }

  get tls(): TlsInfo | undefined {
    return this.#below.tls;
  }

  onData(buffer: Uint8Array, length: number): void {
    if (this.#reader === undefined) this.handleData(buffer, length);
    else this.#readOn(this.#reader, buffer.subarray(0, length));
  }

  onDiscard(length: number): void {
    this.handleData(NOTHING, length);
  }

  onEnd(): void {
    this.fail(new ConnectionError("proxy-header-invalid")); // No effect once the header has come.
    this.handleEnd();
  }

  onDrain(): void {
    this.handleTaken();
  }

  onClose(end: ConnectionEnd): void {
    this.fail(end.error ?? new ConnectionError("proxy-header-invalid"));
    this.handleGone(end);
  }

  override start(handler: ConnectionHandler): void {
    super.start(handler);
    if (!this.isPaused) this.#below.resume();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.#below.write(bytes, offset, length);
  }

  get pendingBytes(): number {
    return this.#below.pendingBytes;
  }

  override keepChunk(): void {
    this.#below.keepChunk?.();
  }

  override pause(): void {
    super.pause();
    this.#below.pause();
  }

  override resume(): void {
    super.resume();
    if (this.isStarted) this.#below.resume();
  }

  probe(mayRead: boolean): boolean {
    const isHolding = super.heldBytes > 0;
    const isAtEnd = this.#below.probe(mayRead && !isHolding);
    return isAtEnd && !isHolding;
  }

  override get heldBytes(): number {
    return super.heldBytes + this.#below.heldBytes;
  }

  discardInput(): void {
    this.discard();
    this.#below.discardInput();
  }

  shutdown(): void {
    this.#below.shutdown();
  }

  close(): void {
    this.finish();
    this.#below.close();
  }

  abort(): void {
    this.finish();
    this.#below.abort();
  }

  #readOn(reader: ProxyHeaderReader, chunk: Uint8Array): void {
    try {
      const header = reader.read(chunk);
      if (header === undefined) return;
      this.#reader = undefined;
      this.#below.pause();
      this.#remoteAddress = header.source ?? this.#remoteAddress;
      if (header.rest.length > 0) this.handleData(header.rest, header.rest.length); // Held until there is a handler.
      this.#header.resolve();
    } catch (error) {
      this.#below.pause();
      this.#header.reject(error);
    }
  }
}
