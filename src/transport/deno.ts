// The Deno adapter: listens and dials through `Deno.listen` and `Deno.connect`, one read at a time per connection. Deno only.

import { type Clock, systemClock } from "../clock.ts";
import { type Address, formatAddress, tcpAddress } from "./address.ts";
import { DENO_CAPABILITIES } from "./capabilities.ts";
import { DEFAULT_BACKLOG } from "./default_backlog.ts";
import { guardAccepts } from "./accept_guard.ts";
import { AcceptLoop } from "./deno_accept_loop.ts";
import type { TurnTaker } from "../waiting_line.ts";
import { BulkPacer } from "./deno_bulk_pacer.ts";
import { Delivery } from "./delivery.ts";
import { ReadGovernor, type ReadQuota, READS_A_TURN } from "./deno_read_governor.ts";
import type { DenoAddress, DenoListener, DenoRuntime, DenoSocket } from "./deno_runtime.ts";
import { toConnectError, toConnectionError, toListenError } from "./error_codes.ts";
import { OPEN_FILE_LIMIT_PATH, openFileLimit } from "./node.ts";
import { ReadBuffer, ReadBufferPool } from "./read_buffer.ts";
import { dialTls, listenTls } from "./node_tls.ts";
import { checkDial, checkListen, type DialOptions, type ListenOptions, type SocketOptions } from "./socket_options.ts";
import type { TransportOptions } from "./traits.ts";
import type {
  AcceptHandler,
  Connection,
  ConnectionEnd,
  ConnectionHandler,
  Transport,
  TransportListener,
} from "./transport.ts";

/** Bytes that a paused connection reads at most to find the peer's end. */
const AHEAD_BYTES = 256;
const NOTHING = new Uint8Array(0);

/** What the connections of a transport share. */
interface SharedReads {
  readonly buffers: ReadBufferPool;
  readonly governor: ReadGovernor;
  readonly pacer: BulkPacer;
}

/**
 * Makes the transport over `Deno.listen` and `Deno.connect`. Needs `--allow-net`; Unix sockets need `--allow-read` and
 * `--allow-write`.
 *
 * @param options The clock.
 * @returns A transport. Its connections share read buffers.
 * @throws {TypeError} if the runtime is not Deno.
 *
 * @example Listen under Deno
 * ```ts
 * import { denoTransport } from "@laster/net/transport";
 *
 * if ("Deno" in globalThis) {
 *   const handler = { onConnection: () => {}, onAcceptError: () => {} };
 *   const listener = await denoTransport().listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, handler);
 *   await listener.close();
 * }
 * ```
 */
export function denoTransport({ clock = systemClock() }: TransportOptions = {}): Transport {
  const { Deno: deno } = globalThis as unknown as { Deno?: DenoRuntime };
  if (deno === undefined) throw new TypeError("Cannot create transport as the runtime must be Deno: Deno is undefined");
  const reads: SharedReads = {
    buffers: new ReadBufferPool(),
    governor: new ReadGovernor(clock),
    pacer: new BulkPacer(),
  };
  const transport: Transport = {
    name: "deno",
    traits: { batchedReads: true, asyncWrites: true, maxOpenFiles: openFileLimitOf(deno) },
    capabilities: DENO_CAPABILITIES,
    async listen(address, handler, options = {}) {
      checkListen(transport, address, options);
      if (options.tls !== undefined) return await listenTls(clock, address, handler, options);
      return await listenDeno(deno, { reads, clock }, address, handler, options);
    },
    async connect(address, options = {}) {
      checkDial(transport, address, options);
      if (options.tls !== undefined) return await dialTls(clock, address, options);
      return await connectDeno(deno, reads, address, options);
    },
  };
  return transport;
}

