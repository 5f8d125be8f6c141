// What an adapter can do on a runtime, where that differs: each field says why it is needed. Runtime neutral.

import type { Network } from "./bench.ts";

/** What an adapter can do on a runtime. */
export interface Capabilities {
  /** Whether the connections are sockets of the system; the in-memory ones have no host names, descriptors or queue. */
  readonly isSystem: boolean;
  /** The networks on which `abort()` sends a reset. */
  readonly abortResets: readonly Network[];
}
