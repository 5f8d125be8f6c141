// Group: sessions under a name, for messages to all of them. The table of who is in it is the service's. Runtime neutral.

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
 * A named group of sessions of one service: a room, a team, an area of the world. Get it by `service.group(name)`; the group
 * comes to be with its first member and is gone with its last, but the object stays good. A session may be in any number of
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
   * @returns false if it is there already, or is not open (any more).
   * @throws {RangeError} if this would be a group more than `maxGroups`.
   */
  join(session: Member): boolean {
    return this.#owner.join(this.name, session);
  }

  /**
   * Takes a session out. What was broadcast before still reaches it.
   *
   * @param session A session.
   * @returns false if it was not there.
   */
  leave(session: Member): boolean {
    return this.#owner.leave(this.name, session);
  }

  /** Whether a session is in it. */
  has(session: Member): boolean {
    return this.#owner.has(this.name, session);
  }

  /** Goes through the sessions in it, in the order in which they joined. */
  members(): Iterable<Member> {
    return this.#owner.members(this.name);
  }

  /**
   * Sends a message to all sessions in it. It is encoded once; a session that cannot take it delays no other, and holds no
   * more than its own queue may. The cost does not grow with the sessions, but for the one write each has at the end of the
   * turn.
   *
   * @param payload The message; copied once.
   * @param options Who does not get it, and what it takes the place of.
   * @returns How many took it and how many refused.
   * @throws {TypeError} if the payload is not a `Uint8Array`.
   * @throws {FrameError} if the codec cannot make a frame of it; no session is closed.
   */
  broadcast(payload: Uint8Array, options: BroadcastOptions<Member> = {}): BroadcastReport<Member> {
    return this.#owner.broadcast(this.name, payload, options);
  }

  /**
   * Waits until those members that are above a high-water mark, and read, are down at their low-water marks: so that who sends to
   * the group is as fast as those who get it. A member that takes nothing at all is waited for once, for 200 ms.
   *
   * @param options A signal to stop waiting; the promise then rejects with its reason.
   */
  drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#owner.groupDrained(this.name, options.signal);
  }
}
