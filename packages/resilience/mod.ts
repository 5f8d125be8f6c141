/**
 * Retries, breakers, timeouts and bulkheads around dials and queries, by `cockatiel`.
 *
 * @example A login server that may be away
 * ```ts
 * import { connect, serve } from "@laster/net";
 * import { dialWith, ResiliencePolicy } from "@laster/resilience";
 *
 * await using login = await serve({ hostname: "127.0.0.1", port: 0 });
 * const policy = new ResiliencePolicy({ retries: 3, timeoutMs: 2_000, breaker: { failures: 5, openMs: 10_000 } });
 * await using session = await dialWith(policy, (signal) => connect({ port: login.port, signal }));
 * console.log(session.state, policy.state);
 * ```
 *
 * @module
 */

export {
  type Breaker,
  type BreakerState,
  breakerState,
  ResiliencePolicy,
  type ResiliencePolicyOptions,
} from "./src/resilience_policy.ts";
export { isDown, isTransient } from "./src/transient.ts";
export { dialWith, type PolicyLike, queryWith } from "./src/with_policy.ts";
