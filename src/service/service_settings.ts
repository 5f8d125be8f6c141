// ServiceSettings: the options of a service as they are at the moment, for some can be changed while it runs. Runtime neutral.

import type { BufferPoolOptions } from "../buffer/buffer_pool.ts";
import { requireBudget } from "../buffer/check.ts";
import { checkKeys, describeValue } from "../options.ts";
import { checkRange } from "../session/limits.ts";
import type { SessionContext } from "../session/session_context.ts";
import { isSame } from "./is_same.ts";
import type { ListenerOptions } from "./listener.ts";
import { type ContextParts, deriveSessionContext } from "./make_context.ts";
import type { ResolvedServiceOptions, TcpServiceOptions } from "./service_options.ts";
import { findSettings, type SessionSettings, SETTING_NAMES } from "./session_settings.ts";

/** Options of `TcpService.reconfigure()`: what is not given stays as it is. */
export interface ReconfigureOptions extends Omit<SessionSettings, "codec" | "transport"> {
  /** Sessions at the same time, 1 to 2^31 - 1, from the next connection on; those that are there stay. */
  readonly maxConnections?: number | undefined;
  /** Dials at the same time, 1 to 2^31 - 1, from the next one on. */
  readonly maxDials?: number | undefined;
  /**
   * The memory budget, `maxBytes`, at once. What sessions hold already stays theirs and counts: from half of the new budget
   * on, the sessions that hold most are cut with `"over-budget"`, and past the whole of it no more memory is given out.
   */
  readonly pool?: Pick<BufferPoolOptions, "maxBytes"> | undefined;
  /**
   * All listeners that there are to be, but for those that `listen()` opened: new ones are opened, others are closed, and their
   * sessions live on. A listener is identified by its `name`, or its address if it has none. Its limits and its certificates are
   * changed where it is; for any other change it is closed and opened again.
   */
  readonly listeners?: readonly ListenerOptions[] | undefined;
}

/** Makes what the sessions of a listener or a dial share; throws if its settings make no sense. */
export type ContextMaker<Data> = (own: SessionSettings) => SessionContext<Data>;

/** What follows a change: the listeners of a service. */
export interface Followers<Data> {
  /**
   * Opens and closes listeners until they are those of `wanted`, if that is given; if it throws, all is as before.
   *
   * @param wanted The listeners that the options ask for.
   * @param isRunning Whether the service takes connections.
   * @param contextFor Makes contexts as the change has them.
   */
  follow(
    wanted: readonly ListenerOptions[] | undefined,
    isRunning: boolean,
    contextFor: ContextMaker<Data>,
  ): Promise<void>;
  /** The options have changed. */
  refresh(): void;
}

const { codec: _codec, transport: _transport, ...LIMIT_NAMES } = SETTING_NAMES;

/** Every name there is; a missing or wrong one does not compile. */
const NAMES: Record<keyof ReconfigureOptions, true> = {
  ...LIMIT_NAMES,
  maxConnections: true,
  maxDials: true,
  pool: true,
  listeners: true,
};

const POOL_NAMES = { maxBytes: true };

const LARGEST_COUNT = 2 ** 31 - 1;

/** Contexts that are kept for the next dial or listener with the same settings: each has timers that walk over all sessions. */
const MOST_CONTEXTS = 16;

/** The options of a service, and what has been changed of them. */
export class ServiceSettings<Data> {
  /** How many sessions and dials there may be. */
  readonly bounds: { maxConnections: number; maxDials: number };
  readonly #options: TcpServiceOptions<Data>;
  readonly #context: SessionContext<Data>;
  readonly #parts: Pick<ContextParts<Data>, "transport" | "sessions">;
  #changed: ReconfigureOptions = {};
  /** The contexts made last, with the settings of each. */
  readonly #derived: (readonly [settings: SessionSettings, context: SessionContext<Data>])[] = [];

  /** Makes them of options that were checked; `context` is what sessions share as long as nothing differs. */
  constructor(
    options: TcpServiceOptions<Data>,
    { maxConnections, maxDials }: Pick<ResolvedServiceOptions, "maxConnections" | "maxDials">,
    context: SessionContext<Data>,
    parts: Pick<ContextParts<Data>, "transport" | "sessions">,
  ) {
    this.#options = options;
    this.bounds = { maxConnections, maxDials };
    this.#context = context;
    this.#parts = parts;
  }

  /** The listeners that `start()` opens. */
  get listeners(): readonly ListenerOptions[] {
    return this.#changed.listeners ?? this.#options.listeners ?? [];
  }

  /** Gives the context of sessions that have settings of their own, the same for the same settings. */
  contextFor(own: SessionSettings, changed: ReconfigureOptions = this.#changed): SessionContext<Data> {
    const settings = { ...findSettings(changed), ...findSettings(own) };
    const known = this.#derived.find(([other]) => isSame(other, settings));
    if (known !== undefined) return known[1];
    const context = deriveSessionContext(this.#context, this.#options, settings, this.#parts);
    this.#derived.push([settings, context]);
    if (this.#derived.length > MOST_CONTEXTS) this.#derived.shift();
    return context;
  }

  /**
   * Gives the current context after something took a while.
   *
   * @param own The settings of the listener or the dial.
   * @param before The context that it had at first: stays if a change that came meanwhile contradicts the settings.
   */
  refresh(own: SessionSettings, before: SessionContext<Data>): SessionContext<Data> {
    try {
      return this.contextFor(own);
    } catch {
      return before; // They were checked when they were given.
    }
  }

  /**
   * Changes options.
   *
   * @param options What changes.
   * @param followers The listeners; if they cannot follow, nothing has changed here.
   * @param isRunning Whether the service takes connections.
   * @throws {TypeError | RangeError} if an option is wrong, or cannot be changed.
   */
  async change(options: ReconfigureOptions, followers: Followers<Data>, isRunning: boolean): Promise<void> {
    checkReconfigure(options);
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const changed: ReconfigureOptions = { ...this.#changed, ...Object.fromEntries(given) };
    this.contextFor({}, changed); // Checks the limits, and below those of listeners that the next start opens.
    if (options.listeners === undefined) { for (const own of this.listeners) this.contextFor(own, changed); }
    // Until the listeners have followed, others still get the limits of before: the change may be refused.
    await followers.follow(options.listeners, isRunning, (own) => this.contextFor(own, changed));
    this.#changed = changed;
    followers.refresh();
    const { maxConnections, maxDials, pool } = options;
    if (maxConnections !== undefined) this.bounds.maxConnections = maxConnections;
    if (maxDials !== undefined) this.bounds.maxDials = maxDials;
    if (pool?.maxBytes !== undefined) this.#context.pool.setMaxBytes(pool.maxBytes);
  }
}

/** Checks all options but listeners and limits, which are checked when they are applied. */
function checkReconfigure(options: ReconfigureOptions): void {
  checkKeys("running service", options, NAMES);
  const { maxConnections, maxDials, pool, listeners } = options;
  if (maxConnections !== undefined) checkRange("maxConnections", maxConnections, 1, LARGEST_COUNT);
  if (maxDials !== undefined) checkRange("maxDials", maxDials, 1, LARGEST_COUNT);
  if (pool !== undefined) checkKeys("pool of a running service", pool, POOL_NAMES);
  if (pool?.maxBytes !== undefined) requireBudget("change pool", "maxBytes", pool.maxBytes);
  if (listeners === undefined || Array.isArray(listeners)) return;
  throw new TypeError(
    `Cannot create running service as listeners must be an array: current value is ${describeValue(listeners)}`,
  );
}
