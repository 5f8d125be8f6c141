// Metrics: what Prometheus is told of services. Counters and gauges are read from `stats()` at each scrape; a message costs nothing.
// Runtime neutral.

import process from "node:process";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServiceObserver, ServiceStats } from "@laster/net";
import type { HttpHandler } from "@laster/net/http";
import { EventLoopDelay } from "./event_loop_delay.ts";

/** From a millisecond to seconds: a game's tick is 16 to 50 ms. */
const DELAY_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** From what costs nothing to what holds a tick up. */
const HANDLER_BUCKETS = [0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** What is watched: a `TcpService`. */
export interface WatchedService {
  /** Its figures; asking changes nothing. */
  stats(): ServiceStats;
  /** The groups that have members. */
  groupNames(): Iterable<string>;
}

/** What is used of a `Registry` of prom-client. */
export interface MetricsRegistry {
  /** The content type of the text. */
  readonly contentType: string;
  /** All metrics as text. */
  metrics(): Promise<string>;
}

/** What is watched of a `Link` of `keepConnected()`. */
export interface WatchedLink {
  /** Where it is. */
  readonly state: string;
  /** Attempts in a row that came to nothing. */
  readonly failures: number;
}

/** Options of {@linkcode Metrics}. */
export interface MetricsOptions {
  /**
   * Where the metrics are put, if there are others besides: a `Registry` of prom-client.
   *
   * @default {a registry of its own}
   */
  readonly registry?: MetricsRegistry | undefined;
  /**
   * Whether the time that handlers take is measured, their promises too. That costs each message some 200 ns: much for an echo of
   * pipelined messages, little for a game.
   *
   * @default {false}
   */
  readonly handlerTime?: boolean | undefined;
}

/** How one figure is read. */
type Read = (service: WatchedService, stats: ServiceStats) => number;

const GAUGES: Readonly<Record<string, readonly [help: string, read: Read]>> = {
  laster_sessions: ["Sessions at the moment.", (_service, { sessions }) => sessions],
  laster_dials: ["Dials under way.", (_service, { dials }) => dials],
  laster_groups: ["Groups that have members.", (service) => [...service.groupNames()].length],
  laster_listeners: ["Open listeners.", (_service, { listeners }) => listeners.length],
  laster_pool_outstanding_bytes: [
    "Memory of the pool that sessions hold: queued, or half received.",
    (_service, { pool }) => pool.outstandingBytes,
  ],
  laster_pool_free_bytes: ["Memory that the pool keeps for later.", (_service, { pool }) => pool.freeBytes],
};

const COUNTERS: Readonly<Record<string, readonly [help: string, read: Read]>> = {
  laster_sessions_opened_total: ["Sessions opened.", (_service, { openedSessions }) => openedSessions],
  laster_accept_errors_total: ["Accepts that failed.", (_service, { acceptErrors }) => acceptErrors],
  laster_dials_failed_total: ["Dials that failed for good.", (_service, { failedDials }) => failedDials],
  laster_dial_attempts_failed_total: [
    "Attempts of dials that failed.",
    (_service, { failedDialAttempts }) => failedDialAttempts,
  ],
  laster_messages_received_total: ["Messages received.", (_service, { receivedFrames }) => receivedFrames],
  laster_messages_sent_total: ["Messages that the system took.", (_service, { sentFrames }) => sentFrames],
  laster_received_bytes_total: ["Bytes received, framing included.", (_service, { receivedBytes }) => receivedBytes],
  laster_sent_bytes_total: ["Bytes that the system took.", (_service, { sentBytes }) => sentBytes],
  laster_sends_refused_total: [
    "Messages that were refused: the queue was full.",
    (_service, { refusedSends }) => refusedSends,
  ],
  laster_sends_dropped_total: [
    "Messages dropped by the policy of whenFull.",
    (_service, { droppedSends }) => droppedSends,
  ],
  laster_pool_allocations_total: ["Rents that had to allocate.", (_service, { pool }) => pool.misses + pool.oversize],
};

/** Those by reason. */
const BY_REASON: Readonly<
  Record<string, readonly [help: string, read: (stats: ServiceStats) => Readonly<Record<string, number>>]>
> = {
  laster_sessions_closed_total: ["Sessions that are over, by reason.", ({ closedSessions }) => closedSessions],
  laster_connections_refused_total: ["Connections refused, by reason.", ({ refusals }) => refusals],
};

/**
 * Metrics of services. Give it to `observers` of a service, and the service to {@linkcode Metrics.watch}. No label is an address or
 * an id: the number of series does not grow with the players.
 *
 * @example A page for Prometheus
 * ```ts
 * import { Metrics } from "@laster/metrics";
 * import { serve } from "@laster/net";
 * import { routes, serveHttp } from "@laster/net/http";
 * import { assert } from "@std/assert";
 *
 * const metrics = new Metrics();
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, observers: [metrics] });
 * metrics.watch(service);
 * await using server = await serveHttp(routes({ "/metrics": metrics.handler }), { port: 0 });
 * const page = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
 * assert(page.includes('laster_sessions{service="default"} 0'));
 * metrics.stop();
 * ```
 */
export class Metrics implements ServiceObserver {
  /** Where the metrics are. */
  readonly registry: MetricsRegistry;
  /** Answers with all metrics, in the text format of Prometheus. */
  readonly handler: HttpHandler;
  /** Begins to measure a handler; only there if `handlerTime` was asked for, as it costs each message. */
  readonly onMessageStart?: ServiceObserver["onMessageStart"];
  /** Ends it. */
  readonly onMessageEnd?: ServiceObserver["onMessageEnd"];
  readonly #services = new Map<string, WatchedService>();
  readonly #links = new Map<string, WatchedLink>();
  readonly #congestions: Counter;
  readonly #faults: Counter<"level">;
  readonly #delay: EventLoopDelay;

  /** Makes them; begins to measure the event loop. */
  constructor({ registry: given, handlerTime = false }: MetricsOptions = {}) {
    const registry = (given ?? new Registry()) as Registry;
    const registers = [registry];
    this.registry = registry;
    this.#readFromStats(registers);
    this.#readFromLinks(registers);
    this.#readFromProcess(registers);
    this.#congestions = new Counter({
      name: "laster_congestions_total",
      help: "Queues that went above a high-water mark.",
      registers,
    });
    this.#faults = new Counter({
      name: "laster_faults_total",
      help: "Faults, by level.",
      labelNames: ["level"],
      registers,
    });
    const delays = new Histogram({
      name: "laster_event_loop_delay_seconds",
      help: "How late the event loop was, ten times a second.",
      buckets: DELAY_BUCKETS,
      registers,
    });
    this.#delay = new EventLoopDelay((seconds) => delays.observe(seconds));
    if (handlerTime) Object.assign(this, measureHandlers(registry));
    this.handler = async () =>
      new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
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
   * @param name What it is called in the label `link`: what it leads to.
   */
  watchLink(link: WatchedLink, name: string): void {
    this.#links.set(name, link);
  }

  /** Measures the event loop no more. */
  stop(): void {
    this.#delay.stop();
  }

  /** A queue is above a mark. */
  onBackpressure(_session: unknown, isCongested: boolean): void {
    if (isCongested) this.#congestions.inc();
  }

  /** Something failed. */
  onFault({ level }: { readonly level: string }): void {
    this.#faults.inc({ level });
  }

  #readFromStats(registers: Registry[]): void {
    const services = this.#services;
    // One snapshot a scrape: `stats()` walks over the sessions.
    let snapshots: readonly (readonly [string, WatchedService, ServiceStats])[] = [];
    new Gauge({
      name: "laster_services",
      help: "Services that are watched.",
      registers,
      collect() {
        snapshots = [...services].map(([name, service]) => [name, service, service.stats()] as const);
        this.set(snapshots.length);
      },
    });
    const labelNames = ["service"] as const;
    for (const [name, [help, read]] of Object.entries(GAUGES)) {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          for (const [service, watched, stats] of snapshots) this.set({ service }, read(watched, stats));
        },
      });
    }
    for (const [name, [help, read]] of Object.entries(COUNTERS)) {
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          for (const [service, watched, stats] of snapshots) this.inc({ service }, read(watched, stats));
        },
      });
    }
    for (const [name, [help, read]] of Object.entries(BY_REASON)) {
      new Counter({
        name,
        help,
        labelNames: ["service", "reason"] as const,
        registers,
        collect() {
          this.reset();
          for (const [service, , stats] of snapshots) {
            for (const [reason, count] of Object.entries(read(stats))) this.inc({ service, reason }, count);
          }
        },
      });
    }
  }

  #readFromLinks(registers: Registry[]): void {
    const links = this.#links;
    const labelNames = ["link"] as const;
    const gauges: readonly (readonly [name: string, help: string, read: (link: WatchedLink) => number])[] = [
      ["laster_link_connected", "Whether a link has a session.", ({ state }) => Number(state === "connected")],
      ["laster_link_breaker_open", "Whether its breaker is open.", ({ state }) => Number(state === "open")],
      ["laster_link_failures", "Attempts in a row that came to nothing.", ({ failures }) => failures],
    ];
    for (const [name, help, read] of gauges) {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          for (const [link, watched] of links) this.set({ link }, read(watched));
        },
      });
    }
  }

  #readFromProcess(registers: Registry[]): void {
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Memory of the process.",
      registers,
      collect() {
        this.set(process.memoryUsage().rss);
      },
    });
    new Counter({
      name: "process_cpu_seconds_total",
      help: "CPU time of the process.",
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    });
  }
}

/** Measures from the call of a handler to its end. */
function measureHandlers(registry: Registry): Pick<ServiceObserver, "onMessageStart" | "onMessageEnd"> {
  const times = new Histogram({
    name: "laster_handler_seconds",
    help: "How long handlers of messages took, their promises too.",
    buckets: HANDLER_BUCKETS,
    registers: [registry],
  });
  const started = new WeakMap<object, number>();
  return {
    onMessageStart: (session) => void started.set(session, performance.now()),
    onMessageEnd: (session) => {
      const startMs = started.get(session);
      if (startMs !== undefined) times.observe((performance.now() - startMs) / 1_000);
    },
  };
}
