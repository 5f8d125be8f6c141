/**
 * Traces of services, by the API of OpenTelemetry.
 *
 * @example One session in a hundred
 * ```ts
 * import { serve } from "@laster/net";
 * import { Tracing } from "@laster/tracing";
 *
 * const tracing = new Tracing({ sampled: 0.01 });
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   observers: [tracing],
 *   onMessage: tracing.wrap((session, payload) => session.send(payload)),
 * });
 * ```
 *
 * @module
 */

export {
  type DiallingService,
  type SendingSession,
  type TracedSession,
  Tracing,
  type TracingOptions,
} from "./src/tracing.ts";
