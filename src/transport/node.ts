// The Node adapter: listens and dials through `node:net`, which Deno and Bun have too. Adds no logic of its own but the
// translation of events. Runs on Node, Bun and Deno.

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { systemClock } from "../clock.ts";
import { ConnectionError, ListenError } from "../errors.ts";
import { deferTurn } from "../defer.ts";
import { requireInteger } from "../options.ts";
import { isRuntime } from "../runtime_name.ts";
import { guardAccepts } from "./accept_guard.ts";
import { type Address, formatAddress, tcpAddress } from "./address.ts";
import { NODE_CAPABILITIES } from "./capabilities.ts";
import { DEFAULT_BACKLOG } from "./default_backlog.ts";
import { Delivery } from "./delivery.ts";
import { toConnectError, toConnectionError, toListenError } from "./error_codes.ts";
import { type KeepsAlive, LateKeepAlive } from "./late_keep_alive.ts";
import { mayUseNetwork } from "./node_process.ts";
import { resolveHost } from "./node_host.ts";
import { switchDelayOn } from "./node_delay.ts";
import { NodeReads } from "./node_reads.ts";
import type { NodeSocket, SocketMaker } from "./node_socket.ts";
import { dialTls, listenTls } from "./node_tls.ts";
import { ReadBufferPool } from "./read_buffer.ts";
import {
  checkDial,
  checkListen,
  type DialOptions,
  type HandedListenOptions,
  keepAliveDelayOf,
} from "./socket_options.ts";
import type { TransportOptions } from "./traits.ts";
import type { AcceptHandler, Connection, ConnectionHandler, Transport, TransportListener } from "./transport.ts";

const NOTHING = Buffer.alloc(0);
const HANDED_OVER = new TypeError("the socket of fd has been listened on, and is closed with that listener");

/** Where `openFileLimit()` looks. */
export const OPEN_FILE_LIMIT_PATH = "/proc/self/limits";

/** Keep-alive: milliseconds between two probes, and how many. Node below 26 takes neither. */
const KEEP_ALIVE_PROBES = [10_000, 6] as const;

/** Which end a connection is: only the listening one has a Unix path. */
type Role = "accepted" | "dialled";

/** Options of {@linkcode nodeTransport}. */
export interface NodeTransportOptions extends TransportOptions {
  /**
   * The number of a listening socket that the process was handed, 3 or more: systemd's first is 3. The first `listen()` takes that
   * socket, whatever its address is; further ones fail, as the socket is closed with its listener.
   */
  readonly fd?: number | undefined;
}

/**
 * Makes the transport over `node:net`. It runs on Node, Bun and Deno.
 *
 * @param options The clock, and a socket that is there already.
 * @returns A transport. Its connections share read buffers on Node.
 * @throws {RangeError} if `fd` is out of range.
 *
 * @example Listen
 * ```ts
 * import { nodeTransport } from "@laster/net/transport";
 *
 * const handler = { onConnection: () => {}, onAcceptError: () => {} };
 * const listener = await nodeTransport().listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, handler);
 * await listener.close();
 * ```
 */
export function nodeTransport({ clock = systemClock(), fd }: NodeTransportOptions = {}): Transport {
  if (fd !== undefined) requireInteger("create transport", "fd", fd, 3, 2 ** 31 - 1);
  let isHandedOver = false;
  const buffers = isRuntime("Node") ? new ReadBufferPool() : undefined;
  const transport: Transport = {
    name: "node",
    traits: { afterPoll: deferTurn, maxOpenFiles: openFileLimit() },
    capabilities: NODE_CAPABILITIES,
    async listen(address, handler, given = {}) {
      checkListen(transport, address, given);
      if (isHandedOver) throw new ListenError("address-in-use", formatAddress(address), { cause: HANDED_OVER });
      isHandedOver = fd !== undefined;
      const options: HandedListenOptions = { ...given, fd };
      if (options.tls !== undefined) return await listenTls(clock, address, handler, options);
      const keepAliveDelayMs = keepAliveDelayOf(options);
      const keepAlive = keepAliveDelayMs === 0 ? undefined : new LateKeepAlive(clock);
      return await listenNode({ buffers, keepAlive, keepAliveDelayMs }, address, handler, options);
    },
    async connect(address, options = {}) {
      checkDial(transport, address, options);
      if (options.tls !== undefined) return await dialTls(clock, address, options);
      return await connectNode(address, options, buffers);
    },
  };
  return transport;
}

