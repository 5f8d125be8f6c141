// Lanes: the jobs that wait, those of one key behind each other. Runtime neutral.

import type { Clock } from "@laster/net";
import type { Job } from "./job.ts";

/** Jobs of one key; one without a key has a lane of its own. */
interface Lane {
  readonly key: string | number | undefined;
  /** Jobs that wait, in their order. */
  readonly jobs: Set<Job>;
  /** A job that has to be run again: it goes before the others. */
  first: Job | undefined;
  /** Whether a job of the lane is under way. */
  isTaken: boolean;
}

/** A job that was taken. */
export interface TakenJob {
  /** The job. */
  readonly job: Job;
  /** To be called once it has run: the next of its lane may be taken, or the same again. */
  readonly done: (isToBeRepeated: boolean) => void;
}

/** A connection that waits for a job. */
type Taker = (taken: TakenJob | "idle" | "stopped") => void;

/**
 * Hands out jobs: those of one key in their order, one at a time.
 *
 * Invariant: a lane is in `#ready` if it has jobs and none of it is taken; takers wait only while `#ready` is empty; nothing
 * is kept of jobs that are settled.
 */
export class Lanes {
  /** How many wait. */
  waiting = 0;
  /** Whether `stop()` was called. */
  isStopped = false;
  readonly #byKey = new Map<string | number, Lane>();
  readonly #lanes = new Map<Job, Lane>();
  readonly #ready = new Set<Lane>();
  readonly #takers = new Set<Taker>();

  /** All that are not settled. */
  get jobs(): ReadonlyMap<Job, unknown> {
    return this.#lanes;
  }

  /** Adds a job behind those of its key. */
  add(job: Job, key: string | number | undefined): void {
    const lane = this.#findLane(key);
    this.#lanes.set(job, lane);
    lane.jobs.add(job);
    this.waiting++;
    if (!lane.isTaken) this.#ready.add(lane);
    this.#serve();
  }

  /** A job is settled, taken or not. */
  remove(job: Job): void {
    const lane = this.#lanes.get(job);
    if (lane === undefined) return;
    this.#lanes.delete(job);
    if (lane.first === job) lane.first = undefined;
    else if (!lane.jobs.delete(job)) return; // The job is taken: it does not count as waiting.
    this.waiting--;
    if (!lane.isTaken) this.#look(lane);
  }

  /** Takes the next job, waiting for one; `"idle"` if none comes within `idleMs`, `"stopped"` after `stop()`. */
  take(idleMs: number, clock: Clock): Promise<TakenJob | "idle" | "stopped"> {
    if (this.isStopped) return Promise.resolve("stopped");
    const { promise, resolve } = Promise.withResolvers<TakenJob | "idle" | "stopped">();
    const timer = idleMs === 0
      ? undefined
      : clock.setTimer(() => this.#takers.delete(taker) && resolve("idle"), idleMs);
    const taker: Taker = (taken) => {
      if (timer !== undefined) clock.clearTimer(timer);
      resolve(taken);
    };
    this.#takers.add(taker);
    this.#serve();
    return promise;
  }

  /** Ends all waits for a job. */
  stop(): void {
    this.isStopped = true;
    for (const taker of this.#takers) taker("stopped");
    this.#takers.clear();
  }

  #findLane(key: string | number | undefined): Lane {
    const found = key === undefined ? undefined : this.#byKey.get(key);
    if (found !== undefined) return found;
    const lane: Lane = { key, jobs: new Set(), first: undefined, isTaken: false };
    if (key !== undefined) this.#byKey.set(key, lane);
    return lane;
  }

  #serve(): void {
    for (const taker of this.#takers) {
      const [lane] = this.#ready;
      if (lane === undefined) return;
      this.#takers.delete(taker);
      taker(this.#takeFrom(lane));
    }
  }

  #takeFrom(lane: Lane): TakenJob {
    this.#ready.delete(lane);
    const [next] = lane.jobs;
    const job = lane.first ?? next;
    lane.first = undefined;
    lane.jobs.delete(job);
    lane.isTaken = true;
    this.waiting--;
    return { job, done: (isToBeRepeated) => this.#handleDone(lane, job, isToBeRepeated) };
  }

  #handleDone(lane: Lane, job: Job, isToBeRepeated: boolean): void {
    lane.isTaken = false;
    if (isToBeRepeated) {
      lane.first = job;
      this.waiting++;
    }
    this.#look(lane);
    this.#serve();
  }

  /** Puts a lane that is not taken among the ready ones, or drops it if it is empty. */
  #look(lane: Lane): void {
    if (lane.first !== undefined || lane.jobs.size > 0) this.#ready.add(lane);
    else {
      this.#ready.delete(lane);
      if (lane.key !== undefined) this.#byKey.delete(lane.key);
    }
  }
}
