// OpenTelemetryMetrics: exports the metrics of services by the metrics API of OpenTelemetry, so that any SDK takes them.
// Runtime neutral.

import {
  type BatchObservableResult,
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
} from "@opentelemetry/api";
import { FIGURES } from "../figures.ts";
import { ServiceMetrics, type ServiceMetricsOptions } from "../service_metrics.ts";

const NAME = "@laster/net";

/** By provider, who tells it something. Module-wide, as instruments of one name are one in a provider, whoever made them. */
const TELLING = new WeakMap<MeterProvider, OpenTelemetryMetrics>();

/**
 * Metrics of services: the same as those of `Metrics`, under the same names but for the `_total` of counters, which exporters
 * for Prometheus add. Give it to `observers` of a service, and the service to `watch()`. Set the SDK up before: metrics that
 * are made without one go nowhere. Each collection takes one snapshot of each service. One object is for all services: a second
 * one would overwrite the figures of the first.
 *
 * @example Whatever SDK there is takes them
 * ```ts
 * import { OpenTelemetryMetrics } from "@laster/metrics/opentelemetry";
 * import { serve } from "@laster/net";
 * import { metrics as api } from "@opentelemetry/api";
 * import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
 * import { assert } from "@std/assert";
 *
 * const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
 * const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
 * api.setGlobalMeterProvider(provider);
 *
 * const metrics = new OpenTelemetryMetrics();
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, observers: [metrics] });
 * metrics.watch(service);
 * await provider.forceFlush();
 * const [{ scopeMetrics: [{ metrics: all }] }] = exporter.getMetrics();
 * assert(all.some(({ descriptor }) => descriptor.name === "laster_sessions"));
 * metrics.stop();
 * await provider.shutdown();
 * ```
 */
export class OpenTelemetryMetrics extends ServiceMetrics {
  readonly #provider: MeterProvider;
  readonly #stopObserving: () => void;

  /**
   * Makes them; begins to measure the event loop.
   *
   * @param options Whether handlers are measured.
   * @throws {TypeError} if an option is wrong, or the SDK's meter provider has other such metrics, which were not stopped.
   */
  constructor(options: ServiceMetricsOptions = {}) {
    const provider = metrics.getMeterProvider();
    if (TELLING.has(provider)) {
      throw new TypeError(
        "Cannot create metrics as a meter provider takes one OpenTelemetryMetrics, for all services, until that is stopped: " +
          "current value is a second one",
      );
    }
    const meter = provider.getMeter(NAME);
    super(options, ({ name, help: description, buckets }) => {
      const advice = { explicitBucketBoundaries: [...buckets] };
      const histogram = meter.createHistogram(name, { description, unit: unitOf(name), advice });
      return (seconds) => histogram.record(seconds);
    });
    this.#stopObserving = this.#observe(meter);
    this.#provider = provider;
    if (meter !== createNoopMeter()) TELLING.set(provider, this); // Without an SDK there is nobody to tell.
  }

  /** Stops measuring the event loop and reading the services; an SDK keeps the last values. */
  override stop(): void {
    super.stop();
    this.#stopObserving();
    if (TELLING.get(this.#provider) === this) TELLING.delete(this.#provider);
  }

  #observe(meter: Meter): () => void {
    const observed = FIGURES.map(({ name: full, help: description, kind, read }) => {
      const name = full.replace(/_total$/, "");
      const options = { description, unit: unitOf(name) };
      const instrument = kind === "gauge"
        ? meter.createObservableGauge(name, options)
        : meter.createObservableCounter(name, options);
      return { instrument, read };
    });
    const observe = (result: BatchObservableResult) => {
      const reading = this.read();
      for (const { instrument, read } of observed) {
        for (const [value, labels] of read(reading)) result.observe(instrument, value, labels);
      }
    };
    const instruments = observed.map(({ instrument }) => instrument);
    meter.addBatchObservableCallback(observe, instruments);
    return () => meter.removeBatchObservableCallback(observe, instruments);
  }
}

/** The UCUM unit, by the end of the name. Empty for counts, as exporters would name a metric with the unit `1` a ratio. */
function unitOf(name: string): string {
  if (name.endsWith("_bytes")) return "By";
  return name.endsWith("_seconds") ? "s" : "";
}
