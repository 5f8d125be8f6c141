/**
 * Clients that stay connected.
 *
 * @example Dial again whenever the session ends
 * ```ts
 * import { keepConnected } from "@laster/net/client";
 *
 * const link = keepConnected({ port: 1, minDelayMs: 10, maxFailures: 2 });
 * await link.stopped;
 * ```
 *
 * @module
 */

export {
  type BreakerOptions,
  keepConnected,
  type KeepConnectedOptions,
  Link,
  type LinkEvent,
  type LinkSendResult,
  type LinkState,
} from "./keep_connected.ts";
export type { KeepOptions } from "./kept_messages.ts";