/** What the connections of a listener share. */
interface Shared {
  /** Undefined where sockets cannot read into buffers of ours. */
  readonly buffers: ReadBufferPool | undefined;
  /** Switches keep-alive on later; undefined if it is to be off. */
  readonly keepAlive: LateKeepAlive | undefined;
  /** The silence before the first probe; 0 for no keep-alive. */
  readonly keepAliveDelayMs: number;
}

async function listenNode(
  shared: Shared,
  address: Address,
  acceptHandler: AcceptHandler,
  options: HandedListenOptions,
): Promise<TransportListener> {
  const handler = guardAccepts(acceptHandler);
  const text = formatAddress(address);
  const { backlog = DEFAULT_BACKLOG, fd, ipv6Only = false, noDelay = true, reusePort = false } = options;
  const server = createServer({ allowHalfOpen: true, noDelay, pauseOnConnect: true }, (socket: NodeSocket) => {
    // Reset while it waited in the accept queue: the system does not know its peer any more.
    if (address.kind === "tcp" && socket.remoteAddress === undefined) return socket.destroy();
    if (!noDelay) switchDelayOn(socket);
    handler.onConnection(acceptSocket(socket, address, shared));
  });
  const { promise, resolve, reject } = Promise.withResolvers<TransportListener>();
  server.once("error", (cause) => reject(toListenError(cause, text)));
  const where = address.kind === "tcp"
    ? { host: await resolveHost(address.hostname, text), port: address.port, ipv6Only, reusePort }
    : { path: address.path };
  const bindTo = address.kind === "tcp" ? formatAddress({ ...address, hostname: where.host ?? "" }) : undefined;
  if (!mayUseNetwork(bindTo)) throw new ListenError("permission-denied", text);
  const onListening = () => {
    server.removeAllListeners("error");
    // Nothing is reported for want of descriptors: libuv closes the connection, and "drop" is for `maxConnections` only.
    server.on("error", (cause) => handler.onAcceptError(toListenError(cause, text)));
    const bound = server.address();
    const isTcp = bound !== null && typeof bound === "object";
    resolve({
      address: isTcp ? tcpAddress(bound.address, bound.port) : address,
      close() {
        // Not awaited: the callback of close() waits for the connections too. The listening socket is closed at once.
        if (server.listening) server.close();
        return Promise.resolve();
      },
    });
  };
  try {
    server.listen({ ...(fd === undefined ? where : { fd }), backlog }, onListening);
  } catch (cause) {
    throw toListenError(cause, text);
  }
  return await promise;
}

/**
 * Dials through `node:net`; the Bun adapter does so as well, since `Bun.connect` can be neither cancelled nor timed.
 *
 * @param address Where to.
 * @param options How.
 * @param buffers What to read into, where Node can.
 * @returns The connection, not started.
 * @throws {ConnectError} if it does not come about.
 */
