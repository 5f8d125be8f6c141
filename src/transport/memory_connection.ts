// One end of an in-memory connection. See memory.ts. Runtime neutral.

import { RingBuffer } from "../buffer/ring_buffer.ts";
import { ConnectionError } from "../errors.ts";
import { checkKeys, requireFunction } from "../options.ts";
import type { Address } from "./address.ts";
import { deferTurn } from "../defer.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "./transport.ts";

/** Bytes that a receiving end holds before the sender must wait, as a socket's buffers do. */
const DEFAULT_CAPACITY_BYTES = 65_536;
/** After this many deliveries to an end, the event loop gets a turn. */
const DELIVERIES_PER_TURN = 64;

/**
 * How an end of an in-memory connection misbehaves. Its functions are called for every write or chunk; what they return is
 * rounded down, and less than 1 is taken as 1.
 */
export interface MemoryScript {
  /**
   * The most bytes that this end's system takes at one go: a partial write.
   *
   * @default {as many as the peer has room for}
   */
  readonly writeBytes?: () => number;
  /**
   * The most bytes in a chunk that this end receives: fragmentation. 1 gives one byte at a time.
   *
   * @default {65536}
   */
  readonly chunkBytes?: () => number;
  /**
   * Unread bytes that this end holds before the peer's writes wait, a power of two.
   *
   * @default {65536}
   */
  readonly capacityBytes?: number;
}

const SCRIPT_NAMES: Record<keyof MemoryScript, true> = { writeBytes: true, chunkBytes: true, capacityBytes: true };

/**
 * Refuses a script with another name, or another type of function.
 *
 * @param script The script as given.
 * @throws {TypeError} if there is one.
 */
export function checkScript(script: MemoryScript): void {
  checkKeys("memory script", script, SCRIPT_NAMES);
  for (const name of ["writeBytes", "chunkBytes"] as const) {
    if (script[name] !== undefined) requireFunction("create memory script", name, script[name]);
  }
}

/** One end of an in-memory connection, with methods for tests to stall or reset it. */
export class MemoryConnection implements Connection {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  /** Always 0: unread bytes wait in the inbox, which stands for the system's buffers. */
  readonly heldBytes = 0;
  readonly #script: MemoryScript;
  /** What the peer has sent and the handler has not had. */
  readonly #inbox: RingBuffer;
  /** Set by `join()`, before anybody else has the object. */
  #peer!: MemoryConnection;
  #handler: ConnectionHandler | undefined = undefined;
  #rest: Uint8Array | undefined = undefined;
  #restOffset = 0;
  #restBytes = 0;
  #isPaused = false;
  #isDiscarding = false;
  #isStalled = false;
  #isClosed = false;
  #hasShutDown = false;
  /** Whether the peer's end was handed over. */
  #hasEnded = false;
  #isDeliveryDue = false;
  #deliveries = 0;
  #isSendDue = false;
  /** How it ended, for a handler that starts later. */
  #end: ConnectionEnd = {};

  /** Makes an end; use `memoryPair()`. */
  constructor(localAddress: Address, remoteAddress: Address, script: MemoryScript) {
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.#script = script;
    const capacityBytes = script.capacityBytes ?? DEFAULT_CAPACITY_BYTES;
    this.#inbox = new RingBuffer({ initialBytes: Math.min(1024, capacityBytes), maxBytes: capacityBytes });
  }

  /** Tells an end of its peer. */
  join(peer: MemoryConnection): void {
    this.#peer = peer;
  }

  /** Stops this end from reading, as a program that hangs: the peer's writes wait once the buffer is full. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Ends a stall. */
  unstall(): void {
    this.#isStalled = false;
    this.#scheduleDelivery();
  }

  /** Breaks the connection as a network does: both ends are reset, what is on its way is lost. */
  reset(): void {
    this.#breakWith({ error: new ConnectionError("reset") });
    this.#peer.#breakWith({ error: new ConnectionError("reset") });
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#isClosed) queueMicrotask(() => handler.onClose(this.#end));
    else this.#scheduleDelivery();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#isClosed || this.#hasShutDown) return false;
    this.#rest = bytes;
    this.#restOffset = offset;
    this.#restBytes = length;
    return this.#sendSome();
  }

  get pendingBytes(): number {
    return this.#restBytes;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#scheduleDelivery();
  }

