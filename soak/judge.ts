// What a soak measures, and what passes. Runtime neutral.

import { type Point, slopePercent } from "./slope.ts";

/** The first two minutes do not count: pools, compilers and collectors find their sizes. */
export const WARMUP_MINUTES = 2;
/** A slope over less than this is that of the waves, and is shown only. */
export const LEAST_JUDGED_MINUTES = 3;
/** Per cent a minute that memory may grow. */
export const MOST_SLOPE_PERCENT = 0.5;
/** Memory goes up and down with the collector and with peers that do not read: the least of so many minutes is what counts. */
const FLOOR_MINUTES = 0.5;
/** The share of the clients that must have been there at once. */
const LEAST_SHARE_OF_CLIENTS = 0.9;

/** What the server says of itself, its garbage collected. */
export interface ServerFigures {
  readonly heapBytes: number;
  readonly arrayBufferBytes: number;
  /** Timers that the service and the guard have set. */
  readonly timers: number;
  readonly sessions: number;
  readonly openedSessions: number;
  /** Sessions closed as idle: peers that do not read. */
  readonly idleTimeouts: number;
  /** Messages that the guard had wait: of peers that flood. */
  readonly heldUp: number;
  readonly receivedFrames: number;
  readonly groups: number;
  readonly poolOutstanding: number;
  readonly poolOutstandingBytes: number;
  readonly poolFreeBytes: number;
}

/** The server at a time, seen from itself and from the system. */
export interface Sample extends ServerFigures {
  /** Since the clients came. */
  readonly minute: number;
  /** The least since the sample before: what a collector has not taken yet is no leak. */
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** What the clients say at their end. */
export interface LoadFigures {
  /** Times that a player came. */
  readonly visits: number;
  readonly sent: number;
  readonly echoed: number;
  readonly pushed: number;
  /** Messages that were not the ones that had to come. */
  readonly mismatches: number;
  /** Dials that failed, and sessions of players that ended otherwise than by their own doing, by reason. */
  readonly troubles: Readonly<Record<string, number>>;
}

/** A whole soak of one runtime. */
export interface Soak {
  readonly clients: number;
  readonly samples: readonly Sample[];
  readonly load: LoadFigures | undefined;
  readonly descriptorsBefore: number;
  /** When the clients had gone. */
  readonly descriptorsAfter: number;
  /** When the service had stopped. */
  readonly stopped: ServerFigures | undefined;
  /** The exit code; undefined if the server did not end by itself. */
  readonly exitCode: number | undefined;
}

/** One thing that must hold. */
export interface Check {
  readonly what: string;
  readonly found: string;
  /** undefined if the soak was too short to say. */
  readonly passed: boolean | undefined;
}

/** Judges a soak. */
export function judge(soak: Soak): Check[] {
  const { clients, samples, load, stopped, descriptorsBefore, descriptorsAfter, exitCode } = soak;
  const most = Math.max(0, ...samples.map(({ sessions }) => sessions));
  const last = samples.at(-1);
  const isLong = (last?.minute ?? 0) > WARMUP_MINUTES;
  const sum = (figures: ServerFigures | undefined) => figures === undefined ? NaN : figures.sessions + figures.groups;
  return [
    judgeSlope("resident memory", samples, ({ residentBytes }) => residentBytes),
    judgeSlope("heap", samples, ({ heapBytes }) => heapBytes),
    check("clients at once", most, most >= LEAST_SHARE_OF_CLIENTS * clients),
    check("messages held up of peers that flood", last?.heldUp, (last?.heldUp ?? 0) > 0),
    check("peers that do not read closed", last?.idleTimeouts, isLong ? (last?.idleTimeouts ?? 0) > 0 : undefined),
    check(
      "messages of players wrong",
      load && `${load.mismatches} of ${load.echoed}`,
      load?.mismatches === 0 && load.echoed > 0,
    ),
    check(
      "troubles of players",
      load && JSON.stringify(load.troubles),
      load !== undefined && Object.keys(load.troubles).length === 0,
    ),
    check(
      "descriptors before and after",
      `${descriptorsBefore}, ${descriptorsAfter}`,
      descriptorsAfter === descriptorsBefore,
    ),
    check("sessions and groups left", sum(stopped), sum(stopped) === 0),
    check("buffers of the pool left", stopped?.poolOutstanding, stopped?.poolOutstanding === 0),
    check("timers left", stopped?.timers, stopped?.timers === 0),
    check("exit code, by itself", exitCode, exitCode === 0),
  ];
}

/** Gives the slope of the least values of a figure after the warm-up. */
export function slopeAfterWarmup(samples: readonly Sample[], of: (sample: Sample) => number): number | undefined {
  const floors = new Map<number, number>();
  for (const sample of samples) {
    if (sample.minute < WARMUP_MINUTES) continue;
    const place = Math.floor(sample.minute / FLOOR_MINUTES);
    floors.set(place, Math.min(floors.get(place) ?? Infinity, of(sample)));
  }
  const points: Point[] = [...floors].map(([place, value]) => ({ minute: place * FLOOR_MINUTES, value }));
  return slopePercent(points);
}

function judgeSlope(what: string, samples: readonly Sample[], of: (sample: Sample) => number): Check {
  const slope = slopeAfterWarmup(samples, of);
  const isLong = (samples.at(-1)?.minute ?? 0) >= WARMUP_MINUTES + LEAST_JUDGED_MINUTES;
  const text = slope === undefined ? "unknown" : `${slope.toFixed(2)} % a minute`;
  return check(`growth of ${what}`, text, isLong ? slope !== undefined && slope < MOST_SLOPE_PERCENT : undefined);
}

function check(what: string, found: string | number | undefined, passed: boolean | undefined): Check {
  return { what, found: String(found ?? "unknown"), passed };
}