// deno-lint-ignore require-await -- async, so that what Deno.listen throws becomes a rejection.
async function listenDeno(
  deno: DenoRuntime,
  { reads, clock }: { readonly reads: SharedReads; readonly clock: Clock },
  address: Address,
  acceptHandler: AcceptHandler,
  options: ListenOptions,
): Promise<TransportListener> {
  const handler = guardAccepts(acceptHandler);
  const text = formatAddress(address);
  const tcpBacklog = options.backlog ?? DEFAULT_BACKLOG;
  let server: DenoListener;
  try {
    server = address.kind === "tcp"
      ? deno.listen({ hostname: address.hostname, port: address.port, tcpBacklog })
      : deno.listen({ transport: "unix", path: address.path });
  } catch (cause) {
    throw toListenError(cause, text);
  }
  const accepting = new AcceptLoop(server, clock, (socket) => {
    handler.onConnection(new DenoConnection(socket, reads, options));
  }, (cause) => handler.onAcceptError(toListenError(cause, text)));
  const run = accepting.run();
  return {
    address: toAddress(server.addr),
    close() {
      accepting.stop();
      return run; // Deno removes a Unix socket's path once no accept is pending any more.
    },
  };
}

async function connectDeno(
  deno: DenoRuntime,
  reads: SharedReads,
  address: Address,
  options: DialOptions,
): Promise<Connection> {
  const { signal } = options;
  try {
    signal?.throwIfAborted();
    const socket = address.kind === "tcp"
      ? await deno.connect({ hostname: address.hostname, port: address.port, signal })
      : await deno.connect({ transport: "unix", path: address.path, signal });
    return new DenoConnection(socket, reads, options);
  } catch (cause) {
    const isAborted = signal?.aborted === true;
    throw toConnectError(
      isAborted ? new DOMException("The dial was aborted", "AbortError") : cause,
      formatAddress(address),
    );
  }
}

/** Reads the limit only if the permission is there: else Deno would ask the user, or refuse. */
function openFileLimitOf(deno: DenoRuntime): number | undefined {
  const { state } = deno.permissions.querySync({ name: "read", path: OPEN_FILE_LIMIT_PATH });
  return state === "granted" ? openFileLimit() : undefined;
}

/** Sets options, which a Unix socket lacks. Deno takes no times for keep-alive: the system's hold, two hours on Linux. */
function tune(socket: DenoSocket, { keepAlive, noDelay }: SocketOptions): void {
  try {
    if (noDelay !== false) socket.setNoDelay?.(true);
    if (keepAlive !== false) socket.setKeepAlive?.(true);
  } catch {
    // The connection is broken: a read reports it.
  }
}

function toAddress(address: DenoAddress): Address {
  if (address.transport === "unix") return { kind: "unix", path: address.path ?? "" };
  return tcpAddress(address.hostname, address.port);
}

/** What the connection waits for. `"flow-…"`: until it is not paused, before or after its chunk was handed over. */
type ReadStage = "nothing" | "read" | "read-ahead" | "flow-before" | "flow-after" | "turn";

/** The buffer that one connection reads into, and its share of the reads: one object, as there are thousands. */
class DenoReadBuffer extends ReadBuffer implements ReadQuota {
  left = READS_A_TURN;
  isLate = false;
}

class DenoConnection extends Delivery implements Connection, TurnTaker {
  readonly #socket: DenoSocket;
  readonly #reads: SharedReads;
  #hasShutDown = false;
  #isClosed = false;
  /** Whether it is paused, and the governor knows. */
  #isAside = false;
  /** Whether a write of nothing is under way. */
  #isProbing = false;
  #stage: ReadStage = "nothing";
  /** What the next read goes to; set while the connection reads. */
  #buffer: DenoReadBuffer | undefined = undefined;
  /** What the last read brought; null is the peer's end. */
  #count: number | null = 0;
  /** What is being written, and on loan. */
  #writing: Uint8Array | undefined = undefined;
  // Callbacks and not an async loop, which would take another 300 bytes of each idle connection. One callback takes the result
  // and the error of an operation, as each callback takes another 56 bytes: an error is neither a number nor null.
  readonly #onRead = (result: unknown) => this.#handleRead(result);
  readonly #onWritten = (result: unknown) => this.#handleWritten(result);

