// The samples of a run, and the figures that are made of them: medians, and ratios of pairs of one round. Runtime neutral.

import type { Sample } from "./sampling.ts";
import type { ServerKind } from "./server_kinds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A figure of a sample; undefined if it has none. */
export type Figure = (sample: Sample) => number | undefined;

/** Server CPU per message, in microseconds; zero of nothing. */
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
    return spreadOf(roundsOf(samples).flatMap((round) => medianOf(inRound(samples, round), figure) ?? []));
  }

  /**
   * How many times less ours costs than another server, round by round: above 1, ours is better. Of servers that ran in
   * turns the round's figure is the median of its pairs of windows.
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
    const own = this.#find(workload, "ours", runtime);
    const others = this.#find(workload, other, otherRuntime);
    const divide = (mine: number | undefined, theirs: number | undefined) => {
      if (mine === undefined || theirs === undefined) return [];
      return [isCost ? theirs / mine : mine / theirs];
    };
    return spreadOf(
      roundsOf(own).flatMap((round) => {
        const mine = inRound(own, round);
        const theirs = inRound(others, round);
        if (theirs.every(({ window }) => window === undefined)) {
          return divide(medianOf(mine, figure), medianOf(theirs, figure));
        }
        const ratios = mine.flatMap((sample) => {
          const pair = theirs.find(({ window }) => window === sample.window);
          return pair === undefined ? [] : divide(figure(sample), figure(pair));
        });
        return spreadOf(ratios)?.median ?? [];
      }),
    );
  }

  #find(workload: string, kind: ServerKind, runtime: string): Sample[] {
    return this.good.filter((sample) => (
      sample.workload === workload && sample.kind === kind && sample.runtime === (kind === "c" ? "c" : runtime)
    ));
  }
}

function roundsOf(samples: readonly Sample[]): number[] {
  return [...new Set(samples.map(({ round }) => round))];
}

function inRound(samples: readonly Sample[], round: number): Sample[] {
  return samples.filter((sample) => sample.round === round);
}

function medianOf(samples: readonly Sample[], figure: Figure): number | undefined {
  return spreadOf(samples.map(figure).filter((value) => value !== undefined))?.median;
}
