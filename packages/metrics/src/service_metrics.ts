// ServiceMetrics: what all exporters have in common: who is watched, what is counted, what is measured. Exports nothing. Runtime
// neutral.

import type { ServiceObserver } from "@laster/net";
import { EventLoopDelay } from "./event_loop_delay.ts";
import { DELAYS, HANDLER_TIMES, type HistogramFigure } from "./figures.ts";
import type { Reading, WatchedLink, WatchedPolicy, WatchedService } from "./watched.ts";

/** More would be a name for each player. */
const MOST_NAMES = 100;

/** Options of all exporters. */
export interface ServiceMetricsOptions {
  /**
   * Whether the time that handlers take is measured, their promises too. That costs each message some 200 ns: much for an echo of
   * pipelined messages, little for a game.
   *
   * @default {false}
   */
  readonly handlerTime?: boolean | undefined;
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
  readonly #faults = new Map<string, number>();
  readonly #delay: EventLoopDelay;
  #congestions = 0;

  /** Begins to measure the event loop. */
  constructor({ handlerTime = false }: ServiceMetricsOptions, makeHistogram: MakeHistogram) {
    this.#delay = new EventLoopDelay(makeHistogram(DELAYS));
    if (handlerTime) Object.assign(this, measureHandlers(makeHistogram(HANDLER_TIMES)));
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
   * Tells from now on of a link that is kept.
   *
   * @param link What `keepConnected()` gave.
   * @param name What it is called in the label `link`: what it leads to, not an address.
   * @throws {RangeError} if there are 100 names already.
   */
  watchLink(link: WatchedLink, name: string): void {
    addNamed(this.#links, "link", name, link);
  }

  /**
   * Tells from now on of a policy: whether its breaker is open, and how many calls it has.
   *
   * @param policy A `ResiliencePolicy` of `@laster/resilience`, or anything else that has the `state` of a breaker.
   * @param name What it is called in the label `policy`: what it is for, not an address.
   * @throws {RangeError} if there are 100 names already.
   */
  watchPolicy(policy: WatchedPolicy, name: string): void {
    addNamed(this.#policies, "policy", name, policy);
  }

  /** Measures the event loop no more. */
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

  /** For exporters: looks at all that is watched, once. */
  protected read(): Reading {
    return {
      services: Array.from(this.#services, ([name, service]) => [name, service, service.stats()] as const),
      links: this.#links,
      policies: this.#policies,
      congestions: this.#congestions,
      faults: this.#faults,
    };
  }
}

/** Watches one more, or another in the place of the one of this name. */
function addNamed<Watched>(watched: Map<string, Watched>, what: string, name: string, one: Watched): void {
  if (!watched.has(name) && watched.size >= MOST_NAMES) {
    const value = JSON.stringify(name);
    throw new RangeError(`Cannot watch ${what} as there may be ${MOST_NAMES} names: current value is ${value}`);
  }
  watched.set(name, one);
}

/** Measures from the call of a handler to its end. */
function measureHandlers(
  observe: (seconds: number) => void,
): Pick<ServiceObserver, "onMessageStart" | "onMessageEnd"> {
  const started = new WeakMap<object, number>();
  return {
    onMessageStart: (session) => void started.set(session, performance.now()),
    onMessageEnd: (session) => {
      const startMs = started.get(session);
      if (startMs !== undefined) observe((performance.now() - startMs) / 1_000);
    },
  };
}
