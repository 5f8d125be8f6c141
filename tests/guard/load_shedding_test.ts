// LoadShedding under load, where the measurement fails, and once the service has no sessions any more.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { LoadShedding } from "@laster/net/guard";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { CloseLog, startPair, transportsHere, turn, until } from "../support.ts";

/** A clock whose event loop is late when the test says so. */
class LateClock extends FakeClock {
  lateMs = 0;

  override now(): number {
    return super.now() + this.lateMs;
  }
}

test("LoadShedding refuses under load, lets the heaviest talker go, and recovers below its bound", async () => {
  const [{ make }] = transportsHere();
  const clock = new LateClock();
  let memory = 100;
  const shedding = new LoadShedding({
    maxDelayMs: 100,
    maxMemoryBytes: 1_000,
    maxSessions: 3,
    clock,
    measureMemory: () => memory,
  });
  const ends = new CloseLog();
  await using pair = await startPair(make(), {
    admission: [shedding],
    observers: [shedding],
    onMessage: () => {},
    onClose: ends.onClose,
  }, { onMessage: () => {} });
  const one = await pair.connect();
  const other = await pair.connect();
  assertEquals(shedding.stats, { overload: undefined, delayMs: 0, refused: 0, shed: 0 });

  clock.lateMs += 150;
  await clock.advance(250);
  const { overload, delayMs } = shedding.stats;
  assertEquals([overload, delayMs, shedding.admit({ sessions: 2 })], [undefined, 150, undefined], "a stall is no load");
  await clock.advance(250);
  for (let look = 0; look < 2; look++) {
    clock.lateMs += 150;
    await clock.advance(250);
  }
  assertEquals([shedding.stats.overload, shedding.admit({ sessions: 2 })], ["event-loop", "overloaded"]);
  clock.lateMs += 90;
  await clock.advance(250);
  assertEquals(shedding.stats.overload, "event-loop", "not down at four fifths yet");
  await clock.advance(250);
  assertEquals([shedding.stats.overload, shedding.admit({ sessions: 2 })], [undefined, undefined]);

  memory = 1_001;
  for (let look = 0; look < 12 && shedding.stats.shed === 0; look++) {
    const before = other.far.stats.receivedFrames;
    for (let count = 0; count < 5; count++) other.near.send(new Uint8Array(50));
    one.near.send(new Uint8Array(1));
    await until(() => other.far.stats.receivedFrames >= before + 5 || other.far.state !== "open", "they talk");
    await clock.advance(250);
    await turn();
  }
  await until(() => ends.events.length === 1, "one is let go");
  assertEquals([ends.events[0].detail, one.far.state, shedding.stats.shed], ["load-shed", "open", 1]);
  memory = 801;
  await clock.advance(250);
  assertEquals(shedding.stats.overload, "memory");
  memory = 800;
  await clock.advance(250);
  assertEquals(shedding.stats.overload, undefined);

  assertEquals([shedding.admit({ sessions: 2 }), shedding.admit({ sessions: 3 })], [undefined, "overloaded"]);
  await clock.advance(250);
  assertEquals([shedding.stats.overload, shedding.admit({ sessions: 1 })], [undefined, undefined]);
  assertThrows(() => new LoadShedding({ maxDelayMs: -1 }), RangeError, "maxDelayMs");
  assertThrows(() => new LoadShedding({ measureMemory: 5 as unknown as () => number }), TypeError, "measureMemory");
});

test("LoadShedding takes a memory that cannot be measured for none, and tells of it once", async () => {
  const clock = new FakeClock();
  const faults: string[] = [];
  let measure = (): unknown => 2_000;
  const shedding = new LoadShedding({ maxMemoryBytes: 1_000, clock, measureMemory: () => measure() as number });
  await using pair = await startPair(memoryTransport(), {
    observers: [shedding, {
      onFault: ({ message, properties }) => {
        const { cause } = properties.error as Error;
        faults.push(`${message} ${cause instanceof Error ? cause.message : cause}`);
      },
    }],
    onMessage: () => {},
  }, { onMessage: () => {} });
  await pair.connect();
  const look = async () => {
    await clock.advance(250);
    await turn();
    return shedding.stats.overload;
  };
  assertEquals(await look(), "memory");
  measure = () => {
    throw new Error("no such file");
  };
  assertEquals([await look(), await look()], [undefined, undefined], "it goes on looking");
  measure = () => Promise.reject(new Error("not a number yet"));
  assertEquals(await look(), undefined);
  for (const odd of [NaN, -1, "2000", 2_000n, null, undefined, Symbol("odd"), Object.create(null)]) {
    measure = () => odd;
    assertEquals(await look(), undefined, typeof odd);
  }
  for (let count = 0; count < 3; count++) await pair.connect();
  const told = "The onOpened method of an observer failed: {error} no such file";
  assertEquals(faults, [told], "when the next session opens");
  measure = () => 2_000;
  assertEquals([await look(), pair.server.sessionCount], ["memory", 4]);
});

