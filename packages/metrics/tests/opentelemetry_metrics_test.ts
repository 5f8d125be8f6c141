// The metrics by a real SDK of OpenTelemetry: the same figures as on Prometheus' page, with units, from one snapshot a collection.

import { test } from "node:test";
import { metrics as api } from "@opentelemetry/api";
import { DataPointType, MeterProvider, type MetricData, MetricReader } from "@opentelemetry/sdk-metrics";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Metrics } from "@laster/metrics";
import { OpenTelemetryMetrics } from "@laster/metrics/opentelemetry";
import { connect, serve, type Session, silentLogger, TcpService } from "@laster/net";
import { keepConnected } from "@laster/net/client";
import { bytes, until } from "../../../tests/support.ts";
import { seriesOf } from "./page.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();

/** Collects when it is asked to. */
class Reader extends MetricReader {
  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  /** What the meter of this package tells, by name. */
  async take(): Promise<Map<string, MetricData>> {
    const { resourceMetrics, errors } = await this.collect();
    assertEquals(errors, []);
    const scopes = resourceMetrics.scopeMetrics.filter(({ scope }) => scope.name === "@laster/net");
    return new Map(scopes.flatMap(({ metrics }) => metrics).map((metric) => [metric.descriptor.name, metric]));
  }
}

function setUp(): Reader {
  const reader = new Reader();
  api.disable();
  api.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return reader;
}

/** As Prometheus has them: by series, but for what changes by itself. */
function toSeries(all: ReadonlyMap<string, MetricData>): Map<string, number> {
  const series = new Map<string, number>();
  for (const [name, metric] of all) {
    if (metric.dataPointType !== DataPointType.SUM && metric.dataPointType !== DataPointType.GAUGE) continue;
    const full = metric.dataPointType === DataPointType.SUM ? `${name}_total` : name;
    for (const { attributes, value } of metric.dataPoints) {
      const labels = Object.entries(attributes).map(([label, of]) => `${label}="${of}"`).join(",");
      if (!name.startsWith("process_")) series.set(labels === "" ? full : `${full}{${labels}}`, value);
    }
  }
  return series;
}

test("an SDK is told what Prometheus is told, under the same names", async () => {
  const reader = setUp();
  const prometheus = new Metrics();
  const opentelemetry = new OpenTelemetryMetrics();
  const service = await serve({
    hostname,
    port: 0,
    logger,
    observers: [prometheus, opentelemetry],
    maxConnections: 2,
    onMessage: (session: Session, payload: Uint8Array) => {
      if (payload.length === 3) throw new Error("a fault");
      session.send(payload);
    },
  });
  const link = keepConnected({ port: service.port, logger });
  for (const exporter of [prometheus, opentelemetry]) {
    exporter.watch(service, "players");
    exporter.watchLink(link, "login");
  }
  await until(() => link.state === "connected", "the link");
  const session = await connect({ port: service.port, logger });
  session.send(bytes("hello"));
  await session.receive();
  await using refused = await connect({ port: service.port, logger });
  await refused.closed;
  session.send(bytes("bad"));
  await session.closed;
  await until(() => service.sessionCount === 1, "it is over");
  const page = await (await prometheus.handler(new Request("http://localhost/metrics"))).text();
  const theirs = new Map(seriesOf(page).filter(([name]) => !/^(?:process_|laster_event_loop_delay)/.test(name)));
  const ours = toSeries(await reader.take());
  assertEquals([...ours].toSorted(), [...theirs].toSorted());
  assertEquals(ours.get('laster_messages_received_total{service="players"}'), 2);
  assertEquals(ours.get('laster_connections_refused_total{service="players",reason="max-connections"}'), 1);
  assertEquals(ours.get('laster_faults_total{level="error"}'), 1);
  assertEquals(ours.get('laster_link_connected{link="login"}'), 1);
  assert(ours.size > 25, `${ours.size}`);
  prometheus.stop();
  opentelemetry.stop();
  await link.stop();
  await service.stop();
});

