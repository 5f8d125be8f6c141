// The rows of the attack table: which server, which attackers, and what is demanded of the honest clients' latency. Deno only.

import { deflateRawSync } from "node:zlib";

/** How long, and how hard. */
export interface Form {
  readonly isQuick: boolean;
  /** How long an attack lasts. */
  readonly secs: number;
}

/** One attack. */
export interface Row {
  readonly id: string;
  /** For the table: what the attackers do. */
  readonly what: string;
  readonly server: string;
  /** The command lines of attacker.c, without port. */
  readonly attackers: (form: Form) => string[][];
  /**
   * What honest clients' 99th percentile may be during the attack, in milliseconds; undefined where it is shown only.
   *
   * 50 where the attack leaves the CPU time to spare, 250 where the system itself has to take all of it.
   */
  readonly limitMs: number | undefined;
  /** `ulimit -n` of the server. */
  readonly descriptorLimit?: number;
  /** More options of honest.c. */
  readonly honest?: readonly string[];
  /** How many receivers that read the attacker has, in the broadcast row. */
  readonly receivers?: number;
  /** Whether a quick run leaves it out, unless `--only` names it. */
  readonly isFullOnly?: boolean;
  /** Whether it is about SIGTERM during the attack. */
  readonly isEnd?: boolean;
}

const ECHO = "examples/echo_server.ts";
const LEFT_TO_SPARE_MS = 50;
const SATURATING_MS = 250;

const GARBAGE = ["flood", "--garbage", "--prefix", "ffffffff"];

/** What compression() makes of the longest payload of zeros that it takes, as a frame in hex. */
function inflatingFrame(): string {
  const deflated = deflateRawSync(new Uint8Array(65_536), { level: 9 });
  const frame = new Uint8Array(5 + deflated.length);
  new DataView(frame.buffer).setUint32(0, 1 + deflated.length, true);
  frame[4] = 1; // The mark: deflated.
  frame.set(deflated, 5);
  return Array.from(frame, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All rows, in the order of the table. */
export const ROWS: readonly Row[] = [
  {
    id: "calm",
    what: "nobody attacks: what the machine itself does to the figures",
    server: ECHO,
    attackers: () => [],
    limitMs: LEFT_TO_SPARE_MS,
    isFullOnly: true,
  },
  {
    id: "loris-header",
    what: "1,000 peers send a byte of the length a second",
    server: ECHO,
    attackers: ({ secs }) => [["loris", "--conns", "1000", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "loris-frame",
    what: "1,000 peers announce 60,000 bytes and send one a second",
    server: ECHO,
    attackers: ({ secs }) => [["loris", "--conns", "1000", "--frame-first", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "never-readers",
    what: "500 peers ask for echoes of 64 KiB at full speed and never read",
    server: ECHO,
    attackers: ({ secs }) => [["flood", "--conns", "500", "--size", "65536", ...timed(secs)]],
    limitMs: SATURATING_MS,
  },
  {
    id: "never-remote",
    what: "the same with the segments and send buffers of peers elsewhere: the system's own memory stays free",
    server: ECHO,
    attackers: ({ secs }) => [["flood", "--conns", "500", "--size", "65536", "--remote", ...timed(secs)]],
    limitMs: SATURATING_MS,
  },
  {
    id: "tiny",
    what: "50 peers send empty and one-byte frames at full speed and never read",
    server: ECHO,
    attackers: ({ secs }) => [["flood", "--conns", "50", "--tiny", ...timed(secs)]],
    limitMs: SATURATING_MS,
  },
  {
    id: "churn",
    what: "connects and closes at full speed",
    server: ECHO,
    attackers: ({ secs }) => [["churn", ...timed(secs)]],
    limitMs: SATURATING_MS,
  },
  {
    id: "reset",
    what: "connects and resets at full speed",
    server: ECHO,
    attackers: ({ secs }) => [["churn", "--reset", ...timed(secs)]],
    limitMs: SATURATING_MS,
  },
  {
    id: "garbage",
    what: "20 peers send a bad length and then garbage at full speed",
    server: ECHO,
    attackers: ({ secs }) => [[...GARBAGE, "--conns", "20", ...timed(secs)]],
    limitMs: SATURATING_MS,
  },
  {
    id: "descriptors",
    what: "`ulimit -n 256`, 1,000 connections held, then closed",
    server: ECHO,
    attackers: ({ secs }) => [["hold", "--conns", "1000", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
    descriptorLimit: 256,
  },
  {
    id: "expensive",
    what: "handlers of 0.5 ms, 4 peers flood small messages",
    server: "attack/servers/expensive_server.ts",
    attackers: ({ secs }) => [["flood", "--conns", "4", "--size", "16", "--read", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "kills",
    what: "100 clients that do not read are killed, again and again",
    server: ECHO,
    attackers: ({ isQuick, secs }) => [
      ["kills", "--conns", "100", "--size", "65536", "--rounds", isQuick ? "5" : "40", ...timed(secs)],
    ],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "broadcast",
    what: "a sender at full speed to 500 receivers, 20 of them stuck",
    server: "examples/broadcast_server.ts",
    attackers: ({ isQuick }) => [
      ["broadcast", "--conns", "460", "--stuck", "20", "--count", isQuick ? "2000" : "20000", ...timed(60)],
    ],
    limitMs: undefined, // A message waits behind those at full speed, in the same queues.
    honest: ["--broadcast"],
    receivers: 460,
  },
  {
    id: "inflate",
    what: "4 peers send frames of some 80 bytes that inflate to 64 KiB",
    server: "attack/servers/inflate_server.ts",
    attackers: ({ secs }) => [
      ["flood", "--conns", "4", "--frame", inflatingFrame(), "--bytes", inflatingBytes(secs), "--read", ...timed(secs)],
    ],
    limitMs: LEFT_TO_SPARE_MS,
    honest: ["--stored"],
  },
  {
    id: "sigterm",
    what: "SIGTERM, then two of them, while 20 peers send garbage and 100 a byte a second",
    server: ECHO,
    attackers: () => [
      [...GARBAGE, "--conns", "20", ...timed(60)],
      ["loris", "--conns", "100", "--frame-first", ...timed(60)],
    ],
    limitMs: undefined,
    isEnd: true,
  },
];

/**
 * How much each peer sends: what servers can inflate in about that time, 20,000 frames a second. What the system holds for
 * a server beyond it would be work for a long time after the attack.
 */
function inflatingBytes(secs: number): string {
  return String(Math.round(secs * 5_000 * inflatingFrame().length / 2));
}

function timed(secs: number): string[] {
  return ["--secs", String(secs)];
}

/** The rows that `--only` names, by whole names or their beginnings; all of the form without it. */
export function findRows(only: string | undefined, isQuick: boolean): readonly Row[] {
  if (only === undefined) return ROWS.filter(({ isFullOnly }) => !isQuick || isFullOnly !== true);
  const names = only.split(",");
  const unknown = names.find((name) => name === "" || !ROWS.some(({ id }) => id.startsWith(name)));
  if (unknown !== undefined) {
    throw new TypeError(`--only takes ${ROWS.map(({ id }) => id).join(", ")} or their beginnings: got ${unknown}`);
  }
  return ROWS.filter(({ id }) => names.some((name) => id.startsWith(name)));
}
