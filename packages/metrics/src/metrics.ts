// Metrics: exports the metrics of services to Prometheus, by `prom-client`. Runtime neutral.

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { HttpHandler } from "@laster/net/http";
import { DELAYS, FIGURES, HANDLER_TIMES } from "./figures.ts";
import { ServiceMetrics, type ServiceMetricsOptions } from "./service_metrics.ts";
import type { Reading } from "./watched.ts";

/** What is used of a `Registry` of prom-client. */
export interface MetricsRegistry {
  /** The content type of the text. */
  readonly contentType: string;
  /** All metrics as text. */
  metrics(): Promise<string>;
}

/** Options of {@linkcode Metrics}. */
export interface MetricsOptions extends ServiceMetricsOptions {
  /**
   * The `Registry` of prom-client to register the metrics in, if the application has one. It may have the default metrics of
   * prom-client, whose `process_` ones are then left as they are: call `collectDefaultMetrics()` before, as it refuses names that
   * are there already.
   *
   * @default {a registry of its own}
   */
  readonly registry?: MetricsRegistry | undefined;
}

/**
 * Metrics of services. Give it to `observers` of a service, and the service to `watch()`. No label is an address or an id: the
 * number of series does not grow with the players.
 *
 * @example A page for Prometheus
 * ```ts
 * import { Metrics } from "@laster/metrics";
 * import { serve } from "@laster/net";
 * import { routes, serveHttp } from "@laster/net/http";
 * import { assert } from "@std/assert";
 *
 * const metrics = new Metrics();
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, observers: [metrics] });
 * metrics.watch(service);
 * await using server = await serveHttp(routes({ "/metrics": metrics.handler }), { port: 0 });
 * const page = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
 * assert(page.includes('laster_sessions{service="default"} 0'));
 * metrics.stop();
 * ```
 */
export class Metrics extends ServiceMetrics {
  /** Where the metrics are. */
  readonly registry: MetricsRegistry;
  /** Answers with all metrics, in the text format of Prometheus. */
  readonly handler: HttpHandler;

  /**
   * Makes them; begins to measure the event loop.
   *
   * @param options Where they are registered, and whether handlers are measured.
   * @throws {TypeError} if an option is wrong, or the registry has a metric of a name that begins with `laster_`.
   */
  constructor({ registry: given, ...options }: MetricsOptions = {}) {
    const registry = (given ?? new Registry()) as Registry;
    checkFree(registry); // Before anything is made, so that nothing is left behind.
    const registers = [registry];
    super(options, ({ name, help, buckets }) => {
      const histogram = new Histogram({ name, help, buckets: [...buckets], registers });
      return (seconds) => histogram.observe(seconds);
    });
    this.registry = registry;
    this.#register(registers);
    this.handler = async () =>
      new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
  }

  #register(registers: Registry[]): void {
    // One reading for all that prom-client collects in one go, which is a scrape, or a metric that is read by itself.
    let reading: Reading | undefined;
    const take = () => {
      queueMicrotask(() => reading = undefined);
      return reading = this.read();
    };
    for (const { name, help, kind, labelNames, read } of FIGURES) {
      if (has(this.registry as Registry, name)) continue; // A default metric of prom-client.
      const samples = () => read(reading ?? take());
      const options = { name, help, labelNames, registers };
      if (kind === "gauge") {
        new Gauge({
          ...options,
          collect() {
            this.reset();
            for (const [value, labels] of samples()) this.set(labels, value);
          },
        });
      } else {
        new Counter({
          ...options,
          collect() {
            this.reset();
            for (const [value, labels] of samples()) this.inc(labels, value);
          },
        });
      }
    }
  }
}

function has(registry: Registry, name: string): boolean {
  return registry.getSingleMetric(name) !== undefined;
}

/** Refuses a registry that has a metric of ours; those of the process may be there. */
function checkFree(registry: Registry): void {
  for (const { name } of [DELAYS, HANDLER_TIMES, ...FIGURES]) {
    if (!name.startsWith("laster_") || !has(registry, name)) continue;
    throw new TypeError(
      `Cannot create metrics as registry must have no metric of that name: current value is "${name}"`,
    );
  }
}
