// Tests of BufferPool and RentedBuffer. Runtime neutral.

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { BufferPool } from "../../src/buffer/buffer_pool.ts";
import { PoolError } from "../../src/errors.ts";
import type { RentedBuffer } from "../../src/buffer/rented_buffer.ts";
import type { PoolErrorCode } from "../../src/errors.ts";
import { check } from "../property.ts";

function assertRefused(code: PoolErrorCode, action: () => void): void {
  const error = assertThrows(action, PoolError);
  assertEquals(error.code, code);
}

function assertNothingOut(pool: BufferPool): void {
  const { outstanding, outstandingBytes, classes } = pool.stats();
  assertEquals([outstanding, outstandingBytes, pool.outstanding], [0, 0, 0]);
  assert(classes.every((line) => line.outstanding === 0));
}

test("BufferPool() has the original's classes by default", () => {
  const pool = new BufferPool();
  assertEquals(pool.stats().classes.map(({ bytes }) => bytes), [16, 128, 256, 1024, 4096]);
  assertNothingOut(pool);
});

test("BufferPool() refuses classes that are not ascending integers in range", () => {
  for (const classes of [[], [0], [-1], [1.5], [16, 16], [32, 16], [2 ** 30 + 1], [NaN], Array(65).fill(1)]) {
    assertThrows(() => new BufferPool({ classes }), RangeError, "Cannot create BufferPool as classes");
  }
  assertThrows(
    () => new BufferPool({ classes: [16, 8] }),
    RangeError,
    "Cannot create BufferPool as classes[1] must be an integer from 17 to 1073741824: current value is 8",
  );
});

test("BufferPool() refuses negative limits", () => {
  assertThrows(() => new BufferPool({ maxFreePerClass: -1 }), RangeError, "maxFreePerClass");
  assertThrows(() => new BufferPool({ maxFreeBytes: -1 }), RangeError, "maxFreeBytes");
});

test("BufferPool() refuses a recycleHandles that is neither true nor false", () => {
  for (const recycleHandles of ["no", 0, null]) {
    const make = () => new BufferPool({ recycleHandles: recycleHandles as never });
    assertThrows(make, TypeError, "Cannot create BufferPool as recycleHandles must be true or false");
  }
});

test("BufferPool.rent() picks the smallest class that holds the request", () => {
  const pool = new BufferPool();
  const requests = [0, 1, 15, 16, 17, 127, 128, 129, 256, 257, 1024, 1025, 4095, 4096];
  const capacities = requests.map((minimumBytes) => {
    using rented = pool.rent(minimumBytes);
    assertEquals(rented.bytes.length, rented.capacity);
    return rented.capacity;
  });
  assertEquals(capacities, [16, 16, 16, 16, 128, 128, 128, 256, 256, 1024, 1024, 4096, 4096, 4096]);
  assertNothingOut(pool);
});

test("BufferPool.rent() picks the right class for any list of classes", () => {
  const classList = fc.uniqueArray(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 64, size: "max" });
  check(fc.property(classList, fc.array(fc.nat(6000), { maxLength: 50, size: "max" }), (list, requests) => {
    const classes = list.sort((left, right) => left - right);
    const pool = new BufferPool({ classes });
    for (const request of [...requests, ...classes, ...classes.map((bytes) => bytes + 1)]) {
      using rented = pool.rent(request);
      assertEquals(rented.capacity, classes.find((bytes) => bytes >= request) ?? request);
    }
    assertNothingOut(pool);
  }));
});

test("BufferPool.rent() allocates exactly and keeps nothing when above the largest class", () => {
  const pool = new BufferPool();
  const rented = pool.rent(4097);
  assertEquals([rented.capacity, rented.bytes.length], [4097, 4097]);
  assertEquals([pool.stats().oversize, pool.stats().outstandingBytes], [1, 4097]);
  rented.release();
  const { oversize, hits, misses, freeBytes, dropped } = pool.stats();
  assertEquals([oversize, hits, misses, freeBytes, dropped], [1, 0, 0, 0, 0]);
  assertRefused("double-release", () => rented.release());
  assertNothingOut(pool);
});

