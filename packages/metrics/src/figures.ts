// FIGURES, DELAYS and HANDLER_TIMES: all metrics, for every exporter; names and units by Prometheus' conventions. Runtime
// neutral.

import process from "node:process";
import type { ServiceStats } from "@laster/net";
import type { Reading, WatchedLink, WatchedPolicy, WatchedQueries, WatchedService } from "./watched.ts";

/** A value and its labels. No label is an address or an id. */
export type Sample = readonly [value: number, labels: Readonly<Record<string, string>>];

/** A metric that is read when it is asked for. */
export interface Figure {
  /** Its name. That of a counter ends with `_total`, and before that comes the unit: `_bytes`, `_seconds`. */
  readonly name: string;
  /** What it means. */
  readonly help: string;
  /** Whether it only grows. */
  readonly kind: "counter" | "gauge";
  /** The names of its labels. */
  readonly labelNames: readonly string[];
  /** Reads it. */
  readonly read: (reading: Reading) => Iterable<Sample>;
}

/** A metric that is told each of its values, in seconds. */
export interface HistogramFigure {
  /** Its name. */
  readonly name: string;
  /** What it means. */
  readonly help: string;
  /** The upper bounds of its buckets. */
  readonly buckets: readonly number[];
}

type Read = (stats: ServiceStats, service: WatchedService) => number;
type Kind = Figure["kind"];

function ofServices(kind: Kind, name: string, help: string, read: Read): Figure {
  return {
    name,
    help,
    kind,
    labelNames: ["service"],
    read: ({ services }) => services.map(([service, watched, stats]) => [read(stats, watched), { service }]),
  };
}

function byReason(name: string, help: string, read: (stats: ServiceStats) => Readonly<Record<string, number>>): Figure {
  return {
    name,
    help,
    kind: "counter",
    labelNames: ["service", "reason"],
    *read({ services }) {
      for (const [service, , stats] of services) {
        for (const [reason, count] of Object.entries(read(stats))) yield [count, { service, reason }];
      }
    },
  };
}

function ofLinks(name: string, help: string, read: (link: WatchedLink) => number): Figure {
  return ofNamed("gauge", "link", name, help, ({ links }) => links, read);
}

function ofPolicies(name: string, help: string, read: (policy: WatchedPolicy) => number): Figure {
  return ofNamed("gauge", "policy", name, help, ({ policies }) => policies, read);
}

function ofQueries(kind: Kind, name: string, help: string, read: (stats: WatchedQueries["stats"]) => number): Figure {
  return ofNamed(kind, "queue", name, help, ({ queries }) => queries, ({ stats }) => read(stats));
}

function ofNamed<Watched>(
  kind: Kind,
  label: string,
  name: string,
  help: string,
  find: (reading: Reading) => Iterable<readonly [name: string, watched: Watched]>,
  read: (watched: Watched) => number,
): Figure {
  const labelNames = [label];
  return {
    name,
    help,
    kind,
    labelNames,
    read: (reading) => Array.from(find(reading), ([of, watched]): Sample => [read(watched), { [label]: of }]),
  };
}

function plain(kind: Kind, name: string, help: string, read: (reading: Reading) => number): Figure {
  return { name, help, kind, labelNames: [], read: (reading) => [[read(reading), {}]] };
}

