// ResiliencePolicy: cockatiel's bulkhead, retry, breaker and timeout around each other, all of them bounded. Runtime neutral.

import { consoleLogger, type Logger } from "@laster/net";
import type { BreakerOptions } from "@laster/net/client";
import {
  bulkhead,
  type BulkheadPolicy,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  halfJitterGenerator,
  handleWhen,
  type IBackoff,
  type IBackoffFactory,
  type IPolicy,
  retry,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import { isAnswer, isDown, isTransient } from "./transient.ts";
import type { PolicyLike } from "./with_policy.ts";

const LARGEST = 2 ** 31 - 1;

/** The state of a breaker; `"isolated"` is held open by hand. */
export type BreakerState = "closed" | "open" | "half-open" | "isolated";

/** What is shown of cockatiel's breaker. */
export interface Breaker {
  /** Its state, a number of cockatiel's `CircuitState`. */
  readonly state: number;
  /** What it counted last; undefined if it has counted nothing. */
  readonly lastFailure: object | undefined;
  /** Hears of each change of its state, until it is disposed of. A listener must not throw. */
  readonly onStateChange: (listener: (state: number) => void) => { dispose(): void };
  /** Holds it open until what this gives is disposed of. */
  isolate(): { dispose(): void };
}

/** Options of {@linkcode ResiliencePolicy}. Milliseconds and counts are at most 2^31 - 1. */
export interface ResiliencePolicyOptions {
  /**
   * Attempts after the first, 0 or more, if a failure is transient (`isTransient()`).
   *
   * @default {3}
   */
  readonly retries?: number | undefined;
  /**
   * Milliseconds before the second attempt, 0 or more; doubles with each. Each pause is cut by up to half at random.
   *
   * @default {100}
   */
  readonly minDelayMs?: number | undefined;
  /**
   * The longest pause, in milliseconds, at least `minDelayMs`.
   *
   * @default {10000}
   */
  readonly maxDelayMs?: number | undefined;
  /**
   * Milliseconds after which the signal of an attempt aborts, 1 or more.
   *
   * @default {undefined: dials and queries have a `timeoutMs` of their own}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * When the breaker opens, and for how long: after so many failures in a row, of all calls together, that show the other side
   * down (`isDown()`). After `openMs` one call is let in: if it succeeds, or the server refuses it, the breaker closes; if it
   * fails in any other way, as the server is still down, or on this side, aborted, for want of room or with a wrong option, the
   * breaker stays open for as long again.
   *
   * @default {{ failures: 5, openMs: 10000 }}
   */
  readonly breaker?: BreakerOptions | undefined;
  /**
   * Calls under way at the same time, 1 or more. A call that is aborted in a pause counts until that pause is over.
   *
   * @default {16}
   */
  readonly maxRunning?: number | undefined;
  /**
   * Calls that may wait for their turn, 0 or more; one more rejects with cockatiel's `BulkheadRejectedError`. A call that is
   * aborted while it waits rejects at once, but counts until its turn comes.
   *
   * @default {256}
   */
  readonly maxWaiting?: number | undefined;
  /** The breaker's state has changed. */
  readonly onState?: ((state: BreakerState) => void) | undefined;
  /**
   * Hears of an `onState` that throws, or rejects.
   *
   * @default {consoleLogger()}
   */
  readonly logger?: Logger | undefined;
}

/**
 * Makes the calls to one server: a limited number at a time, again after transient failures, and none for a while if the server
 * is down. Share one among all calls to a server. The order from outside in: bulkhead, retry, breaker, timeout.
 *
 * @example A server that is down
 * ```ts
 * import { connect } from "@laster/net";
 * import { dialWith, ResiliencePolicy } from "@laster/resilience";
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { BrokenCircuitError } from "cockatiel";
 *
 * const policy = new ResiliencePolicy({ retries: 1, minDelayMs: 5, breaker: { failures: 2, openMs: 10_000 } });
 * const dial = () => dialWith(policy, (signal) => connect({ port: 1, signal }));
 * await assertRejects(dial, Error, "refused");
 * assertEquals(policy.state, "open");
 * await assertRejects(dial, BrokenCircuitError);
 * ```
 */
export class ResiliencePolicy implements PolicyLike {
  /** Cockatiel's breaker, for its events, and to hold it open by `isolate()`. */
  readonly breaker: Breaker;
  readonly #bulkhead: BulkheadPolicy;
  readonly #policy: IPolicy;
  readonly #maxRunning: number;
  readonly #maxWaiting: number;

  /**
   * Makes a policy.
   *
   * @param options Its bounds.
   * @throws {RangeError} if a number is out of range.
   * @throws {TypeError} if an option has another name.
   */
  constructor(options: ResiliencePolicyOptions = {}) {
    checkNames(options);
    const { timeoutMs, breaker = { failures: 5, openMs: 10_000 }, onState, logger = consoleLogger() } = options;
    const maxAttempts = check("retries", options.retries ?? 3, 0);
    const initialDelay = check("minDelayMs", options.minDelayMs ?? 100, 0);
    const maxDelay = check("maxDelayMs", options.maxDelayMs ?? Math.max(10_000, initialDelay), initialDelay);
    this.#maxRunning = check("maxRunning", options.maxRunning ?? 16, 1);
    this.#maxWaiting = check("maxWaiting", options.maxWaiting ?? 256, 0);
    // A trial that failed without an answer says nothing of the server: unhandled, it would close the breaker.
    const counts = (error: unknown) => isDown(error) || (own.state === CircuitState.HalfOpen && !isAnswer(error));
    const own: CircuitBreakerPolicy = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: openFor(check("breaker.openMs", breaker.openMs, 0)),
      breaker: new ConsecutiveBreaker(check("breaker.failures", breaker.failures, 1)),
    });
    this.breaker = own;
    this.#bulkhead = bulkhead(this.#maxRunning, this.#maxWaiting);
    const backoff = new ExponentialBackoff({ initialDelay, maxDelay, generator: halfJitterGenerator });
    const policies: IPolicy[] = [
      this.#bulkhead,
      retry(handleWhen(isTransient), { maxAttempts, backoff }),
      own,
    ];
    // Cooperative: waits until the attempt has ended by its signal, so that none runs on.
    if (timeoutMs !== undefined) {
      policies.push(timeout(check("timeoutMs", timeoutMs, 1), TimeoutStrategy.Cooperative));
    }
    this.#policy = wrap(...policies);
    if (onState === undefined) return;
    this.breaker.onStateChange(() => {
      tell(onState, breakerState(this.breaker), logger).catch(() => {}); // A logger that throws is no failure of the call.
    });
  }

  /** The state of the breaker. It is `"open"` until the first call after `openMs`, which makes it `"half-open"`. */
  get state(): BreakerState {
    return breakerState(this.breaker);
  }

  /** Calls under way, and those in a pause between two attempts. */
  get running(): number {
    return this.#maxRunning - this.#bulkhead.executionSlots;
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#maxWaiting - this.#bulkhead.queueSlots;
  }

  /** Runs a call; `dialWith()` and `queryWith()` do it for you. */
  execute<Result>(
    call: (context: { readonly signal: AbortSignal }) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    return this.#policy.execute(call, signal);
  }
}