test("BufferPool.rent() refuses a size that is not an integer in range", () => {
  const pool = new BufferPool();
  for (const minimumBytes of [-1, 1.5, NaN, Infinity, 2 ** 30 + 1]) {
    assertThrows(() => pool.rent(minimumBytes), RangeError, `current value is ${minimumBytes}`);
  }
  assertNothingOut(pool);
});

test("BufferPool.rent() hits when a buffer of the class is free, with its old contents", () => {
  const pool = new BufferPool();
  const first = pool.rent(100);
  const { bytes } = first;
  bytes[0] = 7;
  first.release();
  const second = pool.rent(128);
  assertStrictEquals(second.bytes, bytes);
  assertEquals(second.bytes[0], 7);
  assertEquals([pool.stats().hits, pool.stats().misses], [1, 1]);
  second.release();
  assertNothingOut(pool);
});

test("BufferPool.stats() counts per class and is a snapshot", () => {
  const pool = new BufferPool({ classes: [16, 128] });
  const rented = [pool.rent(1), pool.rent(16), pool.rent(128), pool.rent(500)];
  rented[0].release();
  const before = pool.stats();
  assertEquals(before, {
    hits: 0,
    misses: 3,
    oversize: 1,
    outstanding: 3,
    outstandingBytes: 16 + 128 + 500,
    freeBytes: 16,
    maxBytes: Infinity,
    dropped: 0,
    classes: [
      { bytes: 16, free: 1, hits: 0, misses: 2, outstanding: 1 },
      { bytes: 128, free: 0, hits: 0, misses: 1, outstanding: 1 },
    ],
  });
  for (const buffer of rented.slice(1)) buffer.release();
  assertEquals([before.outstanding, pool.stats().freeBytes], [3, 160]);
  assertNothingOut(pool);
});

test("BufferPool.release() drops a buffer above maxFreePerClass", () => {
  const pool = new BufferPool({ classes: [16, 32], maxFreePerClass: 2 });
  const rented = [1, 2, 3].map(() => pool.rent(16));
  for (const buffer of rented) buffer.release();
  pool.rent(32).release();
  const { classes, dropped, freeBytes } = pool.stats();
  assertEquals([classes[0].free, classes[1].free, dropped, freeBytes], [2, 1, 1, 64]);
  assertNothingOut(pool);
});

test("BufferPool.release() keeps exactly maxFreeBytes and drops one byte more", () => {
  const pool = new BufferPool({ classes: [1, 64], maxFreeBytes: 128 });
  const rented = [pool.rent(64), pool.rent(64), pool.rent(1)];
  for (const buffer of rented) buffer.release();
  assertEquals([pool.stats().freeBytes, pool.stats().dropped], [128, 1]);
  assertNothingOut(pool);
});

test("BufferPool.release() keeps nothing when a limit is 0", () => {
  for (const options of [{ maxFreePerClass: 0 }, { maxFreeBytes: 0 }]) {
    const pool = new BufferPool(options);
    pool.rent(10).release();
    pool.rent(10).release();
    const { hits, misses, dropped, freeBytes } = pool.stats();
    assertEquals([hits, misses, dropped, freeBytes], [0, 2, 2, 0]);
  }
});

test("BufferPool.release() refuses a second release and stays as it was", () => {
  const pool = new BufferPool();
  const rented = pool.rent(10);
  pool.release(rented);
  const before = pool.stats();
  assertRefused("double-release", () => pool.release(rented));
  assertRefused("double-release", () => rented.release());
  assertEquals(pool.stats(), before);
});

test("BufferPool.release() refuses a stale handle after its buffer was rented again", () => {
  const pool = new BufferPool();
  const stale = pool.rent(10);
  stale.release();
  const current = pool.rent(10);
  assertNotStrictEquals(current, stale);
  assertRefused("double-release", () => stale.release());
  assertEquals([current.isReleased, stale.isReleased], [false, true]);
  current.release();
  assertNothingOut(pool);
});