export function connectNode(
  address: Address,
  options: DialOptions,
  buffers?: ReadBufferPool,
): Promise<Connection> {
  const { localAddress, noDelay = true, signal } = options;
  const text = formatAddress(address);
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  if (signal?.aborted) {
    reject(toConnectError(abortError(), text));
    return promise;
  }
  const where = address.kind === "tcp"
    ? { host: address.hostname, port: address.port, localAddress }
    : { path: address.path };
  const reads = buffers && new NodeReads(buffers);
  let socket: NodeSocket;
  try {
    socket = connect({ ...where, allowHalfOpen: true, noDelay, onread: reads?.onread }) as NodeSocket;
  } catch (cause) {
    reads?.close();
    reject(toConnectError(cause, text));
    return promise;
  }
  const fail = (cause: Error) => {
    reject(toConnectError(cause, text));
    socket.destroy();
  };
  const onAbort = () => fail(abortError());
  const onError = (cause: Error) => {
    signal?.removeEventListener("abort", onAbort);
    fail(cause);
  };
  if (reads !== undefined) socket.on("close", () => reads.close());
  signal?.addEventListener("abort", onAbort, { once: true });
  socket.on("error", onError);
  socket.on("connect", () => {
    signal?.removeEventListener("abort", onAbort);
    if (socket.destroyed) return;
    const keepAliveDelayMs = keepAliveDelayOf(options);
    const connection = new NodeConnection(socket, address, "dialled", { keepAliveDelayMs, reads });
    if (keepAliveDelayMs > 0) connection.keepAlive();
    if (!noDelay) switchDelayOn(socket);
    socket.off("error", onError);
    resolve(connection);
  });
  return promise;
}

/**
 * Tells how many files the process may have open, if the system says so. Bun and Node raise the limit at their start as far as
 * they may.
 *
 * @returns The soft limit at this moment; undefined if it is not known.
 */
export function openFileLimit(): number | undefined {
  try {
    const [, files] = /^Max open files +(\d+)/m.exec(readFileSync(OPEN_FILE_LIMIT_PATH, "utf8")) ?? [];
    return files === undefined ? undefined : Number(files);
  } catch {
    return undefined; // Linux only, and by permission.
  }
}

function abortError(): Error {
  return new DOMException("The dial was aborted", "AbortError");
}

let lastBytes: Uint8Array = NOTHING;
let lastOffset = 0;
let lastView: Buffer = NOTHING;

/** Makes a `Buffer`, since a stream would make one of any other array. Keeps the last: a broadcast is written many times. */
function viewOf(bytes: Uint8Array, offset: number, length: number): Buffer {
  if (bytes === lastBytes && offset === lastOffset && length === lastView.length) return lastView;
  lastBytes = bytes;
  lastOffset = offset;
  lastView = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, length);
  return lastView;
}

/** Wraps an accepted socket. To read into the pool's buffers, a new socket takes its handle: `onread` can only be set there. */
function acceptSocket(accepted: NodeSocket, address: Address, shared: Shared): NodeConnection {
  const { buffers, keepAlive, keepAliveDelayMs } = shared;
  const handle = accepted._handle;
  if (buffers === undefined || handle?.useUserBuffer === undefined) {
    return new NodeConnection(accepted, address, "accepted", { keepAlive, keepAliveDelayMs });
  }
  const reads = new NodeReads(buffers);
  const { onread } = reads;
  const socket = new (Socket as unknown as SocketMaker)({ handle, allowHalfOpen: true, onread });
  socket.on("close", () => reads.close());
  return new NodeConnection(socket, address, "accepted", { keepAlive, keepAliveDelayMs, reads, ends: accepted });
}

/** The parts of a connection, as far as its runtime has them. */
interface Parts {
  /** Switches keep-alive on later; undefined if it is to be off, or is on already. */
  readonly keepAlive?: LateKeepAlive | undefined;
  /** The silence before the first probe. */
  readonly keepAliveDelayMs: number;
  /** Reads into the pool's buffers; undefined if chunks come as events. */
  readonly reads?: NodeReads | undefined;
  /** What knows the addresses, if not the socket: asked again, the system has forgotten the peer of one that was reset. */
  readonly ends?: NodeSocket;
}

class NodeConnection extends Delivery implements Connection, KeepsAlive {
  readonly #socket: NodeSocket;
  readonly #reads: NodeReads | undefined;
  #hasShutDown = false;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  #error: ConnectionError | undefined = undefined;
  readonly #keepAliveDelayMs: number;

