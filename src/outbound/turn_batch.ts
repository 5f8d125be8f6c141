// TurnBatch: what turns have sent, each to one session, in one block, to be written one after the other. Runtime neutral.

import type { OutboundBlock, OutboundBlocks } from "./outbound_blocks.ts";

/** So many turns wait for each other at the most: with more a write is hardly cheaper, and the first waits longer. */
const MOST_MEMBERS = 12;
/** A turn that sent more than this waits for nobody. */
const MOST_TURN_BYTES = 8_192;

/** A queue that holds nothing but what is in the batch. */
export interface BatchMember {
  /** Its place in the batch, -1 if it has none; the batch's. */
  batchIndex: number;
  /** Its frames are to be written: they lie in `block`, which others hold too, from `start` to `end`. */
  writeShared(block: OutboundBlock, start: number, end: number, frames: number): void;
  /** It leaves the batch, and looks after its frames itself: they lie in `block`, as above. */
  takeBack(block: OutboundBlock, start: number, end: number, frames: number): void;
}

/**
 * One for all queues of a service. Where connections that are ready together are read from one after the other, and then
 * written to one after the other, a message costs a twentieth less than where reads and writes take turns: the system's
 * code for either is so large that one drives the other out of the processor's caches.
 *
 * Invariant: the frames of the members lie in the block, before its end, and the batch holds it.
 */
export class TurnBatch {
  readonly #blocks: OutboundBlocks;
  /** What the frames are in; undefined while there are no members. */
  #block: OutboundBlock | undefined = undefined;
  #count = 0;
  /** Undefined where one has left. */
  readonly #members: (BatchMember | undefined)[] = [];
  /** Where the frames of each begin and end: between two of them may be some that are in no batch any more. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #frames: number[] = [];
  #isWriting = false;

  /** Makes an empty batch. */
  constructor(blocks: OutboundBlocks) {
    this.#blocks = blocks;
  }

  /** Gives a block with room behind its end for whoever may become the next member; undefined if there is none to be had. */
  takeBlock(roomBytes: number): OutboundBlock | undefined {
    const block = this.#block;
    if (block === undefined) return this.#blocks.takeOwn(roomBytes);
    if (this.#isWriting) return undefined;
    if (block.bytes.length - block.end >= roomBytes) return block;
    this.flush();
    return this.#blocks.takeOwn(roomBytes);
  }

  /** Whether a turn that sent so much waits for others. */
  hasRoom(bytes: number): boolean {
    return bytes <= MOST_TURN_BYTES && this.#count < MOST_MEMBERS - 1;
  }

  /** Adds a queue, with the frames that it has behind the end of the block that it was given. */
  add(member: BatchMember, block: OutboundBlock, end: number, frames: number): void {
    const index = this.#count++;
    if (index === 0) {
      this.#block = block;
      block.holders++;
    }
    this.#members[index] = member;
    this.#starts[index] = block.end;
    this.#ends[index] = end;
    this.#frames[index] = frames;
    block.end = end;
    member.batchIndex = index;
  }

  /** Lets a member go, if it is one. */
  remove(member: BatchMember): void {
    const index = member.batchIndex;
    const block = this.#block;
    if (index < 0 || block === undefined) return;
    this.#members[index] = undefined;
    member.batchIndex = -1;
    member.takeBack(block, this.#starts[index], this.#ends[index], this.#frames[index]);
  }

  /** Has the frames of all members written. */
  flush(): void {
    const block = this.#block;
    if (block === undefined || this.#isWriting) return;
    this.#isWriting = true; // A write may have others send, or leave (the in-memory transport).
    try {
      for (let index = 0; index < this.#count; index++) {
        const member = this.#members[index];
        if (member === undefined) continue;
        this.#members[index] = undefined;
        member.batchIndex = -1;
        member.writeShared(block, this.#starts[index], this.#ends[index], this.#frames[index]);
      }
    } finally {
      this.#isWriting = false;
      this.#count = 0;
      this.#block = undefined;
      this.#blocks.dropBlock(block);
    }
  }
}
