// The states of a session, and which may follow which. Runtime neutral.

/**
 * The state of a session.
 *
 * | state       | entered when                    | messages come | `send` takes | next                   |
 * | ----------- | ------------------------------- | ------------- | ------------ | ---------------------- |
 * | `"opening"` | the connection is there         | no            | no           | `"open"`               |
 * | `"open"`    | all is wired, before `onOpen`   | yes           | yes          | `"closing"`, `"closed"` |
 * | `"closing"` | an end by either side           | no            | no           | `"closed"`             |
 * | `"closed"`  | the connection is gone          | no            | no           | none                   |
 *
 * While closing, the session writes what is queued, ends its sending side, reads (and drops) what comes until the peer
 * ends, then closes the connection; `closeTimeoutMs` bounds all of it. After `abort()` it waits only for the connection to
 * be gone.
 */
export type SessionState = "opening" | "open" | "closing" | "closed";

const NEXT: Record<SessionState, readonly SessionState[]> = {
  "opening": ["open"],
  "open": ["closing", "closed"],
  "closing": ["closed"],
  "closed": [],
};

/**
 * Checks a step between states: a wrong one is a bug of this package.
 *
 * @param from The state left.
 * @param to The state entered.
 * @returns The state entered.
 */
export function nextState(from: SessionState, to: SessionState): SessionState {
  if (NEXT[from].includes(to)) return to;
  throw new Error(`Cannot enter state ${to} as the table forbids it: current value is ${from}`);
}

/** Calls `end` once the session is open: an observer's `onOpened` may ask for its end before that. */
export function onceOpen<Core extends { readonly state: SessionState }>(core: Core, end: (core: Core) => void): void {
  if (core.state === "opening") queueMicrotask(() => end(core));
  else end(core);
}