/**
 * Names the state of a breaker of cockatiel's.
 *
 * @param breaker The breaker.
 * @returns Its state.
 *
 * @example Metrics of a breaker of one's own
 * ```ts
 * import { breakerState } from "@laster/resilience";
 * import { Metrics } from "@laster/metrics";
 * import { circuitBreaker, ConsecutiveBreaker, handleAll } from "cockatiel";
 * import { assertEquals } from "@std/assert";
 *
 * const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(3) });
 * const metrics = new Metrics();
 * metrics.watchPolicy({ get state() { return breakerState(breaker); } }, "mail");
 * assertEquals(breakerState(breaker), "closed");
 * metrics.stop();
 * ```
 */
export function breakerState({ state }: { readonly state: number }): BreakerState {
  switch (state) {
    case CircuitState.Closed:
      return "closed";
    case CircuitState.Open:
      return "open";
    case CircuitState.HalfOpen:
      return "half-open";
    default:
      return "isolated";
  }
}

const NAMES: Record<keyof ResiliencePolicyOptions, true> = {
  retries: true,
  minDelayMs: true,
  maxDelayMs: true,
  timeoutMs: true,
  breaker: true,
  maxRunning: true,
  maxWaiting: true,
  onState: true,
  logger: true,
};

/** Refuses unknown names: one that is misspelt would be left at its default without a word. */
function checkNames(options: ResiliencePolicyOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(NAMES, name)) throw new TypeError(`Cannot create policy as it has no option "${name}"`);
  }
}

function check(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value <= LARGEST) return value;
  throw new RangeError(
    `Cannot create policy as ${name} must be an integer from ${least} to ${LARGEST}: current value is ${value}`,
  );
}

/** Holds a breaker open for a time that no change of the wall clock makes longer; cockatiel compares it with `Date.now()`. */
function openFor(openMs: number): IBackoffFactory<unknown> {
  const next = (): IBackoff<unknown> => {
    const endMs = performance.now() + openMs;
    return {
      get duration() {
        return performance.now() < endMs ? Infinity : -Infinity;
      },
      next,
    };
  };
  return { next };
}

/** Calls `onState`; logs what it throws, or rejects with, as that is no failure of the call. */
async function tell(onState: (state: BreakerState) => unknown, state: BreakerState, logger: Logger): Promise<void> {
  try {
    await onState(state);
  } catch (error) {
    logger.error("The onState handler failed: {error}", { error: String(error) });
  }
}