  constructor(socket: DenoSocket, reads: SharedReads, options: SocketOptions) {
    super();
    this.#socket = socket;
    this.#reads = reads;
    tune(socket, options);
  }

  get localAddress(): Address {
    return toAddress(this.#socket.localAddr);
  }

  get remoteAddress(): Address {
    return toAddress(this.#socket.remoteAddr);
  }

  override start(handler: ConnectionHandler): void {
    super.start(handler);
    if (this.isOver) return;
    this.#buffer = new DenoReadBuffer(this.#reads.buffers);
    this.#reads.governor.enter();
    this.#read(this.#buffer);
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#hasShutDown || this.isOver) return false;
    const isWhole = offset === 0 && length === bytes.length;
    this.#write(isWhole ? bytes : bytes.subarray(offset, offset + length));
    return false;
  }

  get pendingBytes(): number {
    return this.#writing?.length ?? 0;
  }

  override resume(): void {
    super.resume();
    this.#goOnSoon();
  }

  /**
   * Over TCP, a write of nothing fails after a reset, unless this side has ended. Over a Unix socket it would fail after an
   * orderly end, too: there a reset is found by reading ahead. So is the peer's end, on both.
   */
  probe(mayRead: boolean): boolean {
    if (!this.isPaused || this.isOver) return this.isAtEnd;
    // The last read has brought what is held back, or the end; a read that is pending finds out by itself.
    if (this.#stage !== "flow-before" && this.#stage !== "flow-after") return false;
    const mayBeAhead = this.#stage === "flow-after" && !this.hasEnded;
    if (mayBeAhead && mayRead && this.heldBytes === 0) this.#readAhead();
    else if (this.#writing === undefined && !this.#hasShutDown && !this.#isProbing) this.#writeNothing();
    return this.#count === null || this.isAtEnd;
  }

  override get heldBytes(): number {
    const isHeld = this.#stage === "flow-before" && this.#count !== null;
    return super.heldBytes + (isHeld ? this.#buffer?.bytes.length ?? 0 : 0);
  }

  discardInput(): void {
    // A chunk on loan stays with the handler for good.
    const isOnLoan = this.isPaused && (this.#stage === "flow-after" || this.#stage === "read-ahead");
    if (isOnLoan) this.#buffer?.adaptLent(this.#count ?? 0);
    this.discard();
    this.#goOnSoon();
  }

  shutdown(): void {
    if (this.#hasShutDown || this.isOver) return;
    this.#hasShutDown = true;
    this.#socket.closeWrite().catch(() => {
      // The peer has reset the connection: a read reports it.
    });
  }

  close(): void {
    if (this.isOver) return;
    this.finish();
    this.#finish({});
  }

  abort(): void {
    this.close(); // Deno has no way to send a reset; with unread input the system sends one by itself.
  }

  #read(buffer: DenoReadBuffer): void {
    this.#stage = "read";
    const bytes = this.isDiscarding ? this.#reads.buffers.dropped : buffer.bytes;
    this.#socket.read(bytes).then(this.#onRead, this.#onRead);
  }

  /** Reads a little while paused. The chunk on loan stays where it is. */
  #readAhead(): void {
    this.#stage = "read-ahead";
    const bytes = new Uint8Array(AHEAD_BYTES);
    const onRead = (result: unknown) => this.#handleReadAhead(bytes, result);
    this.#socket.read(bytes).then(onRead, onRead);
  }

  #handleReadAhead(bytes: Uint8Array, result: unknown): void {
    if (typeof result !== "number" && result !== null) {
      this.#finish({ error: toConnectionError(result) });
      return this.#stopReading();
    }
    this.#stage = "flow-after";
    if (this.isOver || result === null) this.#stopReading();
    if (result === null) return this.handleEnd();
    if (this.isKept) this.#buffer?.adapt(this.#count ?? 0, true); // Now, as `handleData` clears `isKept`.
    this.handleData(bytes.subarray(0, result), result);
    this.#goOn();
  }

  #writeNothing(): void {
    if (this.#socket.remoteAddr.transport === "unix") return;
    this.#isProbing = true;
    this.#socket.write(NOTHING).then(
      () => this.#isProbing = false,
      (cause) => this.#finish({ error: toConnectionError(cause) }),
    );
  }

  /** A read ended: with a count of bytes, with null at the peer's end, or with an error, perhaps as this side closed. */
  #handleRead(result: unknown): void {
    if (typeof result !== "number" && result !== null) {
      this.#finish({ error: toConnectionError(result) });
      return this.#stopReading();
    }
    this.#count = result;
    this.#stage = "flow-before";
    this.#goOn();
  }