  constructor(socket: NodeSocket, address: Address, role: Role, parts: Parts) {
    super();
    const { keepAlive, keepAliveDelayMs, reads, ends = socket } = parts;
    this.#socket = socket;
    this.#reads = reads;
    this.#keepAliveDelayMs = keepAliveDelayMs;
    if (address.kind === "unix") {
      const nowhere: Address = { kind: "unix", path: "" };
      this.localAddress = role === "accepted" ? address : nowhere;
      this.remoteAddress = role === "accepted" ? nowhere : address;
    } else {
      this.localAddress = tcpAddress(ends.localAddress ?? "", ends.localPort ?? 0);
      this.remoteAddress = tcpAddress(ends.remoteAddress ?? "", ends.remotePort ?? 0);
    }
    keepAlive?.add(this);
    // Before the listeners are added: one for "data" makes a stream flow unless it was paused.
    socket.pause();
    if (reads === undefined) socket.on("data", (chunk) => this.handleData(chunk, chunk.length));
    else reads.start(this);
    socket.on("end", () => this.handleEnd());
    socket.on("error", (cause) => {
      this.#error ??= toConnectionError(cause);
    });
    socket.on("close", () => {
      keepAlive?.remove(this);
      this.handleGone(this.#error === undefined ? {} : { error: this.#error });
    });
  }

  keepAlive(): void {
    if (this.localAddress.kind === "unix") return;
    this.#socket.setKeepAlive(true, this.#keepAliveDelayMs, ...KEEP_ALIVE_PROBES);
  }

  override start(handler: ConnectionHandler): void {
    super.start(handler);
    if (!this.isPaused) this.#socket.resume();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#hasShutDown || this.isOver) return false;
    const socket = this.#socket;
    const isEasy = socket.write(viewOf(bytes, offset, length)); // Never on a socket that is destroyed.
    // `writableLength` is 0 if the system took all at once.
    if (socket.writableLength === 0 && (isEasy || !socket.destroyed)) return true;
    if (socket.destroyed) return false;
    // An empty write behind the rest: its callback comes once all before it is taken. A callback for every write would cost more.
    socket.write(NOTHING, (error) => this.#handleWritten(error));
    return false;
  }

  get pendingBytes(): number {
    // What the stream has and the system has not. Without `writeQueueSize` a write under way counts whole.
    const { writableLength, _handle: handle } = this.#socket;
    return writableLength === 0 ? 0 : handle?.writeQueueSize ?? writableLength;
  }

  override pause(): void {
    super.pause();
    this.#socket.pause();
  }

  override resume(): void {
    super.resume();
    if (!this.isDiscarding) this.#reads?.endLoan(this.isKept); // While discarding, the loan never ends.
    if (this.isStarted) this.#socket.resume();
  }

  /**
   * Node and Deno report nothing of a socket that is not read, but after a reset the system does not know its peer. Nor
   * does it after both sides have ended, or of a Unix socket: there a reset is found by reading. Bun reports a reset by itself.
   */
  probe(mayRead: boolean): boolean {
    const socket = this.#socket;
    if (!this.isPaused || this.isOver) return this.isAtEnd;
    if (!this.#hasShutDown && (socket._handle?.getpeername?.({}) ?? 0) < 0) {
      this.#error ??= new ConnectionError("reset");
      socket.destroy();
    } else if (mayRead && this.heldBytes === 0 && !this.hasEnded) {
      // Reads one chunk, which is then held: see `NodeReads`, and `readableHighWaterMark` of streams.
      if (this.#reads === undefined) socket.read(0);
      else socket.resume();
    }
    return this.isAtEnd;
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
    this.finish();
    this.#socket.destroy(); // What `write` took is in the system's hands, which goes on sending it.
  }

  abort(): void {
    this.finish();
    // Only TCP has a reset. While a shutdown is under way Node fails to send it (EINVAL) and never closes the socket.
    const isShuttingDown = this.#hasShutDown && !this.#socket.writableFinished;
    const canReset = this.localAddress.kind === "tcp" && !this.#socket.destroyed && !isShuttingDown;
    if (canReset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #handleWritten(error: Error | null | undefined): void {
    if (error || this.#socket.destroyed) return; // Broken: "close" follows.
    this.handleTaken();
  }
}
