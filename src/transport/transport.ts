// Transport and Connection: what a runtime must offer so that sessions can live on it. Types only; the adapters are
// beside it, and transportCases() in src/testing/conformance/ says the same in cases. Runtime neutral.

import type { ConnectionError, ListenError } from "../errors.ts";
import type { Address } from "./address.ts";
import type { TransportCapabilities } from "./capabilities.ts";
import type { DialOptions, ListenOptions } from "./socket_options.ts";
import type { TlsInfo, TlsListenOptions } from "./tls_options.ts";
import type { TransportTraits } from "./traits.ts";

/** How a connection ended. */
export interface ConnectionEnd {
  /** What broke it; absent if it ended in order, or by our own `abort()`. */
  readonly error?: ConnectionError;
}

/**
 * Receives the events of a connection. Calls come one after the other, never from inside a call to the connection. After
 * `close()` or `abort()` comes nothing but `onClose`, and after `onClose` nothing. Calls must not throw.
 */
export interface ConnectionHandler {
  /**
   * Bytes came: the first `length` bytes of `buffer`; the rest of it means nothing. They are valid during the call; if the
   * call pauses the connection, until `resume()`; if it ends the connection, or its input, for good. Is not called while
   * paused, nor after `onEnd`.
   */
  onData(buffer: Uint8Array, length: number): void;
  /** So many bytes came and were dropped, after `discardInput()`. Is not called while paused. */
  onDiscard?(length: number): void;
  /** The peer shut its sending side down, and every byte before that was handed over. Sending is still possible. */
  onEnd(): void;
  /** The bytes of the `write` that answered false are all taken; the next `write` may come. */
  onDrain(): void;
  /** The connection is gone. Comes exactly once for every `start()`. */
  onClose(end: ConnectionEnd): void;
}

/**
 * One byte stream. Starts paused, so that nothing is lost before `start()`. By default no-delay is on, and so is TCP keep-alive
 * (after 60 s of silence, every 10 s, six times), as far as the runtime can. An accepted connection may have keep-alive only a
 * second or two later.
 *
 * To end it in order: `shutdown()` once nothing is being written, take `onData` up to `onEnd`, then `close()`.
 */
export interface Connection {
  /** The address at this end. */
  readonly localAddress: Address;
  /** The peer's address. */
  readonly remoteAddress: Address;
  /** What TLS tells of the connection; undefined without TLS. */
  readonly tls?: TlsInfo;
  /** Hands the connection its handler and lets data flow. Call it once. */
  start(handler: ConnectionHandler): void;
  /**
   * Sends `bytes[offset]` up to `bytes[offset + length - 1]`, however many writes of the runtime that takes.
   *
   * @returns true if the bytes are all taken: the array is the caller's again. false if not yet: the array stays on loan,
   * unchanged, until `onDrain` (or `onClose`), and no other `write` may come before. After `shutdown()`, or after the
   * connection broke or closed, bytes vanish and the answer is false; no `onDrain` follows.
   */
  write(bytes: Uint8Array, offset: number, length: number): boolean;
  /**
   * Bytes of the `write` that answered false that the system has not taken yet, as far as the runtime tells; it shrinks while a
   * slow peer reads.
   */
  readonly pendingBytes: number;
  /**
   * Stops `onData`, `onDiscard` and `onEnd` from the next call on. The peer's end, and its reset, may go unseen while paused:
   * see `probe()`.
   */
  pause(): void;
  /** Lets bytes and the end flow again. Does not call the handler from inside. */
  resume(): void;
  /**
   * Looks whether the peer is still there while the connection is paused and so hears nothing. To be called every few seconds:
   * what one call finds may be told by the next. A reset closes the connection: `onClose` follows.
   *
   * @param mayRead Whether it may read one chunk ahead to find the peer's end, unless one is held already. The chunk is held
   * until `resume()`, and counts in `heldBytes`.
   * @returns Whether the peer has ended its side, and no byte waits in front of its end.
   */
  probe(mayRead: boolean): boolean;
  /** Bytes of memory of the chunks that came while paused, and wait for `resume()`. */
  readonly heldBytes: number;
  /**
   * Has the last chunk stay valid for good: a handler still looks at it, and takes other messages meanwhile. A connection that
   * never uses the memory of a chunk again need not have this method.
   */
  keepChunk?(): void;
  /**
   * Drops all that comes from now on, and lets it flow if it was paused: `onDiscard` is called instead of `onData`, and
   * `onEnd` as ever. A chunk that was on loan stays valid for good. `pause()` and `resume()` go on working.
   */
  discardInput(): void;
  /**
   * Ends the sending side (FIN); receiving goes on. Not while a `write` is under way. May be called twice. Once both
   * sides have ended a runtime may close by itself: `onClose` then comes without `close()`, after `onEnd`.
   */
  shutdown(): void;
  /**
   * Closes both ways in order. Bytes that `write` took are still delivered if `onEnd` was called; else the system may drop them.
   * What a `write` still has on loan is dropped. `onClose` follows. May be called twice.
   */
  close(): void;
  /**
   * Closes both ways at once, with a reset where the runtime can send one: the peer of a Deno or a Unix socket may see an
   * end in order. `onClose` follows. May be called twice.
   */
  abort(): void;
}

