// SessionKeeper: opens the sessions of a service, knows them until they are over, and closes all of them at a stop.
// Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";
import { toError } from "../errors.ts";
import type { CloseEvent } from "../session/close_reason.ts";
import type { InputWatch } from "../session/input_watch.ts";
import type { Session } from "../session/session.ts";
import type { Beginning } from "../session/session_context.ts";
import { SessionCore } from "../session/session_core.ts";
import { SessionRegistry } from "../session/session_registry.ts";
import type { Connection } from "../transport/transport.ts";
import { type PendingWork, settlesBy } from "./pending_work.ts";
import { PoolKeeper } from "./pool_keeper.ts";

/** How long sessions that were cut, and ports, may take to end: only a fault of the runtime makes it take longer than a moment. */
const ABORT_MS = 1_000;

/** What a keeper needs of its service. */
export interface KeeperContext {
  /** Where time comes from. */
  readonly clock: Clock;
  /** The pool whose free buffers are given back. */
  readonly pool: BufferPool;
  /** Looks at paused sessions. */
  readonly inputWatch: InputWatch;
}

/** Opens sessions, and knows them until they are over. */
export class SessionKeeper<Data> {
  /** All that are not over. */
  readonly registry = new SessionRegistry<Data>();
  readonly #pending: PendingWork;
  #context: KeeperContext | undefined = undefined;
  #poolKeeper: PoolKeeper | undefined = undefined;
  /** Resolves once there are no sessions; undefined if no stop waits for that. */
  #empty: PromiseWithResolvers<void> | undefined = undefined;
  /** What admissions are told at the end of a session. */
  readonly #onOver = new Map<SessionCore<Data>, () => void>();
  /** Sessions that were cut at a timeout. */
  #cut = 0;
  #nextId = 1;

  /** Makes one without sessions; promises of `onClose` handlers go to `pending`. */
  constructor(pending: PendingWork) {
    this.#pending = pending;
  }

  /** Gives the keeper what its sessions share; not in the constructor, as that refers to the keeper. */
  attach(context: KeeperContext): void {
    this.#context = context;
    this.#poolKeeper = new PoolKeeper(context.pool, context.clock);
  }

  /** Opens a session; `onOver` is called once it is over. */
  open(connection: Connection, { context, origin }: Beginning<Data>, onOver?: () => void): Session<Data> {
    let core: SessionCore<Data>;
    try {
      core = new SessionCore(context, connection, this.#nextId++, origin);
    } catch (error) {
      connection.close(); // `createData` threw.
      throw error;
    }
    this.registry.add(core);
    if (onOver !== undefined) this.#onOver.set(core, onOver);
    this.#poolKeeper?.start();
    try {
      core.open();
    } catch (error) {
      this.#onOver.delete(core); // Who asked for the session gets the error instead.
      core.abort();
      this.handleOver(core, notStarted(error), undefined);
      throw error;
    }
    return core.session;
  }

  /** A session is over; `done` is what its `onClose` returned. Does nothing for one that did not start. */
  handleOver(core: SessionCore<Data>, event: CloseEvent, done: PromiseLike<unknown> | undefined): void {
    if (!this.registry.has(core)) return;
    this.registry.remove(core, event);
    if (core.ending?.isOverdue) this.#cut++;
    this.#onOver.get(core)?.();
    this.#onOver.delete(core);
    if (done !== undefined) this.#pending.track(Promise.resolve(done));
    if (this.registry.count > 0) return;
    this.rest();
    this.#empty?.resolve();
    this.#empty = undefined;
  }

  /**
   * Closes all in order, and cuts what is left at the deadline, by the service's clock; then it waits up to `ABORT_MS` for
   * them and for `alsoWaitFor`, which must not reject. Returns how many were cut, there or at a timeout of their own. May be called again before that: the deadline that comes first counts for both.
   */
  async closeAll(deadlineMs: number, alsoWaitFor: readonly Promise<void>[]): Promise<number> {
    const clock = this.#context?.clock;
    const cutBefore = this.#cut;
    for (const core of this.registry.values()) core.close("shutdown");
    if (this.registry.count > 0) this.#empty ??= Promise.withResolvers<void>();
    const isEmpty = this.#empty?.promise ?? Promise.resolve();
    const ended = Promise.all([isEmpty, ...alsoWaitFor]);
    const hasEnded = clock === undefined || await settlesBy(clock, ended, deadlineMs);
    const cut = this.#cut - cutBefore + this.registry.count;
    if (hasEnded) return cut;
    for (const core of this.registry.values()) core.giveUp();
    await settlesBy(clock, ended, clock.now() + ABORT_MS);
    return cut;
  }

  /** Stops what runs beside sessions. */
  rest(): void {
    this.#poolKeeper?.stop();
    this.#context?.inputWatch.stop();
  }
}

/** The end of a session whose connection could not be started: the `start()` of an application's transport threw. */
function notStarted(fault: unknown): CloseEvent {
  const error = toError(fault);
  return { reason: "socket-error", detail: undefined, error, unsentFrames: 0, unsentBytes: 0, isConfirmed: false };
}
