// The samples of a run, and the figures that are made of them: medians, and ratios of pairs of one round. Runtime neutral.

import type { Sample } from "./sampling.ts";
import type { ServerKind } from "./servers.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A figure of a sample; undefined if it has none. */
export type Figure = (sample: Sample) => number | undefined;

/** Server CPU per message, in microseconds; zero is what a clock of 10 ms did not see. */
export const cpuPerMessage: Figure = ({ load }) => load?.server_us_per_msg || undefined;
/** Messages per second. */
export const messagesPerSecond: Figure = ({ load }) => load?.msgs_per_s || undefined;

/** All samples of a run. Those that failed are kept apart: nothing is made of them. */
export class Results {
  readonly samples: Sample[] = [];

  /** Those that count. */
  get good(): Sample[] {
    return this.samples.filter(({ failure }) => failure === undefined);
  }

  /** Those that do not. */
  get failed(): Sample[] {
    return this.samples.filter(({ failure }) => failure !== undefined);
  }

  /** The spread of a figure over the rounds. */
  spread(workload: string, kind: ServerKind, runtime: string, figure: Figure): Spread | undefined {
    const samples = this.#find(workload, kind, runtime);
    return spreadOf(samples.map(figure).filter((value) => value !== undefined));
  }

  /**
   * How many times less ours costs than another server, round by round: above 1, ours is better.
   *
   * @param workload The workload.
   * @param runtime Ours.
   * @param other The other server, on `otherRuntime`.
   * @param figure What is compared.
   * @param isCost Whether less is better.
   */
  ratio(
    workload: string,
    runtime: string,
    other: ServerKind,
    otherRuntime: string,
    figure: Figure,
    isCost: boolean,
  ): Spread | undefined {
    const others = new Map(this.#find(workload, other, otherRuntime).map((sample) => [sample.round, sample]));
    const ratios: number[] = [];
    for (const sample of this.#find(workload, "ours", runtime)) {
      const pair = others.get(sample.round);
      const own = figure(sample);
      const theirs = pair === undefined ? undefined : figure(pair);
      if (own !== undefined && theirs !== undefined) ratios.push(isCost ? theirs / own : own / theirs);
    }
    return spreadOf(ratios);
  }

  #find(workload: string, kind: ServerKind, runtime: string): Sample[] {
    return this.good.filter((sample) => (
      sample.workload === workload && sample.kind === kind && sample.runtime === (kind === "c" ? "c" : runtime)
    ));
  }
}
