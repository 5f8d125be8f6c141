// resolveSessionLimits() and checkRange(): defaults, and the edges of every limit.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { raw, simpleBinary } from "@laster/net";
import { checkRange, resolveSessionLimits } from "../../src/session/limits.ts";

const ENCODER = simpleBinary().createEncoder();
const LONGEST_FRAME_BYTES = 65_540;

test("resolveSessionLimits() fills in the defaults that the docs name", () => {
  assertEquals(resolveSessionLimits({}, ENCODER), {
    highWaterMarkBytes: 532_480,
    lowWaterMarkBytes: 266_240,
    maxQueuedBytes: 1_064_960,
    maxQueuedFrames: 65_536,
    highWaterMarkFrames: 32_768,
    lowWaterMarkFrames: 16_384,
    pauseWhenFull: true,
    allowHalfOpen: false,
    turnMs: 4,
    handlerTimeoutMs: 0,
    maxInFlightBytes: 0,
    maxInFlightMs: 0,
    heartbeat: undefined,
    idleTimeoutMs: 120_000,
    closeTimeoutMs: 5_000,
    framesPerTurn: 1_024,
    flush: "turn",
    flushIntervalMs: 0,
    whenFull: "refuse",
  });
});

test("resolveSessionLimits() makes room for eight longest frames below the mark, and for one above it", () => {
  const encoder = raw({ maxPayloadBytes: 10_000_000 }).createEncoder();
  const { highWaterMarkBytes, maxQueuedBytes } = resolveSessionLimits({}, encoder);
  assertEquals([highWaterMarkBytes, maxQueuedBytes], [80_000_000, 160_000_000]);
  assertEquals(resolveSessionLimits({ highWaterMarkBytes: 5 }, encoder).maxQueuedBytes, 10_000_005);
  assertEquals(resolveSessionLimits({ maxQueuedBytes: 30_000_000 }, encoder).highWaterMarkBytes, 20_000_000);
  assertEquals(resolveSessionLimits({ maxQueuedBytes: 10_532_480 }, encoder).highWaterMarkBytes, 532_480);
  const longest = raw({ maxPayloadBytes: 2 ** 31 - 1 }).createEncoder();
  assertEquals(resolveSessionLimits({}, longest).highWaterMarkBytes, 2 ** 31 - 1);
  const low = resolveSessionLimits({ highWaterMarkBytes: 0 }, ENCODER);
  assertEquals([low.lowWaterMarkBytes, low.maxQueuedBytes], [0, LONGEST_FRAME_BYTES]);
  assertEquals(resolveSessionLimits({ highWaterMarkBytes: 5 }, ENCODER).lowWaterMarkBytes, 2);
});

test("resolveSessionLimits() takes every limit at its edges, and nothing past them", () => {
  const most = 2 ** 31 - 1;
  const least = 532_480 + LONGEST_FRAME_BYTES;
  const edges = {
    highWaterMarkBytes: [0, most],
    lowWaterMarkBytes: [0, 532_480],
    maxQueuedBytes: [least, Number.MAX_SAFE_INTEGER],
    maxQueuedFrames: [1, most],
    highWaterMarkFrames: [0, 65_535],
    lowWaterMarkFrames: [0, 32_768],
    turnMs: [0, most],
    handlerTimeoutMs: [0, most],
    idleTimeoutMs: [0, most],
    closeTimeoutMs: [0, most],
    framesPerTurn: [1, most],
    flushIntervalMs: [0, most],
  };
  for (const [name, [lowest, highest]] of Object.entries(edges)) {
    for (const value of [lowest, highest]) {
      assertEquals(resolveSessionLimits({ [name]: value }, ENCODER)[name as keyof typeof edges], value);
    }
    for (const value of [lowest - 1, highest + 1, lowest + 0.5]) {
      assertThrows(
        () => resolveSessionLimits({ [name]: value }, ENCODER),
        RangeError,
        `${name} must be an integer from`,
      );
    }
  }
});

test("checkRange() names the rule and the value", () => {
  checkRange("count", 1, 1, 1);
  const error = assertThrows(() => checkRange("count", 7, 1, 3), RangeError);
  assertEquals(error.message, "Cannot create service as count must be an integer from 1 to 3: current value is 7");
  for (const value of [NaN, Infinity, -Infinity, "2" as unknown as number, 1.5]) {
    const shown = typeof value === "string" ? `"${value}"` : value;
    assertThrows(() => checkRange("count", value, 1, 3), RangeError, `current value is ${shown}`);
  }
});
