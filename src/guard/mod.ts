/**
 * Protects a server on the open internet: limits which addresses connect, how many connections and messages they send, and how
 * slowly; and checks messages. Each part works alone; {@linkcode guard} makes all of them.
 *
 * @example All of it
 * ```ts
 * import { serve } from "@laster/net";
 * import { guard } from "@laster/net/guard";
 *
 * const { admission, observers } = guard();
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, admission, observers });
 * ```
 *
 * @module
 */

export { AddressFilter, type AddressRules } from "./address_filter.ts";
export { ConnectionLimits, type ConnectionLimitsOptions } from "./connection_limits.ts";
export { Guard, guard, type GuardOptions } from "./guard.ts";
export { type Load, LoadShedding, type LoadSheddingOptions, type LoadSheddingStats } from "./load_shedding.ts";
export {
  type MessageHandler,
  MessageLimits,
  type MessageLimitsOptions,
  type MessageLimitsStats,
} from "./message_limits.ts";
export {
  MessageValidator,
  type MessageValidatorOptions,
  onePattern,
  type Threat,
  type ThreatLevel,
  tooLong,
  tooShort,
  type Validate,
} from "./message_validator.ts";
export { SlowPeers, type SlowPeersOptions } from "./slow_peers.ts";
