// GroupTable: which sessions are in which named group. Knows nothing of sending. Runtime neutral.

import { describeValue } from "../options.ts";
import type { Receivers } from "./broadcaster.ts";
import type { Receiver } from "./receiver.ts";

/** The sessions of one group. */
export class GroupMembers<Core extends Receiver> implements Receivers {
  readonly #cores = new Set<Core>();
  readonly #onChange: (members: GroupMembers<Core>) => void;

  /** Makes an empty group; `onChange` is called before each change. */
  constructor(onChange: (members: GroupMembers<Core>) => void) {
    this.#onChange = onChange;
  }

  /** How many there are. */
  get count(): number {
    return this.#cores.size;
  }

  has(core: object): boolean {
    return this.#cores.has(core as Core); // Any other object is not in the set.
  }

  values(): Iterable<Core> {
    return this.#cores.values();
  }

  /** Adds a session that is not a member. */
  add(core: Core): void {
    this.#onChange(this);
    this.#cores.add(core);
  }

  /** Removes a session that is a member. */
  delete(core: Core): void {
    this.#onChange(this);
    this.#cores.delete(core);
  }
}

/**
 * The groups of a service, by name. A group exists while it has members.
 *
 * Invariant: a session is a member of a group if and only if the group's name is in the session's `groups`.
 */
export class GroupTable<Core extends Receiver> {
  readonly #groups = new Map<string, GroupMembers<Core>>();
  readonly #maxGroups: number;
  readonly #onChange: (members: GroupMembers<Core>) => void;

  /** Makes an empty table; `onChange` is called before each change of a group's members. */
  constructor(maxGroups: number, onChange: (members: GroupMembers<Core>) => void) {
    this.#maxGroups = maxGroups;
    this.#onChange = onChange;
  }

  /** How many groups have members. */
  get count(): number {
    return this.#groups.size;
  }

  /** The names of the groups that have members. */
  names(): IterableIterator<string> {
    return this.#groups.keys();
  }

  /** The members of a group; undefined if it has none. */
  members(name: string): GroupMembers<Core> | undefined {
    return this.#groups.get(name);
  }

  /** Adds an open session to a group; false if it was a member. Throws a `RangeError` at `maxGroups`. */
  join(name: string, core: Core): boolean {
    let members = this.#groups.get(name);
    if (members?.has(core)) return false;
    if (members === undefined) {
      if (this.#groups.size >= this.#maxGroups) {
        throw new RangeError(
          `Cannot join group as there may be ${this.#maxGroups} groups at the same time: current value is ${
            describeValue(name)
          }`,
        );
      }
      members = new GroupMembers(this.#onChange);
      this.#groups.set(name, members);
    }
    members.add(core);
    core.groups ??= new Set();
    core.groups.add(name);
    return true;
  }

  /** Takes a session out of a group; false if it was not a member. */
  leave(name: string, core: Core): boolean {
    const members = this.#groups.get(name);
    if (members === undefined || !members.has(core)) return false;
    members.delete(core);
    core.groups?.delete(name);
    if (members.count === 0) this.#groups.delete(name);
    return true;
  }

  /** Takes a session out of all its groups. */
  leaveAll(core: Core): void {
    for (const name of core.groups ?? []) this.leave(name, core);
  }
}