/** The metrics that are read. */
export const FIGURES: readonly Figure[] = [
  plain("gauge", "laster_services", "Services that are watched.", ({ services }) => services.length),
  ofServices("gauge", "laster_sessions", "Sessions at the moment.", ({ sessions }) => sessions),
  ofServices("gauge", "laster_dials", "Dials under way.", ({ dials }) => dials),
  ofServices("gauge", "laster_groups", "Groups that have members.", (_, service) => [...service.groupNames()].length),
  ofServices("gauge", "laster_listeners", "Open listeners.", ({ listeners }) => listeners.length),
  ofServices("gauge", "laster_queued_messages", "Messages that wait in all queues.", (stats) => stats.queuedFrames),
  ofServices("gauge", "laster_queued_bytes", "Bytes that wait in all queues.", ({ queuedBytes }) => queuedBytes),
  ofServices(
    "gauge",
    "laster_longest_queue_messages",
    "Messages in the queue that has most of them.",
    ({ longestQueueFrames }) => longestQueueFrames,
  ),
  ofServices(
    "gauge",
    "laster_longest_queue_bytes",
    "Bytes in the queue that has most of them.",
    ({ longestQueueBytes }) => longestQueueBytes,
  ),
  ofServices(
    "gauge",
    "laster_pool_outstanding_bytes",
    "Memory of the pool that sessions hold: queued, or half received.",
    ({ pool }) => pool.outstandingBytes,
  ),
  ofServices("gauge", "laster_pool_free_bytes", "Memory that the pool keeps for later.", ({ pool }) => pool.freeBytes),
  ofServices("gauge", "laster_pool_max_bytes", "The budget of the pool.", ({ pool }) => pool.maxBytes),
  ofServices(
    "counter",
    "laster_pool_allocations_total",
    "Rents that had to allocate.",
    ({ pool }) => pool.misses + pool.oversize,
  ),
  ofServices("counter", "laster_sessions_opened_total", "Sessions opened.", ({ openedSessions }) => openedSessions),
  ofServices("counter", "laster_accept_errors_total", "Accepts that failed.", ({ acceptErrors }) => acceptErrors),
  ofServices("counter", "laster_dials_failed_total", "Dials that failed for good.", ({ failedDials }) => failedDials),
  ofServices(
    "counter",
    "laster_dial_attempts_failed_total",
    "Attempts of dials that failed.",
    ({ failedDialAttempts }) => failedDialAttempts,
  ),
  ofServices("counter", "laster_messages_received_total", "Messages received.", (stats) => stats.receivedFrames),
  ofServices("counter", "laster_messages_sent_total", "Messages that the system took.", (stats) => stats.sentFrames),
  ofServices(
    "counter",
    "laster_received_bytes_total",
    "Bytes received, framing included.",
    ({ receivedBytes }) => receivedBytes,
  ),
  ofServices("counter", "laster_sent_bytes_total", "Bytes that the system took.", ({ sentBytes }) => sentBytes),
  ofServices("counter", "laster_writes_total", "Writes to connections: flushes.", ({ writes }) => writes),
  ofServices(
    "counter",
    "laster_sends_refused_total",
    "Messages that were refused: the queue was full.",
    ({ fullSends }) => fullSends,
  ),
  ofServices(
    "counter",
    "laster_sends_dropped_total",
    "Messages dropped by the policy of whenFull.",
    ({ droppedSends }) => droppedSends,
  ),
  byReason("laster_sessions_closed_total", "Sessions that are over, by reason.", (stats) => stats.closedSessions),
  byReason("laster_connections_refused_total", "Connections refused, by reason.", ({ refusals }) => refusals),
  plain(
    "counter",
    "laster_congestions_total",
    "Queues that went above a high-water mark.",
    ({ congestions }) => congestions,
  ),
  {
    name: "laster_faults_total",
    help: "Faults, by level.",
    kind: "counter",
    labelNames: ["level"],
    read: ({ faults }) => Array.from(faults, ([level, count]): Sample => [count, { level }]),
  },
  ofLinks("laster_link_connected", "Whether a link has a session.", ({ state }) => Number(state === "connected")),
  ofLinks("laster_link_breaker_open", "Whether its breaker is open.", ({ state }) => Number(state === "open")),
  ofLinks(
    "laster_link_breaker_half_open",
    "Whether its breaker tries once.",
    ({ state }) => Number(state === "half-open"),
  ),
  ofLinks("laster_link_failures", "Attempts in a row that came to nothing.", ({ failures }) => failures),
  ofPolicies(
    "laster_policy_breaker_open",
    "Whether the breaker of a policy is open.",
    ({ state }) => Number(state === "open" || state === "isolated"),
  ),
  ofPolicies(
    "laster_policy_breaker_half_open",
    "Whether its breaker tries once.",
    ({ state }) => Number(state === "half-open"),
  ),
  ofPolicies("laster_policy_running", "Calls under way, their pauses included.", ({ running = 0 }) => running),
  ofPolicies("laster_policy_waiting", "Calls that wait for their turn.", ({ waiting = 0 }) => waiting),
  ofQueries("gauge", "laster_queries_waiting", "Queries that wait.", ({ waiting }) => waiting),
  ofQueries("gauge", "laster_queries_running", "Queries under way.", ({ running }) => running),
  ofQueries("gauge", "laster_query_connections", "Connections that can be used.", ({ connections }) => connections),
  ofQueries("counter", "laster_queries_answered_total", "Queries that were answered.", ({ answered }) => answered),
  ofQueries("counter", "laster_queries_rejected_total", "Queries that were not.", ({ rejected }) => rejected),
  ofQueries("counter", "laster_queries_repeated_total", "Queries that were run again.", ({ repeated }) => repeated),
  ofQueries(
    "counter",
    "laster_query_connections_lost_total",
    "Connections that were lost.",
    ({ lostConnections }) => lostConnections,
  ),
  plain("gauge", "process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage().rss),
  plain("counter", "process_cpu_seconds_total", "CPU time of the process.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
];

/** How late the event loop is. */
export const DELAYS: HistogramFigure = {
  name: "laster_event_loop_delay_seconds",
  help: "How late the event loop was, ten times a second.",
  // From a millisecond to seconds: a game's tick is 16 to 50 ms.
  buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
};

/** How long handlers take. */
export const HANDLER_TIMES: HistogramFigure = {
  name: "laster_handler_seconds",
  help: "How long handlers of messages took, their promises too: of one message in sixteen.",
  // From handlers that cost nothing to those that hold up a tick.
  buckets: [0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
};
