// The Bun adapter: listens through `Bun.listen`; dials through `node:net`, since `Bun.connect` can be neither cancelled
// nor timed. Bun only.

import { systemClock } from "../clock.ts";
import { ConnectionError, ListenError } from "../errors.ts";
import { copyBytes } from "../buffer/copy_bytes.ts";
import { type Address, formatAddress, tcpAddress } from "./address.ts";
import { BUN_CAPABILITIES } from "./capabilities.ts";
import { guardAccepts } from "./accept_guard.ts";
import { BunCollector } from "./bun_collector.ts";
import { BunReadPacer } from "./bun_read_pacer.ts";
import { deferTurn } from "../defer.ts";
import type { TurnTaker } from "../waiting_line.ts";
import { Delivery } from "./delivery.ts";
import { toConnectionError, toListenError } from "./error_codes.ts";
import { type KeepsAlive, LateKeepAlive } from "./late_keep_alive.ts";
import { connectNode, openFileLimit } from "./node.ts";
import { resolveHost } from "./node_host.ts";
import { dialTls, listenTls } from "./node_tls.ts";
import { checkDial, checkListen, keepAliveDelayOf, type ListenOptions } from "./socket_options.ts";
import type { TransportOptions } from "./traits.ts";
import type { AcceptHandler, Connection, ConnectionHandler, Transport, TransportListener } from "./transport.ts";

/** Chunks of this size and more may hold many small frames: they are copied into one array that all connections share. */
const SMALLEST_SHARED_BYTES = 256;
/** The largest chunk that is copied into the shared array. */
const LARGEST_SHARED_BYTES = 8_192;
/** Chunks that are handed over without that copy after a handler has kept one, as it may keep them too. */
const CHUNKS_AS_THEY_CAME = 64;

/** Bun reads up to 512 KiB at a time; after a chunk of this size it may read once more before it sees that it was paused. */
const FULL_CHUNK_BYTES = 262_144;

/** The array that chunks are copied into. */
let sharedChunk = new Uint8Array(LARGEST_SHARED_BYTES);

/** What the adapter uses of a `Bun.Socket`. */
interface BunSocket {
  /** Not set on a socket that was dead on arrival. */
  data: BunConnection | undefined;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  write(bytes: Uint8Array, offset: number, length: number): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  setKeepAlive(isOn: boolean, idleMs: number): boolean;
  setNoDelay(isOn: boolean): boolean;
}

/** What the adapter uses of Bun. */
interface BunRuntime {
  listen(options: {
    hostname?: string;
    port?: number;
    unix?: string;
    ipv6Only: boolean;
    reusePort: boolean;
    allowHalfOpen: boolean;
    socket: {
      open(socket: BunSocket): void;
      data(socket: BunSocket, chunk: Uint8Array): void;
      drain(socket: BunSocket): void;
      end(socket: BunSocket): void;
      close(socket: BunSocket, error?: Error): void;
      error(socket: BunSocket, error: Error): void;
    };
  }): { readonly hostname: string; readonly port: number; stop(closeActive?: boolean): void };
  /** Collects what is not in use; with true, before it returns. */
  gc(force: boolean): void;
}

/** What the adapter uses of Bun's `process`. */
interface BunProcess {
  readonly memoryUsage: { rss(): number };
}

/** What the connections of a listener share. */
interface Shared {
  readonly pacer: BunReadPacer;
  /** Switches keep-alive on later; undefined if it is to be off. */
  readonly keepAlive: LateKeepAlive | undefined;
  /** The silence before the first probe. Bun sends one a second then, ten in all. */
  readonly keepAliveDelayMs: number;
}

/**
 * Makes the transport over `Bun.listen`. The backlog is always 512 there.
 *
 * @param options The clock.
 * @returns A transport. Its connections take turns to read when many of them are sent a lot.
 * @throws {TypeError} if the runtime is not Bun.
 *
 * @example Listen under Bun
 * ```ts
 * import { bunTransport } from "@laster/net/transport";
 *
 * if ("Bun" in globalThis) {
 *   const handler = { onConnection: () => {}, onAcceptError: () => {} };
 *   const listener = await bunTransport().listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, handler);
 *   await listener.close();
 * }
 * ```
 */
export function bunTransport({ clock = systemClock() }: TransportOptions = {}): Transport {
  const { Bun: bun, process } = globalThis as unknown as { Bun?: BunRuntime; process: BunProcess };
  if (bun === undefined) throw new TypeError("Cannot create transport as the runtime must be Bun: Bun is undefined");
  const pacer = new BunReadPacer(new BunCollector(() => process.memoryUsage.rss(), () => bun.gc(true)));
  const transport: Transport = {
    name: "bun",
    traits: { afterPoll: deferTurn, maxOpenFiles: openFileLimit() },
    capabilities: BUN_CAPABILITIES,
    async listen(address, handler, options = {}) {
      checkListen(transport, address, options);
      if (options.tls !== undefined) return await listenTls(clock, address, handler, options);
      const keepAliveDelayMs = keepAliveDelayOf(options);
      const keepAlive = keepAliveDelayMs === 0 ? undefined : new LateKeepAlive(clock);
      return await listenBun(bun, { pacer, keepAlive, keepAliveDelayMs }, address, handler, options);
    },
    async connect(address, options = {}) {
      checkDial(transport, address, options);
      if (options.tls !== undefined) return await dialTls(clock, address, options);
      return await connectNode(address, options);
    },
  };
  return transport;
}

