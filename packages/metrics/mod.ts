/**
 * Metrics of services for Prometheus, by `prom-client`; `./opentelemetry` has them for OpenTelemetry.
 *
 * @example What a scrape gets
 * ```ts
 * import { Metrics } from "@laster/metrics";
 * import { serve } from "@laster/net";
 *
 * const metrics = new Metrics();
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, observers: [metrics] });
 * metrics.watch(service);
 * console.log(await (await metrics.handler(new Request("http://localhost/metrics"))).text());
 * metrics.stop();
 * ```
 *
 * @module
 */

export { Metrics, type MetricsOptions, type MetricsRegistry } from "./src/metrics.ts";
export type { ServiceMetrics, ServiceMetricsOptions } from "./src/service_metrics.ts";
export type { Reading, WatchedLink, WatchedPolicy, WatchedQueries, WatchedService } from "./src/watched.ts";
