// The workloads of the benchmark: what the load generator does, and which servers are compared. Runtime neutral.

import { BEFORE_KINDS, LIBRARY_KINDS, PART_KINDS, type ServerKind } from "./server_kinds.ts";
import type { Service } from "./servers.ts";

/** One workload. */
export interface Workload {
  /** The name for `--only`: its first letter will do. */
  readonly id: string;
  readonly title: string;
  readonly service: Service;
  /** The mode and the options of the load generator, without time. */
  readonly load: readonly string[];
  /** A second load generator that runs beside the first. */
  readonly heavyLoad?: readonly string[];
  /** Whether the load has an end of its own, and is not given a time. */
  readonly isCounted?: boolean;
  /** Which servers, on each runtime; the first two are compared pair by pair, in turns. */
  readonly kinds: readonly ServerKind[];
  /** The same in a quick look. */
  readonly quickKinds: readonly ServerKind[];
  /** Whether it is over TLS; the load generator's bytes go through haproxy then. */
  readonly isTls?: boolean;
  /** Whether it is about what parts cost. */
  readonly hasParts?: boolean;
  /** Whether there is a target for ours against the server by hand. */
  readonly hasPairTarget?: boolean;
  /** Most rounds, where one is long or tells little that the next would not. */
  readonly mostRounds?: number;
  /** Overrides the seconds of a run. */
  readonly secs?: number;
  /** Overrides the seconds of warm-up. */
  readonly warmup?: number;
  /** The longest payload, where it is past what the examples take. */
  readonly maxPayloadBytes?: number;
  /** What a quick look does instead of `load`. */
  readonly quickLoad?: readonly string[];
}

const PAIR: readonly ServerKind[] = ["ours", "hand"];
const PARTS: readonly ServerKind[] = ["ours", ...PART_KINDS];
const WITH_RAW: readonly ServerKind[] = ["ours", "hand", ...LIBRARY_KINDS, "raw", "c"];
const WITH_C: readonly ServerKind[] = ["ours", "hand", "c"];

function echo(id: string, title: string, load: string, kinds: readonly ServerKind[] = WITH_RAW): Workload {
  return { id, title, service: "echo", load: ["echo", ...load.split(" ")], kinds, quickKinds: PAIR };
}

/** The workloads over plain TCP. */
export const WORKLOADS: readonly Workload[] = [
  {
    ...echo("A", "1,000 connections × 32 B, one outstanding", "--conns 1000 --size 32 --depth 1"),
    hasPairTarget: true,
  },
  {
    ...echo("B", "64 connections × 64 B, 64 outstanding", "--conns 64 --size 64 --depth 64"),
    hasPairTarget: true,
    kinds: ["ours", "hand", ...LIBRARY_KINDS, "raw", "naive", "ws", "websocket", "c"],
    quickKinds: ["ours", "hand", ...LIBRARY_KINDS, "naive", "ws", "websocket"],
  },
  {
    ...echo("C", "one connection × 64 KiB, 8 outstanding", "--conns 1 --size 65536 --depth 8"),
    hasPairTarget: true,
    // So few messages a second that the compilers are at work for 2.5 s.
    warmup: 3,
  },
  {
    id: "D1",
    title: "broadcast of 64 B to 500 receivers, one outstanding",
    service: "fanout",
    load: ["fanout", "--conns", "500", "--size", "64", "--depth", "1"],
    hasPairTarget: true,
    kinds: WITH_C,
    quickKinds: PAIR,
  },
  {
    id: "D16",
    title: "broadcast of 64 B to 500 receivers, sixteen outstanding",
    service: "fanout",
    load: ["fanout", "--conns", "500", "--size", "64", "--depth", "16"],
    hasPairTarget: true,
    kinds: WITH_C,
    quickKinds: PAIR,
  },
  {
    id: "E",
    title: "5,000 idle connections: memory, after one 64 B message and after one of 60,000 B",
    service: "echo",
    load: ["idle", "--conns", "5000", "--size", "64", "--touch", "--touch-size", "60000", "--drain", "30"],
    quickLoad: ["idle", "--conns", "1000", "--size", "64", "--touch", "--touch-size", "60000"],
    kinds: WITH_C,
    quickKinds: ["ours"],
    secs: 3,
  },
  {
    ...echo("F", "one connection × 32 B, one outstanding: latency", "--conns 1 --size 32 --depth 1"),
    hasPairTarget: true,
  },
  {
    ...echo(
      "G",
      "1,000 connections × 100 messages of 32 B, dial to close",
      "--conns 1000 --size 32 --count 100",
      WITH_C,
    ),
    isCounted: true,
    mostRounds: 3,
  },
  {
    ...echo("H", "50 light connections (32 B) beside two heavy ones (64 KiB, 64 outstanding)", "--conns 50 --size 32"),
    kinds: WITH_C,
    quickKinds: ["ours", "c"],
    heavyLoad: ["echo", "--conns", "2", "--size", "65536", "--depth", "64"],
  },
  {
    ...echo("R", "open loop: 1,000 connections × 20 messages/s", "--conns 1000 --size 64 --depth 8 --rate 20", WITH_C),
    quickKinds: ["ours"],
    mostRounds: 3,
  },
];

/** A, B and C over TLS, which only `--only T` asks for. */
export const TLS_WORKLOADS: readonly Workload[] = WORKLOADS.filter(({ id }) => ["A", "B", "C"].includes(id)).map((
  workload,
) => ({ ...workload, id: `T${workload.id}`, title: `${workload.title}, over TLS`, isTls: true, kinds: PAIR }));

/** A and B with each part, which only `--only P` asks for. */
export const PART_WORKLOADS: readonly Workload[] = WORKLOADS.filter(({ id }) => ["A", "B"].includes(id)).map((
  workload,
) => ({ ...workload, id: `P${workload.id}`, hasParts: true, kinds: PARTS, quickKinds: PARTS }));

/** Those with a target for ours against the server by hand, and only these two. */
export function pairWorkloads(): Workload[] {
  return WORKLOADS.filter(({ hasPairTarget }) => hasPairTarget).map((workload) => ({
    ...workload,
    kinds: PAIR,
    quickKinds: PAIR,
  }));
}

/** The same, and H, for ours against ours in other checkouts, and against by hand too where that is asked for. */
export function beforeWorkloads(hasHand: boolean): Workload[] {
  const workloads = WORKLOADS.filter(({ id, hasPairTarget }) => hasPairTarget || id === "H");
  const kinds: readonly ServerKind[] = ["ours", ...BEFORE_KINDS, ...(hasHand ? ["hand"] as const : [])];
  return workloads.map((workload) => ({ ...workload, kinds, quickKinds: kinds, hasPairTarget: true }));
}

/** What the charts show: cost by connections, and by size. */
export const CHART_CONNECTIONS: readonly number[] = [10, 100, 1_000, 5_000];
/** Payload bytes. */
export const CHART_SIZES: readonly number[] = [16, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];

/** The workloads of the charts. */
export const CHART_WORKLOADS: readonly Workload[] = [
  ...CHART_CONNECTIONS.map((count) => chart(`connections-${count}`, `--conns ${count} --size 64 --depth 1`)),
  ...CHART_SIZES.map((size) => chart(`size-${size}`, `--conns 16 --size ${size} --depth 4`)),
];

function chart(id: string, load: string): Workload {
  return { ...echo(id, id, load, WITH_C), mostRounds: 1, secs: 1, maxPayloadBytes: 1_048_576 };
}
