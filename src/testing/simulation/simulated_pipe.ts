// SimulatedPipe: one direction of a simulated connection, from the sender's system over the wire to the receiver's. Runtime
// neutral.

import { RingBuffer } from "../../buffer/ring_buffer.ts";
import { MAX_BUFFER_BYTES } from "../../buffer/check.ts";
import type { LinkConditions } from "./link_conditions.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { SimulatedClock } from "./simulated_clock.ts";

/** How many places something from the network may move back in the order of what is due at the same time. */
const SHUFFLE = 24;

/** Is told what a pipe does. */
export interface PipeEnds {
  /** There is room for what the sender still has to hand over. */
  handleRoom(): void;
  /** Something has arrived: bytes, or the end. */
  handleArrival(): void;
  /** A reset has arrived. */
  handleReset(): void;
}

/** What a pipe needs of its network. */
export interface PipeHost {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
}

/** What is on the wire: so many bytes, or the end. */
type Packet = number | "end";

/** One direction of a simulated connection. */
export class SimulatedPipe {
  /** Bytes that the sender's system took, in all. */
  takenBytes = 0;
  /** Bytes that the receiver has read, in all. */
  readBytes = 0;
  /** Bytes that arrived and are not read. */
  unreadBytes = 0;
  /** Whether the sender has ended its side. */
  isEnded = false;
  /** Whether that end has arrived; unread bytes may be in front of it. */
  hasEndArrived = false;
  /** Whether a reset was sent down it. */
  isReset = false;
  /** Whether all that is sent gets lost. */
  isLost = false;
  readonly conditions: LinkConditions;
  readonly #host: PipeHost;
  readonly #ends: PipeEnds;
  /** What has arrived and is not read, then what is on the wire, then what waits in the sender's system. */
  readonly #bytes = new RingBuffer({ maxBytes: MAX_BUFFER_BYTES });
  #waitingBytes = 0;
  readonly #wire: Packet[] = [];
  #wireBytes = 0;
  #isPumpDue = false;
  #freeAtMs = 0;
  #lastArrivalMs = 0;

  /** Makes an empty pipe. */
  constructor(host: PipeHost, conditions: LinkConditions, ends: PipeEnds) {
    this.#host = host;
    this.conditions = conditions;
    this.#ends = ends;
  }

  /** Bytes that are under way: neither read nor lost. */
  get openBytes(): number {
    return this.#waitingBytes + this.#wireBytes + this.unreadBytes;
  }

  /** Takes what there is room for; says how much. */
  take(bytes: Uint8Array, offset: number, length: number): number {
    const count = Math.min(length, this.conditions.sendBufferBytes - this.#waitingBytes);
    if (count <= 0) return 0;
    if (!this.isLost && !this.isReset) this.#bytes.write(bytes, offset, count); // Otherwise nobody will read them.
    this.#waitingBytes += count;
    this.takenBytes += count;
    this.#schedulePump(0);
    return count;
  }

  /** Ends the stream behind what was taken. */
  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#schedulePump(0);
  }

  /** Drops what is under way, and tells the receiver. */
  reset(): void {
    if (this.isReset) return;
    this.isReset = true;
    this.#waitingBytes = 0;
    if (!this.isLost) this.#later(() => !this.isLost && this.#ends.handleReset(), this.#travelMs());
  }

  /** Reads as many bytes as `into` has, of those that are unread. */
  read(into: Uint8Array): void {
    this.#bytes.read(into);
    this.unreadBytes -= into.length;
    this.readBytes += into.length;
    if (this.#waitingBytes > 0) this.#schedulePump(this.#travelMs()); // The window opens.
  }

  /** The receiver is gone: what has arrived is dropped, and what comes as well. */
  drop(): void {
    this.#bytes.discard(this.unreadBytes);
    this.unreadBytes = 0;
  }

  #schedulePump(delayMs: number): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    this.#later(() => this.#pump(), Math.max(delayMs, this.#freeAtMs - this.#host.clock.now()));
  }

  /** Sends one packet. */
  #pump(): void {
    this.#isPumpDue = false;
    if (this.isReset) return;
    const { receiveBufferBytes, segmentBytes, bytesPerMs } = this.conditions;
    const window = receiveBufferBytes - this.#wireBytes - this.unreadBytes;
    const length = Math.min(this.#waitingBytes, window, this.#host.random.integer(1, segmentBytes));
    if (length > 0) {
      this.#waitingBytes -= length;
      this.#wireBytes += length;
      this.#freeAtMs = this.#host.clock.now() + length / bytesPerMs;
      this.#send(length);
      if (this.#waitingBytes > 0 || this.isEnded) this.#schedulePump(0);
      this.#ends.handleRoom();
    } else if (this.#waitingBytes === 0 && this.isEnded && !this.hasEndArrived && !this.#wire.includes("end")) {
      this.#send("end");
    }
  }

  #send(packet: Packet): void {
    this.#wire.push(packet);
    const arrivalMs = Math.max(this.#lastArrivalMs, this.#freeAtMs + this.#travelMs(), this.#host.clock.now());
    this.#lastArrivalMs = arrivalMs;
    this.#later(() => this.#arrive(), arrivalMs - this.#host.clock.now());
  }

  #arrive(): void {
    const packet = this.#wire.shift();
    if (packet === undefined) return;
    if (packet !== "end") this.#wireBytes -= packet;
    if (this.isLost || this.isReset) return;
    if (packet === "end") this.hasEndArrived = true;
    else this.unreadBytes += packet;
    this.#ends.handleArrival();
  }

  /** How long the next packet is on its way; rounded, so that what belongs to several connections falls due together. */
  #travelMs(): number {
    const { latencyMs, jitterMs } = this.conditions;
    return Math.ceil(4 * (latencyMs + jitterMs * this.#host.random.next())) / 4;
  }

  #later(callback: () => void, delayMs: number): void {
    this.#host.clock.schedule(callback, delayMs, { shuffle: this.#host.random.next() * SHUFFLE, kind: "wire" });
  }
}