test("BufferPool.release() refuses a buffer of another pool, whoever is asked", () => {
  const pool = new BufferPool();
  const other = new BufferPool();
  const rented = other.rent(10);
  assertRefused("foreign-buffer", () => pool.release(rented));
  assertEquals(rented.isReleased, false);
  rented.release();
  assertRefused("foreign-buffer", () => pool.release(rented));
  assertNothingOut(pool);
  assertNothingOut(other);
});

test("BufferPool.release() refuses an object that was made up", () => {
  const pool = new BufferPool();
  const rented = pool.rent(10);
  const { bytes } = rented;
  const madeUp: RentedBuffer = {
    bytes,
    capacity: bytes.length,
    isReleased: false,
    release() {},
    [Symbol.dispose]() {},
  };
  assertRefused("foreign-buffer", () => pool.release(madeUp));
  assertRefused("foreign-buffer", () => pool.release(Object.create(rented)));
  assertRefused("foreign-buffer", () => pool.release(undefined as unknown as RentedBuffer));
  assertRefused("foreign-buffer", () => pool.release(bytes as unknown as RentedBuffer));
  rented.release();
  assertNothingOut(pool);
});

test("BufferPool.trim() lets free buffers go and leaves those that are out", () => {
  const pool = new BufferPool();
  const rented = pool.rent(100);
  pool.rent(1000).release();
  assertEquals(pool.trim(), 1024);
  assertEquals(pool.trim(), 0);
  assertEquals([pool.stats().freeBytes, pool.outstanding, pool.stats().dropped], [0, 1, 0]);
  rented.release();
  assertEquals(pool.stats().freeBytes, 128);
  assertNothingOut(pool);
});

test("BufferPool.dump() writes a line a class, oversize and totals", () => {
  const pool = new BufferPool({ classes: [16, 4096] });
  pool.rent(1).release();
  using _rented = pool.rent(16);
  using _large = pool.rent(5000);
  assertEquals(
    pool.dump(),
    [
      "   class  free  out  hits  misses",
      "      16     0    1     1       1",
      "    4096     0    0     0       0",
      "oversize     -    1     -       1",
      "   total     0    2     1       2",
      "0 bytes free, 5016 bytes out, 0 buffers dropped",
    ].join("\n"),
  );
});

test("RentedBuffer goes back at the end of a using block, also when it throws", () => {
  const pool = new BufferPool();
  assertThrows(
    () => {
      using _rented = pool.rent(10);
      throw new Error("from the block");
    },
    Error,
    "from the block",
  );
  assertEquals(pool.stats().freeBytes, 16);
  assertNothingOut(pool);
});

test("RentedBuffer[Symbol.dispose]() does nothing when the buffer was already released", () => {
  const pool = new BufferPool();
  {
    using rented = pool.rent(10);
    rented.release();
    rented[Symbol.dispose]();
  }
  assertEquals(pool.stats().classes[0].free, 1);
  assertNothingOut(pool);
});

test("RentedBuffer.bytes is empty after the release", () => {
  const pool = new BufferPool();
  const rented = pool.rent(10);
  rented.release();
  assertEquals([rented.bytes.length, rented.capacity], [0, 16]);
});

test("BufferPool.charge() counts memory of others with what is out, and maxBytes bounds both", () => {
  const pool = new BufferPool({ classes: [64], maxBytes: 200 });
  pool.charge(100);
  const first = pool.rent(64);
  assertEquals([pool.outstandingBytes, pool.outstanding, pool.canRent(64)], [164, 1, false]);
  assertRefused("over-budget", () => pool.rent(64));
  pool.charge(1_000);
  assertEquals(pool.stats().outstandingBytes, 1_164, "what is there is counted, past the budget too");
  pool.charge(-1_100);
  first.release();
  assertNothingOut(pool);
  assertEquals(pool.canRent(64), true);
});