test("units and kinds are those of OpenTelemetry, histograms have our buckets", async () => {
  const reader = setUp();
  const metrics = new OpenTelemetryMetrics({ handlerTime: true, random: () => 0.5 });
  const service = await serve({ hostname, port: 0, logger, observers: [metrics], onMessage: (s, p) => s.send(p) });
  metrics.watch(service);
  const session = await connect({ port: service.port, logger });
  for (let count = 0; count < 33; count++) {
    session.send(bytes("hello"));
    await session.receive();
  }
  let all = await reader.take();
  while (!all.has("laster_event_loop_delay_seconds")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    all = await reader.take();
  }
  const unitOf = (name: string) => all.get(name)?.descriptor.unit;
  assertEquals(
    ["laster_sent_bytes", "laster_event_loop_delay_seconds", "process_cpu_seconds", "laster_sessions"].map(unitOf),
    ["By", "s", "s", ""],
  );
  for (const { descriptor: { name, unit, description } } of all.values()) {
    assertEquals([name.endsWith("_total"), unit === "By"], [false, name.endsWith("_bytes")], name);
    assert(description !== "", name);
  }
  const sent = all.get("laster_sent_bytes");
  assert(sent?.dataPointType === DataPointType.SUM && sent.isMonotonic);
  assertEquals(all.get("laster_queued_bytes")?.dataPointType, DataPointType.GAUGE);
  const handlers = all.get("laster_handler_seconds");
  assert(handlers?.dataPointType === DataPointType.HISTOGRAM);
  const [{ value }] = handlers.dataPoints;
  assertEquals([value.count, value.buckets.boundaries.slice(0, 3)], [3, [0.000_01, 0.000_1, 0.001]]);
  const cpu = all.get("process_cpu_seconds");
  assert(cpu?.dataPointType === DataPointType.SUM && cpu.dataPoints[0].value > 0);
  metrics.stop();
  await session.close();
  await service.stop();
});

test("a collection takes one snapshot of each service, and none once it is stopped", async () => {
  const reader = setUp();
  const metrics = new OpenTelemetryMetrics();
  const service = new TcpService({ logger });
  let looks = 0;
  const counted = (name: string) => ({
    stats: () => {
      looks++;
      return service.stats();
    },
    groupNames: () => [name],
  });
  metrics.watch(counted("a"), "one");
  metrics.watch(counted("b"), "two");
  const sessions = (await reader.take()).get("laster_sessions");
  assertEquals([looks, sessions?.dataPoints.length], [2, 2]);
  await reader.take();
  assertEquals(looks, 4);
  metrics.stop();
  metrics.stop();
  await reader.take();
  assertEquals(looks, 4, "an SDK goes on telling the last values, and has no others");
});

test("a provider takes one at a time: a second one would overwrite the figures of the first", async () => {
  const reader = setUp();
  const service = new TcpService({ logger });
  const first = new OpenTelemetryMetrics();
  assertThrows(() => new OpenTelemetryMetrics(), TypeError, "takes one OpenTelemetryMetrics");
  first.stop();
  assertThrows(() => new OpenTelemetryMetrics({ handlerTime: 5 } as never), TypeError);
  const second = new OpenTelemetryMetrics(); // What was refused takes no place, and what was stopped gives it up.
  first.stop();
  assertThrows(() => new OpenTelemetryMetrics(), TypeError);
  second.watch(service, "a");
  const values = (await reader.take()).get("laster_services")?.dataPoints.map(({ value }) => value);
  assertEquals(values, [1]);
  setUp();
  const elsewhere = new OpenTelemetryMetrics();
  second.stop();
  elsewhere.stop();
});

test("without an SDK nothing is read, and nothing fails", async () => {
  api.disable();
  const metrics = new OpenTelemetryMetrics({ handlerTime: true });
  new OpenTelemetryMetrics().stop();
  const service = await serve({ hostname, port: 0, logger, observers: [metrics], onMessage: (s, p) => s.send(p) });
  let looks = 0;
  metrics.watch({ stats: () => (looks++, service.stats()), groupNames: () => [] });
  const session = await connect({ port: service.port, logger });
  session.send(bytes("hello"));
  assertEquals((await session.receive())?.length, 5);
  await session.close();
  await service.stop();
  metrics.stop();
  assertEquals([looks, service.stats().receivedFrames], [0, 1]);
});