  /** A reset is known at once here, and so is the end: nothing needs to be read for it. */
  probe(_mayRead: boolean): boolean {
    return this.#isAtEnd();
  }

  discardInput(): void {
    this.#isDiscarding = true;
    this.resume();
  }

  shutdown(): void {
    if (this.#hasShutDown || this.#isClosed) return;
    this.#hasShutDown = true;
    this.#peer.#scheduleDelivery();
  }

  close(): void {
    if (this.#isClosed) return;
    // As TCP does: closing with unread input resets the peer.
    const isReset = this.#inbox.count > 0;
    this.#hasShutDown = true;
    this.#breakWith({});
    if (isReset) this.#peer.#breakWith({ error: new ConnectionError("reset") });
    else this.#peer.#handlePeerClosed();
  }

  abort(): void {
    if (this.#isClosed) return;
    this.#breakWith({});
    this.#peer.#breakWith({ error: new ConnectionError("reset") });
  }

  /** Moves bytes to the peer until all are gone or something limits it; says whether all are gone. */
  #sendSome(): boolean {
    const rest = this.#rest;
    if (rest === undefined) return true;
    const wanted = Math.min(this.#restBytes, toBytes(this.#script.writeBytes?.() ?? this.#restBytes));
    const count = this.#peer.#isClosed ? this.#restBytes : this.#peer.#inbox.write(rest, this.#restOffset, wanted);
    // As on a network: a peer that is closed answers with a reset, which arrives after the write.
    if (this.#peer.#isClosed) queueMicrotask(() => this.#breakWith({ error: new ConnectionError("reset") }));
    this.#restOffset += count;
    this.#restBytes -= count;
    this.#peer.#scheduleDelivery();
    if (this.#restBytes > 0) {
      if (count > 0) this.#scheduleSend();
      return false;
    }
    this.#rest = undefined;
    return true;
  }

  #scheduleSend(): void {
    if (this.#isSendDue || this.#rest === undefined || this.#isClosed) return;
    this.#isSendDue = true;
    queueMicrotask(() => {
      this.#isSendDue = false;
      if (this.#isClosed || this.#rest === undefined) return;
      if (this.#sendSome()) this.#handler?.onDrain();
    });
  }

  #scheduleDelivery(): void {
    if (this.#isDeliveryDue || this.#isClosed || this.#isStalled || this.#handler === undefined) return;
    this.#isDeliveryDue = true;
    const deliver = () => {
      this.#isDeliveryDue = false;
      this.#deliver();
    };
    // With microtasks alone, two ends that answer each other for ever would block the event loop.
    if (++this.#deliveries % DELIVERIES_PER_TURN === 0) deferTurn(deliver);
    else queueMicrotask(deliver);
  }

  /** Hands over one chunk, or the end; the next comes in a microtask of its own. */
  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined || this.#isClosed || this.#isPaused || this.#isStalled || this.#hasEnded) return;
    if (this.#inbox.count === 0) {
      if (!this.#isAtEnd()) return;
      this.#hasEnded = true;
      handler.onEnd();
      return;
    }
    const chunkBytes = toBytes(this.#script.chunkBytes?.() ?? DEFAULT_CAPACITY_BYTES);
    const chunk = new Uint8Array(Math.min(chunkBytes, this.#inbox.count));
    this.#inbox.read(chunk);
    this.#peer.#scheduleSend();
    if (this.#isDiscarding) handler.onDiscard?.(chunk.length);
    else handler.onData(chunk, chunk.length);
    this.#scheduleDelivery();
  }

  /** Whether the peer has ended its side, and all it sent was handed over. */
  #isAtEnd(): boolean {
    return this.#inbox.count === 0 && this.#peer.#hasShutDown && this.#peer.#rest === undefined;
  }

  /** The peer closed: what it sent is still delivered, what we send comes back as a reset. */
  #handlePeerClosed(): void {
    if (this.#isClosed) return;
    if (this.#rest !== undefined) this.#breakWith({ error: new ConnectionError("reset") });
    else this.#scheduleDelivery();
  }

  #breakWith(end: ConnectionEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#end = end;
    this.#rest = undefined;
    this.#inbox.clear();
    const handler = this.#handler;
    if (handler !== undefined) queueMicrotask(() => handler.onClose(end));
  }
}

/** Makes a number of bytes of what a script says: 1 at the least, also of what is no number. */
function toBytes(said: number): number {
  return said >= 1 ? Math.floor(said) : 1;
}
