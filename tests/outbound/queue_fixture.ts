// What the tests of queues share: a connection that takes bytes or keeps them on loan as it is told, and a queue on it.

import { Buffer } from "node:buffer";
import { BufferPool } from "@laster/net/buffer";
import { type Codec, raw, type SessionLimits } from "@laster/net";
import type { Connection } from "@laster/net/transport";
import { FakeClock } from "@laster/net/testing";
import { resolveSessionLimits } from "../../src/session/limits.ts";
import { ByteLog } from "../byte_log.ts";
import type { OutboundBlock, OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import type { Ping } from "../../src/outbound/in_flight.ts";
import { SendQueue } from "../../src/outbound/send_queue.ts";
import { makeSendQueueContext } from "../../src/outbound/send_queue_context.ts";

const ADDRESS = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;

/** Takes all that is written while `isTaking`; else keeps it on loan until `release()`. */
export class FakeConnection implements Connection {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  readonly pendingBytes: number = 0;
  readonly heldBytes: number = 0;
  readonly log = new ByteLog();
  readonly writes: number[] = [];
  isTaking = true;
  /** What happens within a write. */
  onWrite: (() => void) | undefined = undefined;
  #loan: Uint8Array | undefined = undefined;
  /** The bytes as they were when they were lent. */
  #lent: Uint8Array | undefined = undefined;

  /** What it took. */
  get received(): number[] {
    return [...this.log.bytes];
  }

  get hasLoan(): boolean {
    return this.#loan !== undefined;
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#loan !== undefined) throw new Error("a write came while another was under way");
    if (length === 0) throw new Error("a write of nothing");
    this.writes.push(length);
    this.onWrite?.();
    const view = bytes.subarray(offset, offset + length);
    if (this.isTaking) {
      this.log.add(view);
      return true;
    }
    this.#loan = view;
    this.#lent = view.slice();
    return false;
  }

  /** Takes what is on loan; say so to the queue by `handleDrain()`. */
  release(): void {
    const loan = this.#loan ?? new Uint8Array(0);
    if (Buffer.compare(loan, this.#lent ?? loan) !== 0) throw new Error("bytes on loan were changed");
    this.log.add(loan);
    this.#loan = undefined;
  }

  start(): void {}
  probe(): boolean {
    return false;
  }
  pause(): void {}
  resume(): void {}
  discardInput(): void {}
  shutdown(): void {}
  close(): void {}
  abort(): void {}
}

/** A queue with all that it stands on. */
export function makeQueue(limits: SessionLimits = {}, codec: Codec = raw({ maxPayloadBytes: 1_000_000 }), ping?: Ping) {
  const clock = new FakeClock();
  const pool = new BufferPool({ classes: [256, 1_024, 4_096, 16_384, 66_560, 266_240, 532_480] });
  const encoder = codec.createEncoder();
  const resolved = resolveSessionLimits(limits, encoder);
  const context = makeSendQueueContext({ clock, pool, limits: resolved, handlers: {}, ping, traits: {} });
  const { cursor } = context;
  let additions = 0;
  const add = context.scheduler.add.bind(context.scheduler);
  context.scheduler.add = (queue) => {
    additions++;
    add(queue);
  };
  const connection = new FakeConnection();
  let progress = 0;
  let onProgress = () => {};
  let overflows = 0;
  let onEncodeFault = (error: unknown): void => {
    throw error;
  };
  const queue = new SendQueue(context, connection, encoder, {
    handleProgress() {
      progress++;
      onProgress();
    },
    handleOverflow: () => overflows++,
    handleEncodeFault: (error) => onEncodeFault(error),
  });
  return {
    clock,
    pool,
    queue,
    connection,
    context,
    /** How often the queue was put down for a flush. */
    get additions() {
      return additions;
    },
    push(payload: Uint8Array) {
      const isDown = queue.hasCursor && cursor.take(queue, payload, 0, payload.length);
      return isDown ? "queued" : queue.push(payload, 0, payload.length);
    },
    /** Ends the loan. */
    drain() {
      connection.release();
      queue.handleDrain();
    },
    /** Sets what happens when the encoder throws. */
    set onEncodeFault(callback: (error: unknown) => void) {
      onEncodeFault = callback;
    },
    /** How often the queue was full under the policy to close. */
    get overflows() {
      return overflows;
    },
    get progress() {
      return progress;
    },
    /** Sets what happens then. */
    set onProgress(then: () => void) {
      onProgress = then;
    },
  };
}

/** A shared block with frames of the sizes given; `ranges` says where each lies. */
export function makeShared(
  blocks: OutboundBlocks,
  frames: readonly Uint8Array[],
): { readonly block: OutboundBlock; readonly ranges: readonly (readonly [number, number])[] } {
  const block = blocks.takeBlock(Math.max(65_536, frames.reduce((sum, { length }) => sum + length, 0)));
  block.holders = 1;
  const ranges = frames.map((frame) => {
    const start = block.end;
    block.bytes.set(frame, start);
    block.end += frame.length;
    return [start, block.end] as const;
  });
  return { block, ranges };
}
