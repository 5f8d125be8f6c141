// IdleWatch: who was silent for the idle timeout.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { IdleWatch, type Watched } from "../../src/session/idle_watch.ts";

class Peer implements Watched {
  lastSignMs = 0;
  idleWatch!: IdleWatch;
  silences = 0;

  handleSilence(): void {
    this.silences++;
  }
}

/** A fake clock that is as slow to read as a real one, of an event loop that may stand still. */
class SlowClock extends FakeClock {
  override readonly isCheap: boolean = false;
  stoodStillMs = 0;

  override now(): number {
    return super.now() + this.stoodStillMs;
  }
}

function setUp(timeoutMs: number, clock: FakeClock, count = 1) {
  const peers = Array.from({ length: count }, () => new Peer());
  const watch = new IdleWatch(clock, timeoutMs, () => peers);
  for (const peer of peers) peer.idleWatch = watch;
  return { peers, watch };
}

for (const timeoutMs of [1, 10, 30, 100, 999, 1_000, 120_000]) {
  const stepMs = Math.ceil(Math.max(timeoutMs / 64, Math.min(timeoutMs, 10)));
  for (
    const { of, makeClock, lateMs } of [
      { of: "a cheap clock", makeClock: () => new FakeClock(), lateMs: 0 },
      { of: "a slow clock", makeClock: () => new SlowClock(), lateMs: 3 * stepMs },
      {
        of: "a slow clock between milliseconds",
        makeClock: () => Object.assign(new SlowClock(), { stoodStillMs: 0.4 }),
        lateMs: 3 * stepMs,
      },
    ]
  ) {
    test(`IdleWatch finds a silence of ${timeoutMs} ms, never early and at most ${lateMs} ms late, by ${of}`, async () => {
      for (let lifeMs = 0; lifeMs < 3 * stepMs; lifeMs += Math.ceil(stepMs / 3)) {
        const clock = makeClock();
        await clock.advance(12_345);
        const { peers: [peer], watch } = setUp(timeoutMs, clock);
        watch.enter(peer);
        await clock.advance(lifeMs);
        peer.lastSignMs = watch.nowMs;
        peer.silences = 0;
        await clock.advance(timeoutMs - 1);
        assertEquals(peer.silences, 0, "early");
        await clock.advance(lateMs + 1);
        assert(peer.silences > 0, "late");
      }
    });
  }
}

test("IdleWatch does not take for silence that the event loop stood still", async () => {
  const clock = new SlowClock();
  const { peers: [peer], watch } = setUp(500, clock);
  watch.enter(peer);
  for (let count = 0; count < 100; count++) {
    clock.stoodStillMs += 10_000;
    peer.lastSignMs = watch.nowMs; // It waited all the while, and is handled before the timer.
    await clock.advance(10);
  }
  assertEquals(peer.silences, 0);
  await clock.advance(600);
  assert(peer.silences > 0, "but a silence it finds");
});

for (const makeClock of [() => new FakeClock(), () => new SlowClock()]) {
  test(`IdleWatch says nothing of who has left, with ${makeClock().constructor.name}`, async () => {
    const clock = makeClock();
    const { peers, watch } = setUp(500, clock, 2);
    for (const peer of peers) watch.enter(peer);
    watch.leave(peers[0]);
    await clock.advance(2_000);
    assertEquals(peers[0].silences, 0);
    assert(peers[1].silences > 0);
  });
}

for (const makeClock of [() => new FakeClock(), () => new SlowClock()]) {
  test(`IdleWatch counts no silence until all waits of a session are over, with ${makeClock().constructor.name}`, async () => {
    const clock = makeClock();
    const { peers, watch } = setUp(500, clock, 3);
    const [peer, other, gone] = peers;
    for (const each of peers) watch.enter(each);
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const waits = [first, second].map(({ promise }) => watch.excuse(peer, promise));
    waits.push(watch.excuse(gone, second.promise));
    watch.leave(gone);
    await clock.advance(600);
    first.resolve();
    await clock.advance(600);
    assertEquals(peer.silences, 0);
    assert(other.silences > 0, "the others are watched as ever");
    second.reject(new Error("too bad"));
    await Promise.allSettled(waits);
    await clock.advance(499);
    assertEquals(peer.silences, 0, "it has the whole timeout from then on");
    await clock.advance(50);
    assert(peer.silences > 0);
    assertEquals(gone.silences, 0);
  });
}

test("IdleWatch looks again for whoever was silent the longest, not for the last in the row", async () => {
  const clock = new FakeClock();
  const { peers: [first, second], watch } = setUp(100, clock, 2);
  for (const peer of [first, second]) watch.enter(peer);
  first.lastSignMs += 20;
  second.lastSignMs += 90;
  await clock.advance(119);
  assertEquals([first.silences, second.silences], [0, 0]);
  await clock.advance(1);
  assertEquals([first.silences, second.silences], [1, 0]);
});

test("IdleWatch runs its timer only while somebody is watched", async () => {
  const clock = new FakeClock();
  const { peers, watch } = setUp(1_000, clock, 2);
  assertEquals(clock.timerCount, 0);
  for (const peer of peers) watch.enter(peer);
  assertEquals([watch.count, clock.timerCount], [2, 1]);
  watch.leave(peers[0]);
  watch.leave(peers[0]);
  assertEquals([watch.count, clock.timerCount], [1, 1]);
  await clock.advance(999);
  watch.leave(peers[1]);
  assertEquals([watch.count, clock.timerCount], [0, 0]);
  await clock.advance(5_000);
  assertEquals(peers.map(({ silences }) => silences), [0, 0]);
});

test("IdleWatch with a timeout of 0 never finds anybody, and needs no timer", async () => {
  const clock = new FakeClock();
  const { peers: [peer], watch } = setUp(0, clock);
  watch.enter(peer);
  assertEquals(clock.timerCount, 0);
  await clock.advance(1_000_000);
  assertEquals(peer.silences, 0);
});