test("BufferPool.charge() has free buffers dropped for it by the next rent", () => {
  const pool = new BufferPool({ classes: [64, 128], maxBytes: 300 });
  pool.rent(128).release();
  pool.charge(150);
  const rented = pool.rent(64);
  assertEquals([pool.stats().freeBytes, pool.outstandingBytes], [0, 214]);
  rented.release();
});

test("BufferPool.onPressure() calls at each rent and charge above the mark, and not at it", () => {
  const pool = new BufferPool({ classes: [64], maxBytes: 256 });
  let calls = 0;
  const rented = pool.rent(64);
  pool.onPressure(0.5, () => calls++);
  const second = pool.rent(64);
  assertEquals(calls, 0, "exactly the mark");
  pool.charge(1);
  const kept = pool.rent(64);
  assertEquals(calls, 2);
  kept.release();
  second.release();
  assertEquals(calls, 2, "memory that comes back is no pressure");
  pool.charge(63);
  assertEquals([pool.outstandingBytes, calls], [128, 2]);
  const again = pool.rent(64); // A buffer that was kept.
  assertEquals(calls, 3);
  for (const one of [rented, again]) one.release();
  pool.charge(-64);
  assertNothingOut(pool);
});

test("BufferPool.onPressure() moves the mark with the budget", () => {
  const pool = new BufferPool({ classes: [64], maxBytes: 256 });
  let calls = 0;
  pool.charge(100);
  pool.setMaxBytes(200);
  pool.onPressure(0.5, () => calls++);
  pool.charge(0);
  assertEquals(calls, 0, "exactly the mark");
  pool.setMaxBytes(198);
  assertEquals(calls, 1);
  pool.setMaxBytes(Infinity);
  pool.charge(1e12);
  assertEquals(calls, 1);
  pool.charge(-1e12 - 100);
  assertNothingOut(pool);
});

test("BufferPool with recycleHandles lends the same handle again", () => {
  const pool = new BufferPool({ recycleHandles: true });
  const first = pool.rent(10);
  const { bytes } = first;
  first.release();
  assertEquals([first.isReleased, first.bytes.length], [true, 0]);
  const second = pool.rent(10);
  assertStrictEquals(second, first);
  assertStrictEquals(second.bytes, bytes);
  assertEquals(second.isReleased, false);
  second.release();
  assertNothingOut(pool);
});

test("BufferPool with recycleHandles refuses a second release until the buffer is rented again", () => {
  const pool = new BufferPool({ recycleHandles: true });
  const rented = pool.rent(10);
  rented.release();
  assertRefused("double-release", () => rented.release());
  assertNothingOut(pool);
});

test("BufferPool balances and never lends a buffer twice when driven at random", () => {
  const steps = fc.array(fc.record({ isRent: fc.boolean(), size: fc.nat(300), pick: fc.nat() }), {
    maxLength: 100,
    size: "max",
  });
  check(
    fc.property(steps, fc.boolean(), fc.nat(4), fc.nat(600), (list, recycleHandles, maxFreePerClass, maxFreeBytes) => {
      const pool = new BufferPool({ classes: [8, 100, 200], maxFreePerClass, maxFreeBytes, recycleHandles });
      const out: RentedBuffer[] = [];
      for (const { isRent, size, pick } of list) {
        if (isRent) out.push(pool.rent(size));
        else if (out.length > 0) out.splice(pick % out.length, 1)[0].release();
        const stats = pool.stats();
        assertEquals(new Set(out.map(({ bytes }) => bytes)).size, out.length);
        assertEquals(stats.outstanding, out.length);
        assertEquals(stats.outstandingBytes, out.reduce((sum, { capacity }) => sum + capacity, 0));
        assertEquals(stats.freeBytes, stats.classes.reduce((sum, { free, bytes }) => sum + free * bytes, 0));
        assert(stats.freeBytes <= maxFreeBytes && stats.classes.every(({ free }) => free <= maxFreePerClass));
      }
      for (const rented of out) rented.release();
      const { hits, misses, oversize } = pool.stats();
      assertEquals(hits + misses + oversize, list.filter(({ isRent }) => isRent).length);
      assertNothingOut(pool);
    }),
  );
});
