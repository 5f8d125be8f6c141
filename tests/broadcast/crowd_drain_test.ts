// CrowdDrain: who is waited for, and for how long.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { SessionState } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { CrowdDrain, type Waiting } from "../../src/broadcast/crowd_drain.ts";

const HIGH = 100;
const LOW = 50;

class Peer implements Waiting {
  state: SessionState = "open";
  isStalled = false;
  /** What the system has taken is what was sent less this. */
  readonly connection = { pendingBytes: 0 };
  queuedBytes: number;
  readonly queue: Waiting["queue"] & { sentBytes: number };

  constructor(queuedBytes: number) {
    this.queuedBytes = queuedBytes;
    const isAbove = (mark: number) => this.queuedBytes > mark;
    this.queue = {
      sentBytes: 0,
      get isDrained() {
        return !isAbove(LOW);
      },
      get isCongested() {
        return isAbove(HIGH);
      },
    };
  }

  get takenBytes(): number {
    return this.queue.sentBytes - this.connection.pendingBytes;
  }

  take(bytes: number): void {
    this.queuedBytes -= bytes;
    this.queue.sentBytes += bytes;
  }
}

function setUp(queued: readonly number[]) {
  const clock = new FakeClock();
  const peers = queued.map((bytes) => new Peer(bytes));
  const drain = new CrowdDrain(clock);
  /** Waits, and notes when that was over. */
  const wait = (signal?: AbortSignal) => {
    const over = { ms: -1 };
    const startMs = clock.now();
    const done = drain.wait(peers, signal).then(() => {
      over.ms = clock.now() - startMs;
    });
    done.catch(() => {});
    return { over, done };
  };
  return { clock, peers, wait };
}

test("CrowdDrain waits for nobody who is not above the high-water mark", async () => {
  const { clock, wait } = setUp([0, HIGH]);
  await wait().done;
  assertEquals(clock.timerCount, 0);
});

test("CrowdDrain waits for those who read, however slowly, until they are at the low-water mark", async () => {
  const { clock, peers: [quick, slow], wait } = setUp([HIGH + 1, 150]);
  const { over } = wait();
  quick.take(60);
  for (let count = 0; count < 10; count++) {
    await clock.advance(190);
    assertEquals([over.ms, slow.isStalled], [-1, false], `${slow.queuedBytes} bytes are left`);
    slow.take(10);
  }
  await clock.advance(20);
  assertEquals([over.ms, slow.queuedBytes], [1_920, LOW]);
  assertEquals(clock.timerCount, 0);
});

test("CrowdDrain waits for one who takes nothing for 200 ms, once, and then not until he takes something", async () => {
  const { clock, peers: [stuck], wait } = setUp([500]);
  const first = wait();
  await clock.advance(199);
  assertEquals([first.over.ms, stuck.isStalled], [-1, false]);
  await clock.advance(1);
  assertEquals([first.over.ms, stuck.isStalled], [200, true]);
  const second = wait();
  await clock.advance(0);
  assertEquals(second.over.ms, 0);
  stuck.take(10);
  stuck.isStalled = false; // As the session does when the peer takes something.
  const third = wait();
  await clock.advance(199);
  assertEquals(third.over.ms, -1);
  await clock.advance(1);
  assertEquals(third.over.ms, 200);
});

test("CrowdDrain waits no longer for one who closes", async () => {
  const { clock, peers: [gone], wait } = setUp([500]);
  const { over } = wait();
  await clock.advance(30);
  gone.state = "closing";
  await clock.advance(10);
  assertEquals([over.ms, gone.isStalled], [40, false]);
});

test("CrowdDrain stops waiting by a signal, with its reason, and leaves no timer", async () => {
  const { clock, wait } = setUp([500]);
  const controller = new AbortController();
  const { done } = wait(controller.signal);
  await clock.advance(30);
  controller.abort(new RangeError("enough"));
  await assertRejects(() => done, RangeError, "enough");
  assertEquals(clock.timerCount, 0);
  await assertRejects(() => wait(controller.signal).done, RangeError, "enough");
});
