// Messaging: messages to many sessions of a service at once, to all of them or to a group. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { type BroadcastDetails, Broadcaster, type BroadcastResult, type Receivers } from "../session/broadcaster.ts";
import { CrowdDrain } from "../session/crowd_drain.ts";
import { GroupTable } from "../session/group_table.ts";
import type { SendQueueContext } from "../session/send_queue_context.ts";
import type { Session } from "../session/session.ts";
import type { SessionCore } from "../session/session_core.ts";
import type { SessionRegistry } from "../session/session_registry.ts";
import type { GroupOwner } from "./group.ts";

/** Options of `TcpService.broadcast` and `Group.broadcast`. */
export interface BroadcastOptions<Data> {
  /** Sessions that do not get the message. */
  readonly except?: Session<Data> | readonly Session<Data>[];
  /** See `SendOptions.key`. */
  readonly key?: unknown;
}

/** What a service sends to many of its sessions at once. */
export class Messaging<Data> implements GroupOwner<Data> {
  /** Which sessions are in which group. */
  readonly groups: GroupTable<Data>;
  readonly #registry: SessionRegistry<Data>;
  readonly #broadcaster: Broadcaster<Data>;
  readonly #crowdDrain: CrowdDrain;

  /** Makes the messaging of a service without groups; broadcasts are encoded with `encoder`. */
  constructor(
    registry: SessionRegistry<Data>,
    context: SendQueueContext & { readonly clock: Clock },
    encoder: FrameEncoder,
    maxGroups: number,
  ) {
    this.#registry = registry;
    this.#crowdDrain = new CrowdDrain(context.clock);
    this.#broadcaster = new Broadcaster<Data>(context, encoder);
    this.groups = new GroupTable<Data>(maxGroups, (members) => this.#broadcaster.handleChange(members));
  }

  /** Sends to all sessions. */
  broadcastToAll(payload: Uint8Array, options: BroadcastOptions<Data>): BroadcastResult {
    return this.#broadcaster.broadcast(payload, this.#registry, this.#detailsOf(options));
  }

  /** Waits until all sessions that read have caught up. */
  drained(signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.#registry.values(), signal);
  }

  groupDrained(name: string, signal: AbortSignal | undefined): Promise<void> {
    return this.#wait(this.groups.members(name)?.values() ?? [], signal);
  }

  #wait(cores: Iterable<SessionCore<Data>>, signal: AbortSignal | undefined): Promise<void> {
    const drained = this.#crowdDrain.wait(cores, signal);
    drained.catch(() => {}); // Whoever waits is told all the same.
    return drained;
  }

  join(name: string, session: Session<Data>): boolean {
    const core = this.#coreOf(session);
    return core?.state === "open" && this.groups.join(name, core);
  }

  leave(name: string, session: Session<Data>): boolean {
    const core = this.#coreOf(session);
    return core !== undefined && this.groups.leave(name, core);
  }

  has(name: string, session: Session<Data>): boolean {
    const core = this.#coreOf(session);
    return core !== undefined && this.groups.members(name)?.has(core) === true;
  }

  count(name: string): number {
    return this.groups.members(name)?.count ?? 0;
  }

  members(name: string): Session<Data>[] {
    return Array.from(this.groups.members(name)?.values() ?? [], (core) => core.session);
  }

  broadcast(name: string, payload: Uint8Array, options: BroadcastOptions<Data>): BroadcastResult {
    const members: Receivers<Data> = this.groups.members(name) ?? { has: () => false, values: () => [] };
    return this.#broadcaster.broadcast(payload, members, this.#detailsOf(options));
  }

  /** The life behind a session, if it is one of this service's that is not over. */
  #coreOf(session: Session<Data>): SessionCore<Data> | undefined {
    const core = this.#registry.get(session.id);
    return core?.session === session ? core : undefined;
  }

  #detailsOf({ except, key }: BroadcastOptions<Data>): BroadcastDetails<Data> {
    if (except === undefined) return { key };
    const excepted = new Set<SessionCore<Data>>();
    for (const session of Array.isArray(except) ? except as readonly Session<Data>[] : [except as Session<Data>]) {
      const core = this.#coreOf(session);
      if (core !== undefined) excepted.add(core);
    }
    return { excepted, key };
  }
}
