// Mutants that change nothing a test could notice: the code does the same another way, or only its speed or memory differ.
// Runtime neutral.

import type { Mutant } from "./mutants.ts";

/** Mutants of one place in one file. */
export interface Equivalent {
  readonly path: string;
  /** What `Mutant.says` of each. */
  readonly says: readonly string[];
  /** Why no test can notice. */
  readonly why: string;
}

/** All that are known; survivors of a hunt are looked at, and come here or are killed by a test. */
export const EQUIVALENTS: readonly Equivalent[] = [
  {
    path: "src/codec/frame_cutter.ts",
    says: ["`position = 0;` -> `position = 1;`", "`end = 0;` -> `end = 1;`", "`this.end = 0` -> `this.end = 1`"],
    why: "there is no chunk, and no input while `position` is not below `end`; `feed()` sets both",
  },
  {
    path: "src/codec/frame_cutter.ts",
    says: ["`2 * count` -> `3 * count`", "`2 * count` -> `1 * count`", "`2 * count` -> `2 / count`"],
    why: "how much more than it needs the first tail has room for: it grows later",
  },
  {
    path: "src/codec/codec.ts",
    says: ["`this.buffer !== buffer` -> `true`"],
    why: "saves a write barrier of the garbage collector",
  },
  {
    path: "src/outbound/backlog.ts",
    says: ["`index < this.#entries.length` -> `index <= this.#entries.length`"],
    why: "behind the last there is no entry, so none that may be dropped",
  },
  {
    path: "src/outbound/backlog.ts",
    says: [
      "`entry.key !== undefined && this.#latest.get(entry.key) === index` -> " +
      "`entry.key !== undefined || this.#latest.get(entry.key) === index`",
      "`entry.key !== undefined && this.#latest.get(entry.key) === index` -> `true`",
    ],
    why:
      "the entry with a key is always the latest with it: the one before is removed first; nothing has the key undefined",
  },
  {
    path: "src/outbound/backlog.ts",
    says: [
      "`2 * this.frames + 64` -> `2 * this.frames - 64`",
      "`2 * this.frames + 64` -> `2 * this.frames + 65`",
      "`2 * this.frames + 64` -> `2 * this.frames + 63`",
      "`2 * this.frames` -> `3 * this.frames`",
      "`2 * this.frames` -> `1 * this.frames`",
    ],
    why: "says when places of dropped payloads are packed away",
  },
  {
    path: "src/outbound/backlog.ts",
    says: ["`store?.bytes.length ?? 0` -> `store?.bytes.length ?? 1`"],
    why: "without a store the size is not used",
  },
  {
    path: "src/outbound/backlog.ts",
    says: ["`key === undefined` -> `false`"],
    why: "nothing is kept under the key undefined, so that nothing is found",
  },
  {
    path: "src/outbound/send_queue.ts",
    says: ["`roomBytes <= freeBytes` -> `roomBytes < freeBytes`", "`freeFrames > 0` -> `freeFrames > 1`"],
    why: "a fast path for most frames; the slow path gives the same answer",
  },
  {
    path: "src/outbound/send_queue.ts",
    says: ["`!this.isSubscribed && this.#context.broadcasts.count === 0` -> `false`"],
    why: "saves fetching memory; what follows finds nothing to take",
  },
  {
    path: "src/session/session.ts",
    says: ["`core.queue.hasCursor && core.cursor.take(core.queue, buffer, offset, length)` -> `false`"],
    why: "`SessionCore.send()` does the same, slower",
  },
  {
    path: "src/session/inbox.ts",
    says: ["`hasBudget && result === undefined && !this.#isInterrupted` -> `false`"],
    why: "a fast path for handlers that returned nothing; the checks behind it change nothing then",
  },
  {
    path: "src/outbound/segment_list.ts",
    says: ["`#writingFrames = 0;` -> `#writingFrames = 1;`"],
    why: "each write sets it before it is read",
  },
  {
    path: "src/outbound/segment_list.ts",
    says: ["`head.isOwn` -> `true`"],
    why: "the size of the next block follows others' blocks, too",
  },
  {
    path: "src/outbound/outbound_blocks.ts",
    says: [
      "`4 * usedBytes` -> `5 * usedBytes`",
      "`4 * usedBytes` -> `3 * usedBytes`",
      "`4 * usedBytes` -> `4 / usedBytes`",
    ],
    why: "how much a block grows",
  },
  {
    path: "src/outbound/drain_waiters.ts",
    says: ["`this.#waiters.delete(waiter);` -> nothing"],
    why: "the waiter is settled already, and is settled again with no effect",
  },
];

/** Why a mutant changes nothing; undefined if that is not known. */
export function findEquivalent({ path, says }: Pick<Mutant, "path" | "says">): string | undefined {
  return EQUIVALENTS.find((known) => known.path === path && known.says.includes(says))?.why;
}
