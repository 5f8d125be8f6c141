// MemoryGuard: who is cut when all together hold too much.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { FakeClock } from "@laster/net/testing";
import { type Holder, MemoryGuard } from "../../src/session/memory_guard.ts";

const MAX_BYTES = 1_500;

class Session implements Holder {
  isGoing = false;
  readonly heldBytes: number;
  readonly #pool: BufferPool;
  cuts = 0;

  constructor(pool: BufferPool, heldBytes: number) {
    this.#pool = pool;
    this.heldBytes = heldBytes;
  }

  hold(): void {
    this.#pool.charge(this.heldBytes);
  }

  abort(): void {
    this.cuts++;
    this.isGoing = true;
  }
}

/** Sessions that hold so much, and as many again as `idle` that hold nothing. */
function setUp(held: readonly number[], idle = 0, maxBytes = MAX_BYTES) {
  const clock = new FakeClock();
  const pool = new BufferPool({ maxBytes });
  const sessions = [...held, ...Array<number>(idle).fill(0)].map((bytes) => new Session(pool, bytes));
  new MemoryGuard(clock, pool, () => sessions).start();
  return { clock, pool, sessions, cuts: () => sessions.slice(0, held.length).map(({ cuts }) => cuts) };
}

test("MemoryGuard cuts nobody up to half of the budget", async () => {
  const { clock, sessions, cuts } = setUp([700, 50], 10);
  for (const session of sessions) session.hold();
  await clock.advance(0);
  assertEquals(cuts(), [0, 0]);
});

test("MemoryGuard cuts the largest first, and no more than it takes to come down to five twelfths", async () => {
  const { clock, sessions, cuts } = setUp([90, 200, 300, 110, 160], 20);
  for (const session of sessions) session.hold();
  assertEquals(cuts(), [0, 0, 0, 0, 0], "not inside of whoever takes memory");
  await clock.advance(0);
  assertEquals(cuts(), [0, 0, 1, 0, 0], "560 of 860 are left");
});

test("MemoryGuard cuts several if one is not enough", async () => {
  const { clock, sessions, cuts } = setUp([180, 190, 200, 210, 220], 20);
  for (const session of sessions) session.hold();
  await clock.advance(0);
  assertEquals(cuts(), [0, 0, 0, 1, 1]);
});

test("MemoryGuard comes down to five twelfths to the byte", async () => {
  for (const [held, expected] of [[[300, 325, 330], [0, 0, 1]], [[300, 326, 330], [0, 1, 1]]]) {
    const { clock, sessions, cuts } = setUp(held, 20);
    for (const session of sessions) session.hold();
    await clock.advance(0);
    assertEquals(cuts(), expected);
  }
});

test("MemoryGuard cuts nobody who holds his share or less, whoever else has the memory", async () => {
  const { clock, pool, sessions, cuts } = setUp(Array(10).fill(62));
  for (const session of sessions) session.hold();
  pool.charge(300);
  await clock.advance(0);
  assertEquals(cuts(), Array(10).fill(0), "a tenth of 625 bytes is more");
});

test("MemoryGuard counts idle sessions in the shares: one above his own is cut, small ones are not", async () => {
  const { clock, pool, sessions, cuts } = setUp([62, 64, 62], 7);
  for (const session of sessions) session.hold();
  pool.charge(700);
  await clock.advance(0);
  assertEquals(cuts(), [0, 1, 0]);
});

test("MemoryGuard waits for the memory of those that go, and cuts none of them twice", async () => {
  const { clock, pool, sessions, cuts } = setUp([400, 200, 180], 20);
  sessions[0].isGoing = true;
  for (const session of sessions) session.hold();
  await clock.advance(0);
  assertEquals(cuts(), [0, 0, 0], "380 will be left");
  pool.charge(300);
  await clock.advance(0);
  assertEquals(cuts(), [0, 1, 0]);
});

test("MemoryGuard looks once for all that is taken in a turn, and again in the next", async () => {
  const { clock, pool, sessions, cuts } = setUp([400, 400], 20);
  for (let count = 0; count < 10; count++) pool.charge(1);
  for (const session of sessions) session.hold();
  for (let count = 0; count < 10; count++) pool.charge(1);
  assertEquals(clock.timerCount, 1);
  await clock.advance(0);
  assertEquals(cuts(), [1, 0]);
  pool.charge(-400);
  pool.charge(300);
  pool.charge(50);
  assertEquals(cuts(), [1, 0]);
  await clock.advance(0);
  assertEquals(cuts(), [1, 0], "what the cut one held is still counted as going");
});

test("MemoryGuard watches nothing without a budget", async () => {
  const { clock, sessions, cuts } = setUp([1e12, 1e12], 0, Infinity);
  for (const session of sessions) session.hold();
  assertEquals(clock.timerCount, 0);
  await clock.advance(0);
  assertEquals(cuts(), [0, 0]);
});

test("MemoryGuard keeps to a budget that changes", async () => {
  const { clock, pool, sessions, cuts } = setUp([300, 90, 120], 20);
  for (const session of sessions) session.hold();
  pool.setMaxBytes(900);
  await clock.advance(0);
  assertEquals(cuts(), [1, 0, 0], "210 are left, of 375");
  pool.charge(-300);
  sessions[0].isGoing = false; // Its memory is back.
  pool.setMaxBytes(Infinity);
  pool.charge(1e12);
  await clock.advance(0);
  assertEquals(cuts(), [1, 0, 0], "without a budget nobody is");
});