/** A connection that has come, and has a handshake to make before it can be used. */
export interface PendingConnection {
  /** The peer's address. */
  readonly remoteAddress: Address;
  /**
   * Reads the PROXY header in front of the handshake; `remoteAddress` is then the address that it tells.
   *
   * @param timeoutMs How long it may take, in milliseconds.
   * @throws {ConnectionError} `"proxy-header-invalid"`, `"proxy-header-timeout"`, or how the connection broke. The
   * connection is still to be closed then.
   */
  readProxyHeader(timeoutMs: number): Promise<void>;
  /**
   * Makes the handshake. Call it at once, or `close()`.
   *
   * @returns The connection, not started.
   * @throws {ConnectionError} if it fails, or takes too long; the connection is gone then.
   */
  secure(): Promise<Connection>;
  /** Closes it; a handshake under way fails. */
  close(): void;
}

/** Receives the events of a listener. */
export interface AcceptHandler {
  /** A connection came. Call its `start()`, or `abort()` it, before returning or later: it waits. Must not throw. */
  onConnection(connection: Connection): void;
  /**
   * A connection came that has a handshake to make first. Must not throw.
   *
   * @default {undefined: the transport makes the handshake, and calls `onConnection` then}
   */
  onPending?(pending: PendingConnection): void;
  /** Accepting failed, mostly for want of file descriptors. The listener goes on, after a pause. */
  onAcceptError(error: ListenError): void;
}

/** An open listener of a transport. */
export interface TransportListener {
  /** Where it listens; the port is the real one. */
  readonly address: Address;
  /**
   * Replaces all certificates of a listener that speaks TLS, from the next handshake on; undefined at others. Without
   * `serverNames` there are none for other names any more. One that is wrong changes nothing.
   *
   * @throws {TypeError} if a certificate or a key is broken, or they do not belong together.
   */
  readonly setCertificates?: (identities: Pick<TlsListenOptions, "cert" | "key" | "serverNames">) => void;
  /**
   * Stops listening; connections that were accepted live on, those that `onPending` was told of too. May be called twice. What
   * is at a Unix socket's path by then is removed, also if it is another listener's.
   */
  close(): Promise<void>;
}

/**
 * A runtime's way to listen and dial.
 *
 * Accepts and reads in a row must let the runtime poll all sockets in between, as `Clock.defer` does: neither they nor deferred
 * work may block the event loop.
 */
export interface Transport {
  /** The runtime's API behind it. */
  readonly name: string;
  /**
   * How it behaves.
   *
   * @default {undefined, which is as the defaults say}
   */
  readonly traits?: TransportTraits;
  /**
   * What it can do.
   *
   * @default {undefined: none of the options, and nothing is known of the rest}
   */
  readonly capabilities?: TransportCapabilities;
  /**
   * Opens a listener.
   *
   * @param address Where; port 0 lets the system choose.
   * @param handler Takes the connections.
   * @param options How. What the transport lacks is refused, not ignored, but for `backlog`.
   * @throws {ListenError} if the address cannot be listened on; `"unsupported"` if an option cannot be had.
   */
  listen(address: Address, handler: AcceptHandler, options?: ListenOptions): Promise<TransportListener>;
  /**
   * Dials.
   *
   * @param address Where to.
   * @param options How. What the transport lacks is refused, not ignored.
   * @returns The connection, not started.
   * @throws {ConnectError} if it does not come about; `"unsupported"` if an option cannot be had.
   */
  connect(address: Address, options?: DialOptions): Promise<Connection>;
}
