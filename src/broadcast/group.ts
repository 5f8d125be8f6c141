// Group: sessions under a name, for messages to all of them. The service keeps the table of members. Runtime neutral.

import type { BroadcastOptions, BroadcastReport } from "./messaging.ts";

/** What a group needs of its service. */
export interface GroupOwner<Member> {
  /** Adds a session to a group. */
  join(name: string, session: Member): boolean;
  /** Takes a session out of a group. */
  leave(name: string, session: Member): boolean;
  /** Whether a session is in a group. */
  has(name: string, session: Member): boolean;
  /** How many are in a group. */
  count(name: string): number;
  /** The sessions of a group. */
  members(name: string): Iterable<Member>;
  /** Sends to a group. */
  broadcast(name: string, payload: Uint8Array, options: BroadcastOptions<Member>): BroadcastReport<Member>;
  /** Waits until the members of a group that read have caught up. */
  groupDrained(name: string, signal: AbortSignal | undefined): Promise<void>;
}

/**
 * A named group of sessions of one service: a room, a team, an area of the world. Get it by `service.group(name)`. A group
 * exists, and counts towards `maxGroups`, while it has members; the object stays usable. A session may be in any number of
 * groups, and leaves them all when it begins to close, before its `onClose`.
 *
 * @example A room
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { memoryTransport } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const transport = memoryTransport();
 * await using server = new TcpService({
 *   transport,
 *   listeners: [{ port: 1 }],
 *   onOpen(session): void {
 *     server.group("lobby").join(session);
 *   },
 *   onMessage(session, payload): void {
 *     server.group("lobby").broadcast(payload, { except: session });
 *   },
 * });
 * await server.start();
 * await using client = new TcpService({ transport });
 * await client.start();
 * const [talker, listener] = [await client.connect({ port: 1 }), await client.connect({ port: 1 })];
 * talker.send(new Uint8Array([7]));
 * for await (const payload of listener) {
 *   assertEquals(payload, new Uint8Array([7]));
 *   break;
 * }
 * assertEquals(server.group("lobby").size, 2);
 * ```
 */
export class Group<Member> {
  /** The group's name. */
  readonly name: string;
  readonly #owner: GroupOwner<Member>;

  /** Made by `service.group(name)`. */
  constructor(name: string, owner: GroupOwner<Member>) {
    this.name = name;
    this.#owner = owner;
  }

  /** How many sessions are in it. */
  get size(): number {
    return this.#owner.count(this.name);
  }

  /**
   * Adds a session. It gets what is broadcast from now on.
   *
   * @param session An open session of this service.
   * @returns false if it is a member already, or is not open.
   * @throws {RangeError} if the group is new and `maxGroups` groups exist already.
   * @throws {TypeError} if the session belongs to another service.
   */
  join(session: Member): boolean {
    return this.#owner.join(this.name, session);
  }

  /**
   * Takes a session out. What was broadcast before still reaches it.
   *
   * @param session A session.
   * @returns false if it was not a member.
   */
  leave(session: Member): boolean {
    return this.#owner.leave(this.name, session);
  }

  /** Whether a session is in it. */
  has(session: Member): boolean {
    return this.#owner.has(this.name, session);
  }

  /** The sessions in it, in the order in which they joined. O(members). */
  members(): Iterable<Member> {
    return this.#owner.members(this.name);
  }

  /**
   * Sends a message to all sessions in it. It is encoded once; a session that cannot take it delays no other, and keeps no
   * more than its own queue may. For sessions with room in their queues the cost is one write per session at the end of the
   * turn. Sessions with a codec of their own, such as `encryption`, are sent to one by one.
   *
   * @param payload The message; copied.
   * @param options Sessions to leave out, a policy for full queues, and whether to list refusals.
   * @returns How many took it and how many refused. A payload that the codec cannot encode is refused by all.
   * @throws {TypeError} if the payload is not a `Uint8Array`, or an option has a name or a value that is not allowed.
   * @throws {FrameError} if the codec breaks its contract (`"codec-fault"`); no session is closed. Other errors of an encoder
   * are thrown as they are.
   */
  broadcast(payload: Uint8Array, options: BroadcastOptions<Member> = {}): BroadcastReport<Member> {
    return this.#owner.broadcast(this.name, payload, options);
  }

  /**
   * Waits until the members above a high-water mark have shrunk to their low-water marks, so that the sender is no faster than
   * the members that read. A member that takes nothing delays one wait, by 200 ms, and no further one until it takes bytes.
   *
   * @param options A signal to stop waiting; the promise then rejects with the signal's reason.
   */
  drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#owner.groupDrained(this.name, options.signal);
  }
}
