// Messaging: messages to many sessions of a service at once, to all of them or to a group. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { type BroadcastDetails, Broadcaster, type BroadcastResult, type Receivers } from "./broadcaster.ts";
import { CrowdDrain } from "./crowd_drain.ts";
import { GroupTable } from "./group_table.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import type { Receiver } from "./receiver.ts";
import type { GroupOwner } from "./group.ts";

/** Options of `TcpService.broadcast` and `Group.broadcast`. */
export interface BroadcastOptions<Member> {
  /** Sessions that do not get the message. */
  readonly except?: Member | readonly Member[];
  /** See `SendOptions.key`. */
  readonly key?: unknown;
}

/** All sessions of a service. */
export interface Crowd<Member, Core extends Receiver> extends Receivers {
  /** The lives of all of them. */
  values(): Iterable<Core>;
  /** The life behind a session, if it is one of these. */
  coreOf(session: Member): Core | undefined;
}

/** What a service sends to many of its sessions at once. */
export class Messaging<Member, Core extends Receiver & { readonly session: Member }> implements GroupOwner<Member> {
  /** Which sessions are in which group. */
  readonly groups: GroupTable<Core>;
  readonly #crowd: Crowd<Member, Core>;
  readonly #broadcaster: Broadcaster;
  readonly #crowdDrain: CrowdDrain;

  /** Makes the messaging of a service without groups; broadcasts are encoded with `encoder`. */
  constructor(
    crowd: Crowd<Member, Core>,
    context: SendQueueContext & { readonly clock: Clock },
    encoder: FrameEncoder,
    maxGroups: number,
  ) {
    this.#crowd = crowd;
    this.#crowdDrain = new CrowdDrain(context.clock);
    this.#broadcaster = new Broadcaster(context, encoder);
    this.groups = new GroupTable<Core>(maxGroups, (members) => this.#broadcaster.handleChange(members));
  }

  /** Sends to all sessions. */
  broadcastToAll(payload: Uint8Array, options: BroadcastOptions<Member>): BroadcastResult {
    return this.#broadcaster.broadcast(payload, this.#crowd, this.#detailsOf(options));
  }

  /** Waits until all sessions that read have caught up. */
  drained(signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.#crowd.values(), signal);
  }

  groupDrained(name: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.groups.members(name)?.values() ?? [], signal);
  }

  #wait(cores: Iterable<Core>, signal: AbortSignal | undefined): Promise<void> {
    const drained = this.#crowdDrain.wait(cores, signal);
    drained.catch(() => {}); // Whoever waits is told all the same.
    return drained;
  }

  join(name: string, session: Member): boolean {
    const core = this.#crowd.coreOf(session);
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

  broadcast(name: string, payload: Uint8Array, options: BroadcastOptions<Member>): BroadcastResult {
    const members: Receivers = this.groups.members(name) ?? { has: () => false, values: () => [] };
    return this.#broadcaster.broadcast(payload, members, this.#detailsOf(options));
  }

  #detailsOf({ except, key }: BroadcastOptions<Member>): BroadcastDetails {
    if (except === undefined) return { key };
    const excepted = new Set<Core>();
    for (const session of Array.isArray(except) ? except as readonly Member[] : [except as Member]) {
      const core = this.#crowd.coreOf(session);
      if (core !== undefined) excepted.add(core);
    }
    return { excepted, key };
  }
}