  /** Hands over what was read, then reads on. Not while paused: then the buffer is on loan to the handler, or held back. */
  #goOn(): void {
    const buffer = this.#buffer;
    if (buffer === undefined || (this.#stage !== "flow-before" && this.#stage !== "flow-after")) return;
    if (this.isOver) return this.#stopReading();
    if (!this.isFlowing) return this.#stepAside();
    if (this.#isAside) this.#stepIn();
    const count = this.#count;
    if (count === null) {
      this.#stopReading();
      return this.handleEnd();
    }
    if (this.#stage === "flow-before") {
      this.#stage = "flow-after";
      const wasDiscarding = this.isDiscarding;
      this.handleData(buffer.bytes, count); // While discarding, only counts them.
      // A handler that closes may still look at the chunk.
      if (!wasDiscarding && (this.isDiscarding || this.isOver)) buffer.adaptLent(count);
      if (this.isOver) return this.#stopReading();
      if (!this.isFlowing) return this.#stepAside();
    }
    if (!this.isDiscarding) buffer.adapt(count, this.isKept);
    const { governor, pacer } = this.#reads;
    this.#stage = "turn";
    if (!pacer.holds(count, governor.connections === 1, this) && !governor.holds(buffer, this)) this.#read(buffer);
  }

  /** While paused it does not read: its place goes to another connection. */
  #stepAside(): void {
    if (!this.#isAside) this.#reads.governor.stepAside();
    this.#isAside = true;
  }

  #stepIn(): void {
    this.#isAside = false;
    this.#reads.governor.stepIn();
  }

  handleTurn(): void {
    if (this.#buffer === undefined || this.isOver) this.#stopReading();
    else this.#read(this.#buffer);
  }

  #goOnSoon(): void {
    if (this.#stage === "flow-before" || this.#stage === "flow-after") queueMicrotask(() => this.#goOn());
  }

  #stopReading(): void {
    if (this.#buffer === undefined) return;
    this.#buffer.close(this.isPaused || this.isKept); // The handler may still look at the last chunk then.
    this.#buffer = undefined;
    if (this.#isAside) this.#stepIn();
    this.#reads.governor.leave();
  }

  #write(bytes: Uint8Array): void {
    this.#writing = bytes;
    this.#socket.write(bytes).then(this.#onWritten, this.#onWritten);
  }

  /** A write ended: with a count of bytes, or with an error. */
  #handleWritten(result: unknown): void {
    const bytes = this.#writing;
    if (bytes === undefined) return;
    // The read buffer is not given back here: it is the runtime's until the pending read ends, which closing the socket does.
    if (typeof result !== "number") return this.#finish({ error: toConnectionError(result) });
    if (result < bytes.length) return this.#write(bytes.subarray(result));
    this.#writing = undefined;
    this.handleTaken();
  }

  /** Closes the socket. The first call tells how it ended; later ones come from operations that the close interrupted. */
  #finish(end: ConnectionEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    this.handleGone(end);
    this.#goOnSoon();
  }
}
