// What a row has to show: failures in any case, and honest clients' latencies that are over their limits. Runtime neutral.

import type { RowFigures } from "./figures.ts";

/** The bound of a service's pool by default, and what the process itself may need beside it. */
export const MOST_BYTES: number = 2 ** 30 + 150e6;
/** How long a server may take to end after SIGTERM, and after a second one. */
export const END_LIMIT_MS = 10_000;
export const SECOND_END_LIMIT_MS = 1_000;
/** Descriptors that a runtime opens for itself the first time that it needs them. */
const OWN_DESCRIPTORS = 2;
/** After the attack the 99th percentile is at most so many times that of before it, or this, whichever is more. */
const NORMAL_FACTOR = 4;
const NORMAL_MS = 20;
/** Lines of log that a row may cost: a fault that a peer can cause again and again is told of once a second. */
export const MOST_LOG_LINES = 100;

/** What is wrong with a row. */
export interface Verdict {
  /** A server that died, did not end, kept something, or did not serve somebody. */
  readonly failures: readonly string[];
  /** Latencies over their limits: they fail a row in a full run only, as a quick one is too short and the machine shared. */
  readonly misses: readonly string[];
}

/** Judges a row; `limitMs` is that of the honest clients' 99th percentile during the attack. */
export function judge(figures: RowFigures, limitMs: number | undefined): Verdict {
  return {
    failures: [...judgeProcess(figures), ...judgeService(figures)],
    misses: judgeLatencies(figures, limitMs),
  };
}

function judgeProcess(figures: RowFigures): string[] {
  const { died, end, secondEnd, peakBytes, descriptorsBefore, descriptorsAfter, logLines } = figures;
  const failures: string[] = [];
  if (died !== undefined) failures.push(`the server ended: ${died}`);
  else if (descriptorsAfter > descriptorsBefore + OWN_DESCRIPTORS) {
    failures.push(`${descriptorsAfter - descriptorsBefore} descriptors left`);
  }
  if (peakBytes > MOST_BYTES) {
    failures.push(`${toMegabytes(peakBytes)} MB at the most, over ${toMegabytes(MOST_BYTES)}`);
  }
  if (logLines > MOST_LOG_LINES) failures.push(`${logLines} lines of log, over ${MOST_LOG_LINES}`);
  if (end !== undefined && end.ms > END_LIMIT_MS) failures.push(`SIGTERM did not end it within ${END_LIMIT_MS} ms`);
  else if (end !== undefined && end.code !== 0) failures.push(`after SIGTERM it ended with ${end.code ?? "a signal"}`);
  if (secondEnd !== undefined && secondEnd.ms > SECOND_END_LIMIT_MS) {
    failures.push(`a second SIGTERM did not end it within ${SECOND_END_LIMIT_MS} ms`);
  }
  return failures;
}

function judgeService({ died, honest, complete, leastEnded, attacks, reasons }: RowFigures): string[] {
  if (honest === undefined) return died === undefined ? ["the honest clients could not be served at all"] : [];
  const { cut, mismatches, missing, shutOut, newcomers, newcomersIn } = honest;
  const failures: string[] = [];
  if (cut > 0) failures.push(`${cut} honest clients were cut off`);
  if (mismatches > 0) failures.push(`${mismatches} wrong echoes`);
  if (missing > 0) failures.push(`${missing} messages without an answer`);
  if (shutOut > 0) failures.push(`${shutOut} honest clients shut out`);
  if (newcomersIn < newcomers) failures.push(`${newcomers - newcomersIn} of ${newcomers} newcomers not served`);
  if (reasons !== undefined && !((reasons.seen[reasons.wanted] ?? 0) > 0)) {
    failures.push(`nothing ended by "${reasons.wanted}"`);
  }
  if (leastEnded !== undefined) {
    const connected = attacks.reduce((sum, attack) => sum + attack.connected, 0);
    const ended = attacks.reduce((sum, attack) => sum + attack.ended, 0);
    if (ended === 0 || ended < leastEnded * connected) {
      failures.push(`only ${ended} of ${connected} attackers thrown out`);
    }
  }
  if (complete !== undefined && complete.count < complete.of) {
    failures.push(`${complete.count} of ${complete.of} receivers got everything`);
  }
  return failures;
}

function judgeLatencies({ honest }: RowFigures, limitMs: number | undefined): string[] {
  if (honest === undefined || limitMs === undefined) return [];
  const { before, during, after } = honest;
  const misses: string[] = [];
  if (during.p99Ms > limitMs) misses.push(`p99 ${round(during.p99Ms)} ms during the attack, limit ${limitMs}`);
  const normalMs = Math.max(NORMAL_MS, NORMAL_FACTOR * before.p99Ms);
  if (after.sent > 0 && after.p99Ms > normalMs) {
    misses.push(`p99 ${round(after.p99Ms)} ms after it, limit ${round(normalMs)}`);
  }
  return misses;
}

/** Bytes as whole megabytes. */
export function toMegabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

/** Milliseconds for the eye. */
export function round(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}
