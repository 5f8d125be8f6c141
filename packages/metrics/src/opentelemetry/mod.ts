/**
 * Metrics of services by the metrics API of OpenTelemetry, in place of `prom-client`.
 *
 * @example Beside an SDK that was set up before
 * ```ts
 * import { OpenTelemetryMetrics } from "@laster/metrics/opentelemetry";
 * import { serve } from "@laster/net";
 *
 * const metrics = new OpenTelemetryMetrics({ handlerTime: true });
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, observers: [metrics] });
 * metrics.watch(service);
 * metrics.stop();
 * ```
 *
 * @module
 */

export type { ServiceMetrics, ServiceMetricsOptions } from "../service_metrics.ts";
export type { Reading, WatchedLink, WatchedPolicy, WatchedQueries, WatchedService } from "../watched.ts";
export { OpenTelemetryMetrics } from "./opentelemetry_metrics.ts";
