// The bucket that limits how fast one session talks.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { TokenBucket } from "../../examples/token_bucket.ts";

test("TokenBucket.take() lets a burst pass, then one for each token that comes", () => {
  let nowMs = 1_000;
  const bucket = new TokenBucket({ burst: 3, perSecond: 5, now: () => nowMs });
  assertEquals([bucket.take(), bucket.take(), bucket.take()], [0, 0, 200]);
  nowMs += 200;
  assertEquals(bucket.take(), 200);
  nowMs += 150;
  assertEquals(bucket.take(), 250);
});

test("TokenBucket.take() is owed for by who does not wait", () => {
  const bucket = new TokenBucket({ burst: 1, perSecond: 10, now: () => 0 });
  assertEquals([bucket.take(), bucket.take(), bucket.take()], [100, 200, 300]);
});

test("TokenBucket.tryTake() takes what is there, and owes nothing", () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ burst: 2, perSecond: 1, now: () => nowMs });
  assertEquals([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()], [true, true, false]);
  nowMs = 999;
  assertEquals(bucket.tryTake(), false);
  nowMs = 1_000;
  assertEquals([bucket.tryTake(), bucket.tryTake()], [true, false]);
});

test("TokenBucket.take() finds no more than a burst after a long rest", () => {
  let nowMs = 0;
  const bucket = new TokenBucket({ burst: 2, perSecond: 1, now: () => nowMs });
  bucket.take();
  nowMs = 3_600_000;
  assertEquals([bucket.take(), bucket.take()], [0, 1_000]);
});

test("TokenBucket.take() goes by the time of the machine when it is given none", () => {
  const bucket = new TokenBucket({ burst: 2, perSecond: 0.001 });
  assertEquals(bucket.take(), 0);
  const waitMs = bucket.take();
  assertEquals(waitMs > 900_000 && waitMs <= 1_000_000, true, `${waitMs}`);
});