async function listenBun(
  bun: BunRuntime,
  shared: Shared,
  address: Address,
  acceptHandler: AcceptHandler,
  { ipv6Only = false, noDelay = true, reusePort = false }: ListenOptions,
): Promise<TransportListener> {
  const handler = guardAccepts(acceptHandler);
  try {
    const where = address.kind === "tcp"
      ? { hostname: await resolveHost(address.hostname, formatAddress(address)), port: address.port }
      : { unix: address.path };
    const locals = new LocalAddresses(address);
    const server = bun.listen({
      ...where,
      ipv6Only,
      reusePort,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          // Reset while it waited in the accept queue: the system does not know its peer any more.
          if (address.kind === "tcp" && socket.remoteAddress === undefined) return socket.terminate();
          if (!noDelay) socket.setNoDelay(false);
          const connection = new BunConnection(socket, locals.find(socket), shared);
          socket.data = connection;
          handler.onConnection(connection);
          connection.holdUntilStarted();
        },
        data: (socket, chunk) => socket.data?.handleChunk(chunk),
        drain: (socket) => socket.data?.handleDrain(),
        end: (socket) => socket.data?.handleEnd(),
        close: (socket, error) => socket.data?.handleClose(error),
        // Bun calls this if a callback above throws, which only a bug can cause; a broken connection is reported to `close`.
        error: (_socket, error) => {
          throw error;
        },
      },
    });
    let isOpen = true;
    return {
      address: address.kind === "tcp" ? tcpAddress(server.hostname, server.port) : address,
      close() {
        if (isOpen) server.stop(false);
        isOpen = false;
        return Promise.resolve();
      },
    };
  } catch (cause) {
    throw cause instanceof ListenError ? cause : toListenError(cause, formatAddress(address));
  }
}

class BunConnection extends Delivery implements Connection, TurnTaker, KeepsAlive {
  readonly #socket: BunSocket;
  readonly #shared: Shared;
  /** Whether it waits for the pacer to read on. */
  #isPaced = false;
  #hasShutDown = false;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** What a partial write left over: sent on from `drain`. */
  #rest: Uint8Array | undefined = undefined;
  #restOffset = 0;
  #restBytes = 0;
  /** How many of the next chunks are handed over without a copy. */
  #ownChunks = 0;
  #lastChunkBytes = 0;
  /** Whether `probe()` has the socket read although paused, until a chunk comes. */
  #isReadingAhead = false;

  constructor(socket: BunSocket, localAddress: Address, shared: Shared) {
    super();
    this.#socket = socket;
    this.#shared = shared;
    this.localAddress = localAddress;
    if (localAddress.kind === "unix") this.remoteAddress = { kind: "unix", path: "" };
    else {
      this.remoteAddress = tcpAddress(socket.remoteAddress ?? "", socket.remotePort ?? 0);
      shared.keepAlive?.add(this);
    }
  }

  /** Starts paused: called once Bun has opened the socket. */
  holdUntilStarted(): void {
    if (!this.isStarted && !this.isOver) this.#socket.pause();
  }

  override start(handler: ConnectionHandler): void {
    super.start(handler);
    if (!this.isPaused && !this.isOver) this.#socket.resume();
  }

