// SimulatedConnection: one end of a connection over a simulated network. Checks that its user keeps to the contract. Runtime
// neutral.

import { ConnectionError } from "../../errors.ts";
import type { Address } from "../../transport/address.ts";
import type { TlsInfo } from "../../transport/tls_options.ts";
import type { TransportTraits } from "../../transport/traits.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "../../transport/transport.ts";
import type { LinkConditions } from "./link_conditions.ts";
import { type PipeEnds, type PipeHost, SimulatedPipe } from "./simulated_pipe.ts";
import { checksum, type Trace } from "./trace.ts";

/** The byte that a chunk is filled with once its loan is over. */
const SCRIBBLE = 0xdb;
/** Meaningless bytes behind those of a chunk. */
const SPARE_BYTES = 8;

/** What a connection needs of its network. */
export interface ConnectionHost extends PipeHost {
  readonly trace: Trace;
  readonly traits: TransportTraits;
  /** Tells of a rule that the user of a connection has broken. */
  fail(error: Error): void;
}

/** What a connection is. */
export interface ConnectionParts {
  /** As traces call it. */
  readonly name: string;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly tls?: TlsInfo | undefined;
}

/** A write that is not taken whole. */
interface Loan {
  readonly bytes: Uint8Array;
  /** What was to be sent. */
  readonly copy: Uint8Array;
  readonly offset: number;
  taken: number;
}

/** One end of a simulated connection. */
export class SimulatedConnection implements Connection, PipeEnds {
  readonly name: string;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly tls?: TlsInfo;
  readonly heldBytes = 0;
  /** What it sends. */
  readonly out: SimulatedPipe;
  /** How it ended, as its handler was told, or will be; undefined while it lives. */
  ended: ConnectionEnd | undefined = undefined;
  /** Whether it was closed before it ended its side, and before it heard of the peer's end: what it sent may be lost. */
  isClosedEarly = false;
  /** Whether it ended its side before it heard of the peer's end: the two may cross on their way. */
  hasEndedFirst = false;
  readonly #host: ConnectionHost;
  /** Set by `join()`. */
  #peer!: SimulatedConnection;
  #handler: ConnectionHandler | undefined = undefined;
  #loan: Loan | undefined = undefined;
  #isPaused = false;
  /** Until when the program at this end hangs. */
  #stalledUntilMs = 0;
  #isDiscarding = false;
  #isReadDue = false;
  #isDrainDue = false;
  /** Whether the handler was told of the peer's end. */
  #isEndTold = false;
  /** Whether a reset has come that nobody was told of, as the connection is paused. */
  #isResetUnseen = false;
  /** The last chunk, while the handler may look at it. */
  #chunk: Uint8Array | undefined = undefined;

  /** Makes an end; `join()` completes it. */
  constructor(host: ConnectionHost, conditions: LinkConditions, parts: ConnectionParts) {
    this.#host = host;
    ({ name: this.name, localAddress: this.localAddress, remoteAddress: this.remoteAddress } = parts);
    if (parts.tls !== undefined) this.tls = parts.tls;
    this.out = new SimulatedPipe(host, conditions, {
      handleRoom: () => this.handleRoom(),
      handleArrival: () => this.#peer.handleArrival(),
      handleReset: () => this.#peer.handleReset(),
    });
  }

  /** Tells an end of its peer. */
  join(peer: SimulatedConnection): void {
    this.#peer = peer;
  }

  /** The other end. */
  get peer(): SimulatedConnection {
    return this.#peer;
  }

