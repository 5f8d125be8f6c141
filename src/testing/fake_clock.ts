// FakeClock: a clock that stands still until a test moves it. Runtime neutral.

import type { Clock } from "../clock.ts";
import { describeValue } from "../options.ts";

/** Rounds of microtasks given to promises between two timers, before one turn of the event loop. */
const SETTLE_ROUNDS = 50;

interface FakeTimer {
  readonly callback: () => void;
  readonly dueMs: number;
}

/**
 * A clock that stands still until it is moved, so that a test of a timeout takes no time.
 *
 * @example Close a silent peer
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { memoryTransport } from "@laster/net/transport";
 * import { FakeClock } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new FakeClock();
 * const reasons: string[] = [];
 * await using service = new TcpService({
 *   clock,
 *   transport: memoryTransport(),
 *   listeners: [{ port: 1 }],
 *   idleTimeoutMs: 30_000,
 *   onClose: (_session, { reason }) => reasons.push(reason),
 * });
 * await service.start();
 * await service.connect({ hostname: "0.0.0.0", port: 1 });
 * await clock.advance(30_000);
 * assertEquals(reasons[0], "idle-timeout");
 * ```
 */
export class FakeClock implements Clock {
  /** Idle timeouts are exact on a fake clock. */
  readonly isCheap: boolean = true;
  #nowMs = 0;
  readonly #timers = new Set<FakeTimer>();

  /** How many timers are running. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Returns the fake time. */
  now(): number {
    return this.#nowMs;
  }

  /** Sets a timer. */
  setTimer(callback: () => void, delayMs: number): unknown {
    const timer = { callback, dueMs: this.#nowMs + Math.max(0, delayMs) };
    this.#timers.add(timer);
    return timer;
  }

  /** Stops a timer. */
  clearTimer(handle: unknown): void {
    this.#timers.delete(handle as FakeTimer);
  }

  /** Defers to the next `advance()`, even by 0. */
  defer(callback: () => void): void {
    this.setTimer(callback, 0);
  }

  /**
   * Moves the time on, and calls each timer that falls due at its time, in order. Promises get to settle in between. Calls that
   * overlap each go on from the time of their call.
   *
   * @param durationMs How far, in milliseconds, 0 or more.
   * @throws {RangeError} if that is less, or no finite number.
   */
  async advance(durationMs: number): Promise<void> {
    if (!Number.isFinite(durationMs) || durationMs < 0) {
      const value = describeValue(durationMs);
      throw new RangeError(
        `Cannot advance clock as durationMs must be a number of 0 or more: current value is ${value}`,
      );
    }
    const untilMs = this.#nowMs + durationMs;
    await settle();
    for (let timer = this.#next(untilMs); timer !== undefined; timer = this.#next(untilMs)) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.callback();
      await settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs); // Another call may have gone further meanwhile.
  }

  #next(untilMs: number): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }
}

async function settle(): Promise<void> {
  for (let round = 0; round < SETTLE_ROUNDS; round++) await undefined;
  // No type library of the web platform declares `setImmediate`.
  const { setImmediate } = globalThis as unknown as { setImmediate: (callback: () => void) => void };
  await new Promise<void>((resolve) => setImmediate(resolve));
}