test("LoadShedding has no timer without sessions, and looks again when the next connection comes", async () => {
  const clock = new FakeClock();
  let memory = 2_000;
  let measured = 0;
  const measureMemory = () => {
    measured++;
    return memory;
  };
  const shedding = new LoadShedding({ maxMemoryBytes: 1_000, clock, measureMemory });
  await using pair = await startPair(memoryTransport(), {
    admission: [shedding],
    observers: [shedding],
    onMessage: () => {},
  }, { onMessage: () => {} });
  const { near } = await pair.connect();
  await clock.advance(250);
  assertEquals([shedding.stats.overload, clock.timerCount], ["memory", 1]);
  await near.close();
  await until(() => pair.server.sessionCount === 0, "it has gone");
  assertEquals([shedding.stats.overload, clock.timerCount], ["memory", 0]);
  measured = 0;
  for (let count = 0; count < 5; count++) assertEquals(shedding.admit({ sessions: 0 }), "overloaded");
  assertEquals(measured, 0, "it has just looked");
  await clock.advance(250);
  for (let count = 0; count < 5; count++) assertEquals(shedding.admit({ sessions: 0 }), "overloaded");
  assertEquals([measured, shedding.stats.refused, clock.timerCount], [1, 10, 0]);
  memory = 800;
  await clock.advance(250);
  assertEquals([shedding.admit({ sessions: 0 }), shedding.stats.overload], [undefined, undefined]);
});

test("LoadShedding ends an overload of the event loop that it has seen last, if nobody is there any more", async () => {
  const clock = new LateClock();
  const shedding = new LoadShedding({ maxDelayMs: 100, clock });
  await using pair = await startPair(memoryTransport(), {
    admission: [shedding],
    observers: [shedding],
    onMessage: () => {},
  });
  const { near } = await pair.connect();
  for (let look = 0; look < 2; look++) {
    clock.lateMs += 150;
    await clock.advance(250);
  }
  await near.close();
  await until(() => pair.server.sessionCount === 0, "it has gone");
  assertEquals([shedding.stats.overload, clock.timerCount], ["event-loop", 0]);
  assertEquals(shedding.admit({ sessions: 0 }), "overloaded");
  await clock.advance(60_000);
  assertEquals([shedding.admit({ sessions: 0 }), shedding.stats.delayMs], [undefined, 0]);
});

test("LoadShedding closes nobody at the first overloaded look after a time without sessions", async () => {
  const clock = new LateClock();
  const shedding = new LoadShedding({ maxDelayMs: 100, clock });
  await using pair = await startPair(memoryTransport(), { observers: [shedding], onMessage: () => {} });
  const lookLate = async (overload: string | undefined) => {
    clock.lateMs += 150;
    await clock.advance(250);
    assertEquals(shedding.stats.overload, overload);
  };
  const silent = await pair.connect();
  for (let look = 0; look < 10; look++) await lookLate(look === 0 ? undefined : "event-loop");
  await silent.near.close();
  await until(() => pair.server.sessionCount === 0, "all have gone");
  assertEquals(clock.timerCount, 0);
  await clock.advance(60_000);
  const { near, far } = await pair.connect();
  near.send(new Uint8Array(50));
  await until(() => far.stats.receivedFrames === 1, "it talks");
  for (const overload of [undefined, "event-loop"]) await lookLate(overload);
  assertEquals([shedding.stats.shed, far.state], [0, "open"]);
});

test("LoadShedding looks at the load though sessions come and go, one after the other, faster than it looks", async () => {
  const clock = new FakeClock();
  let memory = 100;
  const shedding = new LoadShedding({ maxMemoryBytes: 1_000, clock, measureMemory: () => memory });
  await using pair = await startPair(memoryTransport(), {
    admission: [shedding],
    observers: [shedding],
    onMessage: () => {},
  });
  await clock.advance(1_000);
  for (let count = 0; count < 3; count++) {
    const { near } = await pair.connect();
    await clock.advance(100);
    await near.close();
    await until(() => pair.server.sessionCount === 0, "it has gone");
  }
  memory = 2_000;
  assertEquals(shedding.admit({ sessions: 0 }), "overloaded");
});

test("LoadShedding without sessions looks at the load when a connection comes, and needs no timer for it", async () => {
  const clock = new FakeClock();
  const shedding = new LoadShedding({ maxMemoryBytes: 1_000, maxSessions: 5, clock, measureMemory: () => 2_000 });
  await clock.advance(1_000);
  assertEquals([shedding.admit({ sessions: 0 }), shedding.stats.overload], ["overloaded", "memory"]);
  shedding.change({ maxSessions: 5 });
  await clock.advance(250);
  assertEquals([shedding.admit({ sessions: 4 }), shedding.admit({ sessions: 5 })], [undefined, "overloaded"]);
  assertEquals([shedding.stats.overload, clock.timerCount], ["sessions", 0]);
});

test("LoadShedding counts dialled sessions until no more than four fifths of its bound are left", async () => {
  const clock = new FakeClock();
  const shedding = new LoadShedding({ maxSessions: 100, clock });
  await using pair = await startPair(memoryTransport(), { observers: [shedding], onMessage: () => {} });
  await pair.connect();
  assertEquals([shedding.admit({ sessions: 99 }), shedding.admit({ sessions: 100 })], [undefined, "overloaded"]);
  for (const sessions of [99, 81]) {
    await clock.advance(250);
    assertEquals(shedding.admit({ sessions }), "overloaded", `${sessions}`);
  }
  await clock.advance(250);
  assertEquals([shedding.admit({ sessions: 80 }), shedding.admit({ sessions: 99 })], [undefined, undefined]);
});
