// The kinds of servers that are compared. Runtime neutral.

/** Ours in other checkouts, in the order in which `--against` names them. */
export const BEFORE_KINDS = ["before", "before2", "before3", "before4"] as const;

/** Ours with a part that an operator adds, or with all parts switched off; "ours" beside them has none. */
export const PART_KINDS = ["off", "metrics", "logs", "traces", "guard", "recorder"] as const;

/**
 * What kind of server: ours, ours in other checkouts, ours with a part, by hand, on tokio-util, on Netty, naive, bytes without frames, the
 * package ws, the runtime's own WebSocket, in C.
 */
export type ServerKind =
  | "ours"
  | (typeof BEFORE_KINDS)[number]
  | (typeof PART_KINDS)[number]
  | "hand"
  | "tokio"
  | "netty"
  | "naive"
  | "raw"
  | "ws"
  | "websocket"
  | "c";

/** Those on libraries of other languages, which run beside the servers of one runtime, and on none. */
export const LIBRARY_KINDS: readonly ServerKind[] = ["tokio", "netty"];

/** Those that are up together and have the load in turns, in workloads with a target for ours against by hand. */
export const KINDS_IN_TURNS: readonly ServerKind[] = ["ours", ...BEFORE_KINDS, ...PART_KINDS, "hand", ...LIBRARY_KINDS];
