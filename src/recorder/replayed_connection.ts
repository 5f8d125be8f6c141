// A connection whose peer is a recording, and a transport of that connection alone. Runtime neutral.

import { ConnectError, ConnectionError } from "../errors.ts";
import { type Address, formatAddress } from "../transport/address.ts";
import { Delivery } from "../transport/delivery.ts";
import type { AcceptHandler, Connection, Transport } from "../transport/transport.ts";
import type { Recording, RecordingEntry } from "./recording.ts";

const NOTHING = new Uint8Array(0);

/** Told of what a replayed connection is given to send. */
export interface SentListener {
  /** Bytes are sent; the caller's own. */
  handleSent(bytes: Uint8Array<ArrayBuffer>): void;
  /** The sending side has ended. */
  handleSentEnd(): void;
}

/** Takes all that is written at once; receives what it is fed. */
export class ReplayedConnection extends Delivery implements Connection {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** Nothing waits here. */
  readonly pendingBytes = 0;
  readonly #recording: Recording;
  readonly #listener: SentListener;
  #hasShutDown = false;

  /** Makes it, with the addresses of the recording. */
  constructor(recording: Recording, listener: SentListener) {
    super();
    this.localAddress = recording.localAddress;
    this.remoteAddress = recording.remoteAddress;
    this.#recording = recording;
    this.#listener = listener;
  }

  /** Repeats what the peer did in an entry, without its first `skip` bytes. Ignores what this side did. */
  feed({ kind, bytes, length }: RecordingEntry, skip: number): void {
    if (this.isOver) return;
    // Not `slice()`, which does not copy a Buffer: a handler may write into its payload.
    const received = kind === "received" ? new Uint8Array(bytes.subarray(skip)) : NOTHING;
    if (received.length > 0) this.handleData(received, received.length);
    else if (kind === "discarded" && this.isDiscarding) this.handleData(NOTHING, length);
    else if (kind === "received-end") this.handleEnd();
    else if (kind === "gone") this.#break();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.isOver || this.#hasShutDown) return false;
    this.#listener.handleSent(new Uint8Array(bytes.subarray(offset, offset + length)));
    return true;
  }

  probe(_mayRead: boolean): boolean {
    return this.isAtEnd;
  }

  discardInput(): void {
    this.discard();
  }

  shutdown(): void {
    if (this.#hasShutDown || this.isOver) return;
    this.#hasShutDown = true;
    this.#listener.handleSentEnd();
  }

  close(): void {
    this.shutdown();
    this.#leave();
  }

  abort(): void {
    this.#leave();
  }

  #leave(): void {
    this.finish();
    this.handleGone({});
  }

  #break(): void {
    const code = this.#recording.end?.connectionError;
    if (code !== undefined) this.handleGone({ error: new ConnectionError(code) });
  }
}

/** A transport that accepts, or dials, one connection, and no other. */
export class ReplayTransport implements Transport {
  readonly name = "replay";
  readonly #connection: Connection;
  #handler: AcceptHandler | undefined = undefined;
  #isTaken = false;

  /** Makes it for a connection that is not started. */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Has the connection come in. */
  accept(): void {
    this.#isTaken = true;
    this.#handler?.onConnection(this.#connection);
  }

  listen(address: Address, handler: AcceptHandler): ReturnType<Transport["listen"]> {
    this.#handler ??= handler;
    return Promise.resolve({ address, close: () => Promise.resolve() });
  }

  connect(address: Address): Promise<Connection> {
    if (this.#isTaken) return Promise.reject(new ConnectError("refused", formatAddress(address)));
    this.#isTaken = true;
    return Promise.resolve(this.#connection);
  }
}