  /**
   * A chunk came, in an array of its own. If it may hold many small frames, it is copied into the shared array first: `copyBytes`
   * copies frames faster if their source stays the same.
   */
  handleChunk(chunk: Uint8Array): void {
    const { length } = chunk;
    const isQuiet = (this.isPaused || this.#isPaced) && this.isStarted && !this.#isReadingAhead;
    if (isQuiet && this.#isReset()) return;
    this.#lastChunkBytes = length;
    if (length < SMALLEST_SHARED_BYTES || length > LARGEST_SHARED_BYTES || !this.isFlowing) {
      this.handleData(chunk, length);
      if (this.#isReadingAhead) this.#stopReadingAhead();
      if (!this.#isPaced && !this.isOver && this.#shared.pacer.holds(length, this)) {
        this.#isPaced = true;
        this.#socket.pause();
      }
    } else if (this.#ownChunks > 0) {
      this.#ownChunks--;
      this.handleData(chunk, length);
    } else this.#share(chunk, length);
  }

  /**
   * A chunk came while paused, for one of two reasons. After a reset Bun reads all that the system holds, megabytes in a row,
   * before it reports the reset. After a full chunk it reads once more, as it does not see the pause yet. It is a reset if a
   * second chunk comes, or if a pending write fails now.
   */
  #isReset(): boolean {
    const isSure = this.heldBytes > 0 || this.#lastChunkBytes < FULL_CHUNK_BYTES;
    if (isSure && !this.isDiscarding) this.#breakOff();
    else this.handleDrain();
    return this.isOver;
  }

  keepAlive(): void {
    this.#socket.setKeepAlive(true, this.#shared.keepAliveDelayMs);
  }

  handleTurn(): void {
    this.#isPaced = false;
    if (this.isStarted && !this.isPaused && !this.isOver) this.#socket.resume();
  }

  #share(chunk: Uint8Array, length: number): void {
    copyBytes(chunk, 0, sharedChunk, 0, length);
    this.handleData(sharedChunk, length);
    if (this.isFlowing && !this.isDiscarding && !this.isKept) return;
    // The handler has paused or closed: it may still look at the array.
    sharedChunk = new Uint8Array(LARGEST_SHARED_BYTES);
    this.#ownChunks = CHUNKS_AS_THEY_CAME;
  }

  #stopReadingAhead(): void {
    this.#isReadingAhead = false;
    if (this.isPaused && !this.isOver) this.#socket.pause();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#hasShutDown || this.isOver) return false;
    const count = this.#socket.write(bytes, offset, length);
    if (count === length) return true;
    if (count < 0) return this.#breakOff();
    this.#rest = bytes;
    this.#restOffset = offset + count;
    this.#restBytes = length - count;
    return false;
  }

  /** A write found the connection broken. While it is paused, Bun does not report the error again. */
  #breakOff(): false {
    this.#rest = undefined;
    this.handleGone({ error: new ConnectionError("reset") });
    this.#socket.terminate();
    return false;
  }

  get pendingBytes(): number {
    return this.#restBytes;
  }

  override pause(): void {
    super.pause();
    this.#isReadingAhead = false;
    if (!this.isOver) this.#socket.pause();
  }

  override resume(): void {
    super.resume();
    this.#isReadingAhead = false;
    if (this.isStarted && !this.isOver && !this.#isPaced) this.#socket.resume();
  }

  /** Bun reports a reset while paused, but an end only to those who read. */
  probe(mayRead: boolean): boolean {
    if (mayRead && this.isPaused && !this.#isReadingAhead && this.heldBytes === 0 && !this.hasEnded && !this.isOver) {
      this.#isReadingAhead = true;
      this.#socket.resume();
    }
    return this.isAtEnd;
  }

  discardInput(): void {
    this.discard();
    this.resume();
  }

  shutdown(): void {
    if (this.#hasShutDown || this.isOver) return;
    this.#hasShutDown = true;
    this.#socket.shutdown();
  }

  close(): void {
    if (this.isOver) return;
    this.finish();
    this.#socket.end();
  }

  abort(): void {
    if (this.isOver) return;
    this.finish();
    this.#socket.terminate();
  }

  handleDrain(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    const count = this.#socket.write(rest, this.#restOffset, this.#restBytes);
    if (count < 0) {
      this.#breakOff();
      return;
    }
    this.#restOffset += count;
    this.#restBytes -= count;
    if (this.#restBytes > 0) return;
    this.#rest = undefined;
    this.handleTaken();
  }

  handleClose(cause: Error | undefined): void {
    this.#shared.keepAlive?.remove(this);
    this.#rest = undefined;
    if (this.isOver) this.handleGone({});
    else if (cause) this.handleGone({ error: toConnectionError(cause) });
    else if (!this.#hasShutDown) this.handleGone({ error: new ConnectionError("reset") }); // A write failed.
    else {
      // Once both sides have ended Bun closes by itself, and if the peer was the second, says nothing of its end.
      this.handleEnd();
      this.handleGone({});
    }
  }
}

/** The local addresses of a listener's connections. Mostly all have the same; asking takes two calls to the system. */
class LocalAddresses {
  readonly #isAnywhere: boolean;
  #last: Address | undefined;

  /** The addresses of the connections of one listener. */
  constructor(listener: Address) {
    this.#isAnywhere = listener.kind === "tcp" && /^[0:.]+$/.test(listener.hostname);
    this.#last = listener.kind === "unix" ? listener : undefined;
  }

  /** Finds that of a connection. */
  find(socket: BunSocket): Address {
    const last = this.#last;
    if (last !== undefined && !this.#isAnywhere) return last;
    const address = tcpAddress(socket.localAddress ?? "", socket.localPort ?? 0);
    const isSame = last?.kind === "tcp" && last.hostname === address.hostname && last.port === address.port;
    return isSame ? last : this.#last = address;
  }
}
