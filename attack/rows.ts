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
  /** Options of the server beside its port. */
  readonly serverOptions?: readonly string[];
  /** The command lines of attacker.c, without port. */
  readonly attackers: (form: Form) => string[][];
  /**
   * What honest clients' 99th percentile may be during the attack, in milliseconds; undefined where it is shown only.
   *
   * 50 where the attack leaves the CPU time to spare, 250 where the system itself has to take all of it.
   */
  readonly limitMs: number | undefined;
  /** Which of the server's listeners is attacked, in the order that it says them; the honest clients use the first. */
  readonly listener?: number;
  /** Why connections of the attack must have been refused or closed; of servers that say their reasons. */
  readonly reason?: string;
  /** The least share of the attackers' connections that the server has to have ended, in rows whose attackers see it. */
  readonly leastEnded?: number;
  /** What the attackers start; without it the row is skipped. */
  readonly program?: string;
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
const GUARDED = "attack/servers/guarded_server.ts";
/** The listeners of that server. */
const TLS = 1;
const PROXIED = 2;
const PROXIED_ELSEWHERE = 3;
/** The head of a TLS record with a handshake message, and the beginning of that. */
const HALF_HELLO = "16030100c8010000c40303";
const PROXY_HEADER = hex("PROXY TCP4 203.0.113.9 10.0.0.1 5151 11110\r\n");
/** What holds a connection open as long as it may be. */
const SLOW_ADDRESS = "66";
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
    what: "2,000 peers send a byte of the length a second",
    server: ECHO,
    attackers: ({ secs }) => [["loris", "--conns", "2000", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "loris-frame",
    what: "2,000 peers announce 60,000 bytes and send one a second",
    server: ECHO,
    attackers: ({ secs }) => [["loris", "--conns", "2000", "--frame-first", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "silent",
    what: "2,000 peers say nothing",
    server: ECHO,
    attackers: ({ secs }) => [["hold", "--conns", "2000", ...timed(secs)]],
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "bombs",
    what: "500 peers announce 4 GiB, again and again",
    server: ECHO,
    attackers: ({ secs }) => [
      ["flood", "--conns", "500", "--frame", "ffffffff41", "--bytes", "5", "--read", ...timed(secs)],
    ],
    leastEnded: 0.2, // They come again at once, and a slow machine may not see to them all.
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
    attackers: ({ secs }) => [[...GARBAGE, "--conns", "20", ...timed(Math.max(secs, 3))]], // It is cut after one second.
    leastEnded: 0.4, // A third may be cut for the memory that they take.
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
    id: "crowd",
    what: "one address opens 1,000 connections that say next to nothing, and dials again; the guard is on",
    server: GUARDED,
    attackers: ({ secs }) => [["loris", "--conns", "1000", "--source", SLOW_ADDRESS, ...timed(secs)]],
    reason: "too-fast-from-address",
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "addresses",
    what: "connects and closes at full speed from 20,000 addresses in turn; the guard admits 200 a second",
    server: GUARDED,
    serverOptions: ["--per-second", "200"], // A slow machine may not make the 2,000 a second that are the default.
    attackers: ({ secs }) => [["churn", "--sources", "20000", ...timed(secs)]],
    reason: "too-fast",
    limitMs: SATURATING_MS,
  },
  {
    id: "slow-guarded",
    what: "60 peers of one address send a byte a second; deadlines of a second, and the guard is on",
    server: GUARDED,
    attackers: ({ secs }) => [["loris", "--conns", "60", "--source", SLOW_ADDRESS, ...timed(Math.max(secs, 3))]],
    reason: "first-message-timeout",
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "tls-half",
    what: "500 peers of one address begin a TLS handshake, and leave it there; the guard is on",
    server: GUARDED,
    listener: TLS,
    attackers: ({ secs }) => [
      [
        "flood",
        "--conns",
        "500",
        "--source",
        SLOW_ADDRESS,
        "--frame",
        HALF_HELLO,
        "--bytes",
        "11",
        "--read",
        ...timed(secs),
      ],
    ],
    reason: "too-many-silent",
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "tls-garbage",
    what: "20 peers send random bytes to a TLS port, again and again",
    server: GUARDED,
    listener: TLS,
    attackers: ({ secs }) => [["flood", "--garbage", "--conns", "20", "--read", ...timed(secs)]],
    reason: "handshake-failed",
    limitMs: SATURATING_MS,
  },
  {
    id: "tls-renegotiate",
    what: "10 clients of TLS 1.2 ask for a new handshake, again and again",
    server: GUARDED,
    listener: TLS,
    attackers: ({ secs }) => [["renegotiate", "--conns", "10", ...timed(Math.max(secs, 2))]],
    program: "openssl",
    reason: "tls-failed",
    limitMs: LEFT_TO_SPARE_MS,
  },
  {
    id: "proxy-spoof",
    what: "100 peers that are no trusted proxy send PROXY headers",
    server: GUARDED,
    listener: PROXIED_ELSEWHERE,
    attackers: ({ secs }) => [
      ["flood", "--conns", "100", "--prefix", PROXY_HEADER, "--size", "64", "--read", ...timed(secs)],
    ],
    reason: "untrusted-proxy",
    limitMs: SATURATING_MS,
  },
  {
    id: "proxy-garbage",
    what: "20 peers send random bytes where a PROXY header has to be",
    server: GUARDED,
    listener: PROXIED,
    attackers: ({ secs }) => [["flood", "--garbage", "--conns", "20", "--read", ...timed(secs)]],
    reason: "proxy-header-invalid",
    limitMs: SATURATING_MS,
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

function hex(text: string): string {
  return Array.from(text, (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
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
