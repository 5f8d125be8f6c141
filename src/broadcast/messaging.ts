// Messaging: broadcasts to all sessions of a service or to a group. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { checkKeys, checkObject } from "../options.ts";
import { type BroadcastDetails, Broadcaster, type BroadcastResult, type Receivers } from "./broadcaster.ts";
import { CrowdDrain } from "./crowd_drain.ts";
import { GroupTable } from "./group_table.ts";
import { checkPolicy, type FullPolicy } from "../outbound/queue_limits.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { Receiver } from "./receiver.ts";
import type { GroupOwner } from "./group.ts";

/** Options of `TcpService.broadcast` and `Group.broadcast`. */
export interface BroadcastOptions<Member> {
  /** Sessions that do not get the message. */
  readonly except?: Member | readonly Member[] | undefined;
  /** See `SendOptions.key`. */
  readonly key?: unknown | undefined;
  /** See `SendOptions.whenFull`. */
  readonly whenFull?: FullPolicy | undefined;
  /**
   * Whether the result lists the sessions that refused it.
   *
   * @default {false}
   */
  readonly listRefused?: boolean | undefined;
}

const BROADCAST_NAMES: Record<keyof BroadcastOptions<unknown>, true> = {
  except: true,
  key: true,
  whenFull: true,
  listRefused: true,
};

/** What became of a broadcast, and which sessions refused it. */
export interface BroadcastReport<Member> extends BroadcastResult {
  /** The sessions that refused it, with the result for each; only with `listRefused`. */
  readonly refusedBy?: readonly { readonly session: Member; readonly result: SendResult }[];
}

/** All sessions of a service. */
export interface Crowd<Member, Core extends Receiver> extends Receivers {
  /** The cores of all of them. */
  values(): Iterable<Core>;
  /** The core of a session, if it is one of these. */
  coreOf(session: Member): Core | undefined;
  /** Throws a `TypeError` unless `session` is closed; call it for a session that is none of these: it is another service's. */
  refuseForeign(what: string, session: Member): void;
}

/** What a service sets for its messaging. */
export interface MessagingOptions<Member> {
  /** Most groups that exist at the same time. */
  readonly maxGroups: number;
  /** Told of each session that did not take a broadcast; must not throw. */
  readonly onRefused: ((session: Member, payload: Uint8Array, result: SendResult) => void) | undefined;
}

/** The broadcasts and the groups of a service. */
export class Messaging<Member, Core extends Receiver & { readonly session: Member }> implements GroupOwner<Member> {
  /** Which sessions are in which group. */
  readonly groups: GroupTable<Core>;
  readonly #crowd: Crowd<Member, Core>;
  readonly #broadcaster: Broadcaster;
  readonly #crowdDrain: CrowdDrain;
  readonly #scheduler: SendQueueContext["scheduler"];
  readonly #onRefused: MessagingOptions<Member>["onRefused"];

  /** Makes the messaging of a service without groups; broadcasts are encoded with `encoder`. */
  constructor(
    crowd: Crowd<Member, Core>,
    context: SendQueueContext & { readonly clock: Clock },
    encoder: FrameEncoder,
    { maxGroups, onRefused }: MessagingOptions<Member>,
  ) {
    this.#scheduler = context.scheduler;
    this.#onRefused = onRefused;
    this.#crowd = crowd;
    this.#crowdDrain = new CrowdDrain(context.clock);
    this.#broadcaster = new Broadcaster(context, encoder);
    this.groups = new GroupTable<Core>(maxGroups, (members) => this.#broadcaster.handleChange(members));
  }

  /** Sends to all sessions. */
  broadcastToAll(payload: Uint8Array, options: BroadcastOptions<Member>): BroadcastReport<Member> {
    return this.#broadcast(payload, this.#crowd, options);
  }

  /** Waits until all sessions have caught up, except those that do not read. */
  drained(signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.#crowd.values(), signal);
  }

  groupDrained(name: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.groups.members(name)?.values() ?? [], signal);
  }

  #wait(cores: Iterable<Core>, signal: AbortSignal | undefined): Promise<void> {
    const drained = this.#crowdDrain.wait(cores, signal);
    drained.catch(() => {}); // Callers that await it still see the rejection.
    return drained;
  }

  join(name: string, session: Member): boolean {
    const core = this.#crowd.coreOf(session);
    if (core === undefined) this.#crowd.refuseForeign("join group", session);
    return core?.state === "open" && this.groups.join(name, core);
  }

  leave(name: string, session: Member): boolean {
    const core = this.#crowd.coreOf(session);
    return core !== undefined && this.groups.leave(name, core);
  }

  has(name: string, session: Member): boolean {
    const core = this.#crowd.coreOf(session);
    return core !== undefined && this.groups.members(name)?.has(core) === true;
  }

  count(name: string): number {
    return this.groups.members(name)?.count ?? 0;
  }

  members(name: string): Member[] {
    return Array.from(this.groups.members(name)?.values() ?? [], (core) => core.session);
  }

  broadcast(name: string, payload: Uint8Array, options: BroadcastOptions<Member>): BroadcastReport<Member> {
    return this.#broadcast(payload, this.groups.members(name) ?? { has: () => false, values: () => [] }, options);
  }

  #broadcast(
    payload: Uint8Array,
    receivers: Receivers,
    options: BroadcastOptions<Member>,
  ): BroadcastReport<Member> {
    checkObject("broadcast payload", "options", options);
    for (const name in options) {
      if (!Object.hasOwn(BROADCAST_NAMES, name)) checkKeys("broadcast options", options, BROADCAST_NAMES);
    }
    const { listRefused = false } = options;
    const details = this.#detailsOf(options);
    if (!listRefused && this.#onRefused === undefined) return this.#broadcaster.broadcast(payload, receivers, details);
    const refusals: [Core, SendResult][] = [];
    const note = (core: Receiver, result: SendResult) => refusals.push([core as Core, result]);
    const counts = this.#broadcaster.broadcast(payload, receivers, { ...details, onRefused: note });
    // After the broadcast, as `onRefused` may send, or close sessions.
    this.#scheduler.inTurn(() => {
      for (const [{ session }, result] of refusals) this.#onRefused?.(session, payload, result);
    });
    if (!listRefused) return counts;
    return { ...counts, refusedBy: refusals.map(([{ session }, result]) => ({ session, result })) };
  }

  #detailsOf({ except, key, whenFull }: BroadcastOptions<Member>): BroadcastDetails {
    checkPolicy(whenFull);
    if (except === undefined) return { key, whenFull };
    const excepted = new Set<Core>();
    for (const session of Array.isArray(except) ? except as readonly Member[] : [except as Member]) {
      const core = this.#crowd.coreOf(session);
      if (core !== undefined) excepted.add(core);
    }
    return { excepted, key, whenFull };
  }
}
