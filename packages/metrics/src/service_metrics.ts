// ServiceMetrics: what all exporters have in common: what is watched, counted and measured. Exports nothing.
// Runtime neutral.

import type { ServiceObserver } from "@laster/net";
import { EventLoopDelay } from "./event_loop_delay.ts";
import { DELAYS, HANDLER_TIMES, type HistogramFigure } from "./figures.ts";
import type { Reading, WatchedLink, WatchedPolicy, WatchedQueries, WatchedService } from "./watched.ts";

/** Names of links, of policies, and of queues of queries: more would mean a name for each player. */
const MOST_NAMES = 100;

/** Messages for each one that is measured: two looks at the clock and the histogram cost more than most messages. */
const MESSAGES_PER_TIME = 16;

/** Options of all exporters. */
export interface ServiceMetricsOptions {
  /**
   * Whether to measure the time of message handlers, promises included, of one message in sixteen at random. The histogram
   * counts those only; all messages are in `laster_messages_received_total`.
   *
   * @default {false}
   */
  readonly handlerTime?: boolean | undefined;
  /**
   * Random numbers from 0 to below 1.
   *
   * @default {Math.random}
   */
  readonly random?: (() => number) | undefined;
}

/** Makes a histogram; gives what is to be told each value, in seconds. */
export type MakeHistogram = (figure: HistogramFigure) => (seconds: number) => void;

/** Metrics of services; how they are exported is the subclass's. Everything but a histogram is read when it is asked for. */
export abstract class ServiceMetrics implements ServiceObserver {
  /** Begins to measure a handler; only there if `handlerTime` was asked for, as it costs each message. */
  readonly onMessageStart?: ServiceObserver["onMessageStart"];
  /** Ends it. */
  readonly onMessageEnd?: ServiceObserver["onMessageEnd"];
  readonly #services = new Map<string, WatchedService>();
  readonly #links = new Map<string, WatchedLink>();
  readonly #policies = new Map<string, WatchedPolicy>();
  readonly #queries = new Map<string, WatchedQueries>();
  readonly #faults = new Map<string, number>();
  readonly #delay: EventLoopDelay;
  #congestions = 0;

  /** Begins to measure the event loop. */
  constructor(options: ServiceMetricsOptions, makeHistogram: MakeHistogram) {
    const { handlerTime = false, random = Math.random, ...others } = options;
    for (const name of Object.keys(others)) {
      throw new TypeError(
        `Cannot create metrics as it has no option of that name: current value is "${name}", known are ` +
          "handlerTime, random and, with prom-client, registry",
      );
    }
    if (typeof handlerTime !== "boolean") {
      throw new TypeError(
        `Cannot create metrics as handlerTime must be true or false: current value is ${handlerTime}`,
      );
    }
    this.#delay = new EventLoopDelay(makeHistogram(DELAYS));
    if (handlerTime) Object.assign(this, measureHandlers(makeHistogram(HANDLER_TIMES), random));
  }

  /**
   * Reads the figures of a service from now on.
   *
   * @param service The service.
   * @param name What it is called in the label `service`.
   */
  watch(service: WatchedService, name = "default"): void {
    this.#services.set(name, service);
  }

  /**
   * Reads the state of a link from now on.
   *
   * @param link What `keepConnected()` gave.
   * @param name What it is called in the label `link`: what it leads to, not an address.
   * @throws {RangeError} if there are 100 names already.
   */
  watchLink(link: WatchedLink, name: string): void {
    addNamed(this.#links, "link", name, link);
  }

  /**
   * Reads a policy from now on: whether its breaker is open, and how many calls it has.
   *
   * @param policy A `ResiliencePolicy` of `@laster/resilience`, or anything else that has the `state` of a breaker.
   * @param name What it is called in the label `policy`: what it is for, not an address.
   * @throws {RangeError} if there are 100 names already.
   */
  watchPolicy(policy: WatchedPolicy, name: string): void {
    addNamed(this.#policies, "policy", name, policy);
  }

  /**
   * Reads the figures of a queue of queries from now on.
   *
   * @param queries A `QueryQueue` of `@laster/database`.
   * @param name What it is called in the label `queue`: what it is for, such as `"game"`.
   * @throws {RangeError} if there are 100 names already.
   */
  watchQueries(queries: WatchedQueries, name = "default"): void {
    addNamed(this.#queries, "queries", name, queries);
  }

  /** Stops measuring the event loop. */
  stop(): void {
    this.#delay.stop();
  }

  /** A queue is above a mark. */
  onBackpressure(_session: unknown, isCongested: boolean): void {
    if (isCongested) this.#congestions++;
  }

  /** Something failed. */
  onFault({ level }: { readonly level: string }): void {
    this.#faults.set(level, (this.#faults.get(level) ?? 0) + 1);
  }

  /** For exporters: reads all that is watched, with one snapshot of each service. */
  protected read(): Reading {
    return {
      services: Array.from(this.#services, ([name, service]) => [name, service, service.stats()] as const),
      links: this.#links,
      policies: this.#policies,
      queries: this.#queries,
      congestions: this.#congestions,
      faults: this.#faults,
    };
  }
}

/** Adds what is watched under a name, or replaces what was. */
function addNamed<Watched>(watched: Map<string, Watched>, what: string, name: string, one: Watched): void {
  if (!watched.has(name) && watched.size >= MOST_NAMES) {
    const value = JSON.stringify(name);
    throw new RangeError(`Cannot watch ${what} as there may be ${MOST_NAMES} names: current value is ${value}`);
  }
  watched.set(name, one);
}

/**
 * Measures from the call of a handler to its end, of the first message and then of one in sixteen. At random, as players may
 * send in a rhythm.
 */
function measureHandlers(
  observe: (seconds: number) => void,
  random: () => number,
): Pick<ServiceObserver, "onMessageStart" | "onMessageEnd"> {
  const started = new WeakMap<object, number>();
  /** How many are measured at the moment: most messages are not looked up. */
  let measured = 0;
  let left = 1;
  return {
    onMessageStart(session) {
      if (--left > 0) return;
      left = 1 + Math.floor(random() * (2 * MESSAGES_PER_TIME - 1));
      measured++;
      started.set(session, performance.now());
    },
    onMessageEnd(session) {
      if (measured === 0) return;
      const startMs = started.get(session);
      if (startMs === undefined) return;
      measured--;
      started.delete(session);
      observe((performance.now() - startMs) / 1_000);
    },
  };
}