  /** Whether there is something to read, and nothing keeps it from reading. */
  get isReadable(): boolean {
    const isStalled = this.#host.clock.now() < this.#stalledUntilMs;
    const isStopped = this.#isPaused || isStalled || this.#handler === undefined || this.ended !== undefined;
    return !isStopped && (this.#peer.out.unreadBytes > 0 || this.#isAtEnd());
  }

  /** The program at this end hangs for so long; of several stalls the one that ends last counts. */
  stall(durationMs: number): void {
    const { clock } = this.#host;
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, clock.now() + durationMs);
    clock.schedule(() => this.#scheduleRead(), durationMs);
  }

  /** Loses all bytes of both directions from now on, as if a cable was cut; the systems give up after `giveUpMs`. */
  lose(giveUpMs: number): void {
    for (const end of [this, this.#peer]) {
      end.out.isLost = true;
      this.#host.clock.schedule(() => end.#breakWith({ error: new ConnectionError("timeout") }), giveUpMs);
    }
  }

  start(handler: ConnectionHandler): void {
    if (this.#handler !== undefined) this.#refuse("start", "it may be started once");
    this.#handler = handler;
    const { ended } = this;
    if (ended === undefined) this.#scheduleRead();
    else this.#later(() => handler.onClose(ended));
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.ended !== undefined || this.out.isEnded) return false;
    if (this.#loan !== undefined) this.#refuse("write", "another write is under way");
    if (length <= 0 || offset < 0 || offset + length > bytes.length) this.#refuse("write", `it has ${length} bytes`);
    const taken = this.#host.traits.asyncWrites === true ? 0 : this.out.take(bytes, offset, length);
    if (taken === length) return true;
    this.#loan = { bytes, copy: bytes.slice(offset, offset + length), offset, taken };
    if (this.#host.traits.asyncWrites === true) this.#later(() => this.handleRoom());
    return false;
  }

  get pendingBytes(): number {
    return this.#loan === undefined ? 0 : this.#loan.copy.length - this.#loan.taken;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isResetUnseen) this.handleReset();
    else this.#scheduleRead();
  }

  probe(_mayRead: boolean): boolean {
    if (this.#isResetUnseen) this.#breakWith({ error: new ConnectionError("reset") });
    return this.ended === undefined && this.#isAtEnd();
  }

  discardInput(): void {
    this.#isDiscarding = true;
    this.#chunk = undefined; // The loan never ends: the chunk is left as it is.
    this.resume();
  }

  shutdown(): void {
    if (this.ended !== undefined) return;
    if (this.#loan !== undefined) this.#refuse("shut down", "a write is under way");
    this.#end();
  }

  close(): void {
    if (this.ended !== undefined) return;
    this.isClosedEarly = !this.out.isEnded && !this.#isEndTold;
    if (this.#peer.out.unreadBytes > 0) this.out.reset(); // As TCP does with what is unread.
    else this.#end();
    this.#breakWith({});
  }

  abort(): void {
    if (this.ended !== undefined) return;
    this.out.reset();
    this.#breakWith({});
  }

  handleRoom(): void {
    const loan = this.#loan;
    if (loan === undefined || this.ended !== undefined) return;
    if (!this.#isUnchanged(loan)) return this.#refuse("write", "the array on loan was changed");
    loan.taken += this.out.take(loan.copy, loan.taken, loan.copy.length - loan.taken);
    if (loan.taken < loan.copy.length || this.#isDrainDue) return;
    this.#isDrainDue = true;
    this.#later(() => {
      this.#isDrainDue = false;
      if (this.ended !== undefined) return;
      this.#loan = undefined;
      this.#handler?.onDrain();
    });
  }

  handleArrival(): void {
    if (this.ended === undefined) return this.#scheduleRead();
    // The end is closed: bytes that arrive are answered with a reset.
    if (this.#peer.out.unreadBytes > 0) this.out.reset();
    this.#peer.out.drop();
  }

  handleReset(): void {
    if (this.ended !== undefined) return;
    this.#isResetUnseen = this.#isPaused && this.#host.random.chance(0.5);
    if (!this.#isResetUnseen) this.#breakWith({ error: new ConnectionError("reset") });
  }

  #end(): void {
    if (!this.out.isEnded) this.hasEndedFirst = !this.#isEndTold;
    this.out.end();
  }

  #isAtEnd(): boolean {
    return this.#peer.out.hasEndArrived && this.#peer.out.unreadBytes === 0 && !this.#isEndTold;
  }

  #scheduleRead(): void {
    if (this.#isReadDue || !this.isReadable) return;
    this.#isReadDue = true;
    this.#host.clock.schedule(() => this.#read(), 0, {
      shuffle: this.#host.random.next() * 8,
      kind: this.#host.traits.batchedReads === true ? "batched" : "turn",
    });
  }

  /** Hands over one chunk, or the end. */
  #read(): void {
    this.#isReadDue = false;
    const handler = this.#handler;
    if (!this.isReadable || handler === undefined) return;
    this.#scribble();
    const { out } = this.#peer;
    if (out.unreadBytes === 0) {
      this.#isEndTold = true;
      this.#host.trace.add(`${this.name} end`);
      handler.onEnd();
      // A runtime may close by itself what has ended on both sides.
      if (this.out.isEnded && this.#host.random.chance(0.3)) this.#later(() => this.#breakWith({}));
      return;
    }
    const most = this.#host.random.integer(1, 2 * out.conditions.segmentBytes);
    const length = Math.min(most, out.unreadBytes);
    const chunk = new Uint8Array(length + SPARE_BYTES).fill(SCRIBBLE, length);
    const bytes = chunk.subarray(0, length);
    out.read(bytes);
    this.#host.trace.add(`${this.name} reads ${length} ${checksum(bytes)}`);
    if (this.#isDiscarding) handler.onDiscard?.(length);
    else {
      this.#chunk = chunk;
      handler.onData(chunk, length);
      if (!this.#isPaused) this.#scribble();
    }
    this.#scheduleRead();
  }

  /** Ends the loan of a chunk, after the call or at `resume()`: fills it, so that a later look at it shows. */
  #scribble(): void {
    if (this.ended === undefined) this.#chunk?.fill(SCRIBBLE);
    this.#chunk = undefined;
  }

  #isUnchanged({ bytes, copy, offset, taken }: Loan): boolean {
    for (let index = taken; index < copy.length; index++) if (bytes[offset + index] !== copy[index]) return false;
    return true;
  }

  #breakWith(end: ConnectionEnd): void {
    if (this.ended !== undefined) return;
    this.ended = end;
    this.#loan = undefined;
    this.#peer.out.drop();
    const what = end.error === undefined ? "closed" : end.error.code;
    this.#host.trace.add(`${this.name} ${what}`);
    const handler = this.#handler;
    if (handler !== undefined) this.#later(() => handler.onClose(end));
  }

  #later(callback: () => void): void {
    this.#host.clock.schedule(callback, this.#host.random.chance(0.7) ? 0 : this.#host.random.next(), {
      shuffle: this.#host.random.next() * 8,
    });
  }

  #refuse(verb: string, rule: string): void {
    this.#host.fail(new Error(`Cannot ${verb} as the contract of Connection forbids it: ${rule}, ${this.name}`));
  }
}
