// The tables: one for each runtime, a row for each attack. Runtime neutral.

import type { AttackFigures, EndFigures, HonestFigures, PhaseFigures, RowFigures } from "./figures.ts";
import { round, toMegabytes, type Verdict } from "./verdict.ts";

/** A row that was run, or not. */
export interface Outcome {
  readonly row: string;
  readonly what: string;
  readonly runtime: string;
  readonly figures: RowFigures | undefined;
  readonly verdict: Verdict;
  /** Why it was not run. */
  readonly skipped?: string;
}

const HEAD = [
  "row",
  "p50 / p99 / max ms before",
  "during",
  "after",
  "peak / final MB",
  "descriptors",
  "CPU",
  "end ms",
  "verdict",
];

/** Whether a row counts as failed: in a quick run latencies do not. */
export function hasFailed({ verdict }: Outcome, isQuick: boolean): boolean {
  return verdict.failures.length > 0 || (!isQuick && verdict.misses.length > 0);
}

/** What a row has come to, in a few words. */
export function describeVerdict({ verdict, skipped }: Outcome): string {
  if (skipped !== undefined) return `skipped: ${skipped}`;
  const parts = [
    ...verdict.failures.map((failure) => `FAIL ${failure}`),
    ...verdict.misses.map((miss) => `MISS ${miss}`),
  ];
  return parts.length === 0 ? "pass" : parts.join("; ");
}

/** A table of Markdown. */
export function writeTable(outcomes: readonly Outcome[]): string {
  const lines = [HEAD, HEAD.map(() => "---"), ...outcomes.map(cellsOf)];
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

/** `37 passed, 2 failed`, and how many were skipped if any were. */
export function writeTotals(outcomes: readonly Outcome[], isQuick: boolean): string {
  const skipped = outcomes.filter((outcome) => outcome.skipped !== undefined).length;
  const failed = outcomes.filter((outcome) => hasFailed(outcome, isQuick)).length;
  const totals = `${outcomes.length - skipped - failed} passed, ${failed} failed`;
  return skipped === 0 ? totals : `${totals}, ${skipped} skipped`;
}

/** One line for whoever waits. */
export function writeProgress(outcome: Outcome): string {
  const { row, runtime, figures } = outcome;
  const attacks = figures?.attacks.map(describeAttack).join("; ") ?? "";
  const honest = figures?.honest;
  const p99 = honest === undefined
    ? ""
    : `honest p99 ${[honest.before, honest.during, honest.after].map(({ p99Ms }) => round(p99Ms)).join(", ")} ms`;
  const late = honest === undefined || honest.lateP99Ms < 2 ? "" : `clients late by ${round(honest.lateP99Ms)} ms`;
  const reasons = Object.entries(figures?.reasons?.seen ?? {}).map(([reason, count]) => `${count} ${reason}`).join(
    ", ",
  );
  const log = figures === undefined || figures.logLines === 0 ? "" : `${figures.logLines} lines of log`;
  const details = [attacks, reasons, p99, late, log].filter((detail) => detail !== "").join("; ");
  return `${runtime} ${row}: ${describeVerdict(outcome)}${details === "" ? "" : ` (${details})`}`;
}

function cellsOf(outcome: Outcome): string[] {
  const { row, figures } = outcome;
  if (figures === undefined) return [row, ...HEAD.slice(2).map(() => "-"), describeVerdict(outcome)];
  const { peakBytes, finalBytes, descriptorsBefore, descriptorsAfter, cpuShare, end, secondEnd } = figures;
  const hasEnded = figures.died !== undefined;
  return [
    row,
    ...latencies(figures.honest),
    `${toMegabytes(peakBytes)} / ${hasEnded ? "-" : toMegabytes(finalBytes)}`,
    `${descriptorsBefore} → ${hasEnded ? "-" : descriptorsAfter}`,
    Number.isNaN(cpuShare) ? "-" : `${Math.round(cpuShare * 100)} %`,
    [end, secondEnd].flatMap((one) => one === undefined ? [] : [describeEnd(one)]).join(", ") || "-",
    describeVerdict(outcome),
  ];
}

function latencies(honest: HonestFigures | undefined): string[] {
  if (honest === undefined) return ["-", "-", "-"];
  return [honest.before, honest.during, honest.after].map((phase) => describePhase(phase));
}

function describePhase({ sent, p50Ms, p99Ms, maxMs }: PhaseFigures): string {
  return sent === 0 ? "-" : `${round(p50Ms)} / ${round(p99Ms)} / ${round(maxMs)}`;
}

function describeEnd({ ms, code }: EndFigures): string {
  return code === undefined ? `${Math.round(ms)}, killed` : String(Math.round(ms));
}

function describeAttack({ connected, refused, ended, bytesSent }: AttackFigures): string {
  const parts = [
    connected > 0 ? `${connected} connected` : "",
    refused > 0 ? `${refused} refused` : "",
    ended > 0 ? `${ended} ended` : "",
    bytesSent > 0 ? `${(bytesSent / 1e6).toFixed(bytesSent < 1e6 ? 3 : 0)} MB sent` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}
