// What Prometheus is told: the figures of `stats()`, by names and units as its conventions have them; and what the dashboard and the
// alerts of docs/ ask for.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Gauge, Registry } from "prom-client";
import { QueryQueue } from "@laster/database";
import { Metrics } from "@laster/metrics";
import { serve, type Session, silentLogger } from "@laster/net";
import { keepConnected } from "@laster/net/client";
import { routes, serveHttp } from "@laster/net/http";
import { connect } from "@laster/net";
import { defaultTransport } from "@laster/net/transport";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import { printedRandom } from "../../../tests/random.ts";
import { RawPeer } from "../../../tests/raw_peer.ts";
import { bytes, pattern, turn, until } from "../../../tests/support.ts";
import { seriesOf, valueOf } from "./page.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();
/** A day, or an hour: what grows does so in either. */
const SCRAPES = process.env.LASTER_LONG === "1" ? 1_440 : 60;
const skipPromtool = spawnSync("promtool", ["--version"]).status === 0 ? false : "promtool is not on this machine";
const docs = (name: string) => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));

/** A server that echoes, with its metrics. */
async function start(options: ConstructorParameters<typeof Metrics>[0] = {}) {
  const metrics = new Metrics(options);
  const service = await serve({
    hostname,
    port: 0,
    logger,
    observers: [metrics],
    maxConnections: 3,
    onMessage: async (session: Session, payload: Uint8Array) => {
      if (payload.length === 3) throw new Error("a fault");
      if (payload.length === 4) await new Promise((resolve) => setTimeout(resolve, 30));
      session.send(payload);
    },
  });
  metrics.watch(service);
  const page = async () => await (await metrics.handler(new Request("http://localhost/metrics"))).text();
  return { metrics, service, page };
}

test("a registry may have the default metrics of prom-client, which are left as they are", async () => {
  const registry = new Registry();
  for (const name of ["process_resident_memory_bytes", "process_cpu_seconds_total"]) {
    new Gauge({ name, help: "prom-client's own", registers: [registry] }).set(5);
  }
  const { metrics, service, page } = await start({ registry });
  const text = await page();
  assertEquals(valueOf(text, "process_resident_memory_bytes"), 5);
  assertEquals(valueOf(text, 'laster_sessions{service="default"}'), 0);
  metrics.stop();
  await service.stop();
});

test("a registry that has metrics of the same names is refused, and nothing is left behind", () => {
  const registry = new Registry();
  new Gauge({ name: "laster_groups", help: "another's", registers: [registry] });
  const message =
    'Cannot create metrics as registry must have no metric of that name: current value is "laster_groups"';
  assertThrows(() => new Metrics({ registry }), TypeError, message);
  assertEquals(registry.getMetricsAsArray().map(({ name }) => name), ["laster_groups"]);
});

test("a scrape says what stats() says", async () => {
  const { metrics, service, page } = await start();
  const sessions = await Promise.all([1, 2, 3].map(() => connect({ port: service.port, logger })));
  const [first, second] = sessions;
  first.send(bytes("hello"));
  await first.receive();
  await using refused = await connect({ port: service.port, logger });
  await refused.closed;
  second.send(bytes("bad"));
  await second.closed;
  await until(() => service.sessionCount === 2, "its session is over");
  service.group("room").join([...service.sessions()][0]);
  const text = await page();
  const stats = service.stats();
  const one = '{service="default"}';
  assertEquals(valueOf(text, `laster_sessions${one}`), 2);
  assertEquals(valueOf(text, `laster_groups${one}`), 1);
  assertEquals(valueOf(text, `laster_listeners${one}`), 1);
  assertEquals(valueOf(text, `laster_sessions_opened_total${one}`), 3);
  assertEquals(valueOf(text, `laster_messages_received_total${one}`), stats.receivedFrames);
  assertEquals(valueOf(text, `laster_received_bytes_total${one}`), stats.receivedBytes);
  assertEquals(valueOf(text, `laster_sent_bytes_total${one}`), stats.sentBytes);
  assertEquals(valueOf(text, 'laster_connections_refused_total{service="default",reason="max-connections"}'), 1);
  assertEquals(valueOf(text, 'laster_sessions_closed_total{service="default",reason="handler-error"}'), 1);
  assertEquals(valueOf(text, 'laster_faults_total{level="error"}'), 1);
  assert((valueOf(text, "process_resident_memory_bytes") ?? 0) > 1e6);
  assert((valueOf(text, "process_cpu_seconds_total") ?? 0) > 0);
  assertEquals(text.includes("laster_handler_seconds"), false, "handlers are measured where it is asked for");
  for (const session of sessions) void session.close();
  metrics.stop();
  await service.stop();
});

test("what waits in the queues, in all and in the longest, and how much a write takes", async () => {
  const { metrics, service, page } = await start();
  const transport = defaultTransport();
  const peers = await Promise.all([1, 2].map(() => RawPeer.dial(transport, service.port ?? 0)));
  await until(() => service.sessionCount === 2, "both are there");
  const see = async () => {
    const text = await page();
    return (name: string) => valueOf(text, `laster_${name}{service="default"}`) ?? NaN;
  };
  const before = await see();
  assertEquals([before("queued_bytes"), before("longest_queue_messages"), before("writes_total")], [0, 0, 0]);
  for (const session of service.sessions()) for (let count = 0; count < 10; count++) session.send(pattern(100));
  await until(() => peers.every(({ receivedBytes }) => receivedBytes === 1_040), "they have them");
  const after = await see();
  assertEquals([after("writes_total"), after("sent_bytes_total")], [2, 2 * 10 * 104], "a write of 1,040 bytes each");
  for (const { connection } of peers) connection.pause();
  const [heavy, light] = service.sessions();
  while (heavy.send(pattern(60_000)) !== "congested") await turn();
  light.send(pattern(10));
  const full = await see();
  const { queuedBytes, queuedFrames } = heavy.stats;
  assertEquals([full("longest_queue_bytes"), full("longest_queue_messages")], [queuedBytes, queuedFrames]);
  assertEquals([full("queued_bytes"), full("queued_messages")], [queuedBytes + 14, queuedFrames + 1]);
  assertEquals(full("pool_max_bytes"), 1_073_741_824);
  for (const { connection } of peers) connection.abort();
  metrics.stop();
  await service.stop();
});

test("the event loop's delay, and handlers' times", async () => {
  const { metrics, service, page } = await start({ handlerTime: true });
  const session = await connect({ port: service.port, logger });
  session.send(bytes("slow"));
  await session.receive();
  const endMs = performance.now() + 400;
  while (performance.now() < endMs);
  await new Promise((resolve) => setTimeout(resolve, 250));
  const text = await page();
  const count = (name: string, le: string) => valueOf(text, `${name}_bucket{le="${le}"}`) ?? NaN;
  assert((valueOf(text, "laster_event_loop_delay_seconds_count") ?? 0) >= 2, text);
  assert(
    count("laster_event_loop_delay_seconds", "+Inf") > count("laster_event_loop_delay_seconds", "0.1"),
    "the stall is seen",
  );
  assertEquals(valueOf(text, "laster_handler_seconds_count"), 1);
  assertEquals(count("laster_handler_seconds", "0.01"), 0);
  assert((valueOf(text, "laster_handler_seconds_sum") ?? 0) >= 0.025);
  metrics.stop();
  await service.stop();
});

test("one handler in sixteen is measured, and no other that runs meanwhile", async () => {
  const { metrics, service, page } = await start({ handlerTime: true, random: () => 0.5 });
  const count = async () => valueOf(await page(), "laster_handler_seconds_count");
  const [one, other] = [{} as Session<unknown>, {} as Session<unknown>];
  metrics.onMessageStart?.(one, 5); // The first.
  for (let message = 2; message < 17; message++) {
    metrics.onMessageStart?.(other, 5);
    metrics.onMessageEnd?.(other);
  }
  assertEquals(await count(), 0);
  metrics.onMessageEnd?.(one);
  assertEquals(await count(), 1);
  metrics.onMessageStart?.(other, 5); // The seventeenth.
  metrics.onMessageEnd?.(one);
  assertEquals(await count(), 1, "the first has ended before");
  metrics.onMessageEnd?.(other);
  metrics.onMessageEnd?.(other);
  assertEquals(await count(), 2);
  metrics.stop();
  await service.stop();
});

test("handlers are measured at random distances, one in sixteen on average", async () => {
  const { metrics, service, page } = await start({ handlerTime: true, random: printedRandom("handlers") });
  const session = {} as Session<unknown>;
  for (let message = 0; message < 16_000; message++) {
    metrics.onMessageStart?.(session, 5);
    metrics.onMessageEnd?.(session);
  }
  const measured = valueOf(await page(), "laster_handler_seconds_count") ?? 0;
  assert(measured > 850 && measured < 1_150, `${measured} of 16,000`);
  metrics.stop();
  await service.stop();
});

test("a scrape takes one snapshot of each service, and has nothing of before", async () => {
  const metrics = new Metrics();
  let looks = 0;
  let refusals: Record<string, number> = { banned: 2 };
  const { service, metrics: other } = await start();
  metrics.watch({ stats: () => ({ ...service.stats(), sessions: ++looks, refusals }), groupNames: () => [] });
  const page = async () => await (await metrics.handler(new Request("http://localhost/metrics"))).text();
  const refused = 'laster_connections_refused_total{service="default",reason="banned"}';
  for (let scrape = 1; scrape <= 3; scrape++) {
    const text = await page();
    assertEquals([valueOf(text, 'laster_sessions{service="default"}'), looks], [scrape, scrape]);
    assertEquals(valueOf(text, refused), 2, "not the sum over the scrapes");
  }
  refusals = {};
  assertEquals(valueOf(await page(), refused), undefined);
  for (const one of [metrics, other]) one.stop();
  await service.stop();
});

test("a metric that is read by itself, before any scrape too, says what is the case now", async () => {
  const metrics = new Metrics();
  const { service, metrics: other } = await start();
  let sessions = 1;
  let looks = 0;
  const stats = () => {
    looks++;
    return { ...service.stats(), sessions, openedSessions: sessions };
  };
  metrics.watch({ stats, groupNames: () => [] });
  type Single = { get(): Promise<{ readonly values: readonly { readonly value: number }[] }> };
  const registry = metrics.registry as unknown as { getSingleMetric(name: string): Single };
  const read = async (name: string) => (await registry.getSingleMetric(name).get()).values.map(({ value }) => value);
  for (const name of ["laster_sessions_opened_total", "laster_sessions"]) {
    assertEquals(await read(name), [sessions], name);
    sessions++;
    assertEquals(await read(name), [sessions], name);
    await metrics.registry.metrics();
    sessions++;
    assertEquals(await read(name), [sessions], name);
  }
  assertEquals(looks, 8);
  for (const one of [metrics, other]) one.stop();
  await service.stop();
});

test(`the number of series does not grow: ${SCRAPES} scrapes, one a minute, and players who come and go`, async () => {
  const { metrics, service, page } = await start();
  const count = (text: string) => seriesOf(text).length;
  const play = async () => {
    const session = await connect({ port: service.port, logger });
    session.send(bytes("hello"));
    await session.receive();
    await session.close();
    await until(() => service.sessionCount === 0, "it is over");
  };
  await play();
  const before = count(await page());
  for (let player = 0; player < 20; player++) await play();
  for (let scrape = 0; scrape < SCRAPES; scrape++) await page();
  assertEquals(count(await page()), before);
  metrics.stop();
  await service.stop();
});

test("several services have a label each, and a page over HTTP", async () => {
  const { metrics, service } = await start();
  const other = await serve({ hostname, port: 0, logger });
  metrics.watch(other, "admins");
  await using server = await serveHttp(routes({ "/metrics": metrics.handler }), { port: 0 });
  const response = await fetch(`http://${hostname}:${server.port}/metrics`);
  assert(response.headers.get("content-type")?.startsWith("text/plain"));
  const text = await response.text();
  for (const name of ["default", "admins"]) assertEquals(valueOf(text, `laster_listeners{service="${name}"}`), 1);
  metrics.stop();
  await Promise.all([service.stop(), other.stop()]);
});

test("a link that is kept", async () => {
  const { metrics, service, page } = await start();
  const breaker = { failures: 1, openMs: 60_000 };
  const link = keepConnected({ port: service.port, logger, minDelayMs: 5, breaker });
  metrics.watchLink(link, "login");
  await until(() => link.state === "connected", "it is up");
  const see = async () => {
    const text = await page();
    const names = ["connected", "breaker_open", "breaker_half_open", "failures"];
    return names.map((name) => valueOf(text, `laster_link_${name}{link="login"}`));
  };
  assertEquals(await see(), [1, 0, 0, 0]);
  await service.stop();
  await until(() => link.state === "open", "its server is away");
  assertEquals(await see(), [0, 1, 0, 1]);
  metrics.watchLink({ state: "half-open", failures: 3 }, "login"); // Another in its place.
  assertEquals(await see(), [0, 0, 1, 3]);
  await link.stop();
  metrics.stop();
});

test("a policy, by a name; there are only so many names", async () => {
  const metrics = new Metrics();
  const see = async (name: string) => {
    const text = await (await metrics.handler(new Request("http://localhost/metrics"))).text();
    const names = ["breaker_open", "breaker_half_open", "running", "waiting"];
    return names.map((figure) => valueOf(text, `laster_policy_${figure}{policy="${name}"}`));
  };
  const policy = { state: "closed", running: 2, waiting: 5 };
  metrics.watchPolicy(policy, "login");
  assertEquals(await see("login"), [0, 0, 2, 5]);
  policy.state = "half-open";
  assertEquals(await see("login"), [0, 1, 2, 5]);
  for (policy.state of ["open", "isolated"]) assertEquals(await see("login"), [1, 0, 2, 5]);
  for (let count = 1; count < 100; count++) metrics.watchPolicy({ state: "closed" }, `policy ${count}`);
  assertEquals(await see("policy 99"), [0, 0, 0, 0]);
  assertThrows(() => metrics.watchPolicy(policy, "one more"), RangeError, "Cannot watch policy as there may be 100");
  metrics.watchPolicy({ state: "closed" }, "login");
  assertEquals(await see("login"), [0, 0, 0, 0]);
  metrics.stop();
});

test("a queue of queries, by a name", async () => {
  const metrics = new Metrics();
  const see = async (name: string) => {
    const text = await (await metrics.handler(new Request("http://localhost/metrics"))).text();
    const names = ["queries_waiting", "queries_running", "query_connections", "queries_answered_total"];
    const others = ["queries_rejected_total", "queries_repeated_total", "query_connections_lost_total"];
    return [...names, ...others].map((figure) => valueOf(text, `laster_${figure}{queue="${name}"}`));
  };
  const release = Promise.withResolvers<void>();
  let hasFailed = false;
  const driver = {
    connect: () => Promise.resolve(null),
    async query(_connection: null, text: string) {
      await release.promise;
      if (text === "bad") throw new Error("no such table");
      if (text !== "lost" || hasFailed) return [];
      hasFailed = true;
      throw new Error("lost");
    },
    close: () => Promise.resolve(),
    isLost: (error: unknown) => (error as Error).message === "lost",
  };
  const queries = new QueryQueue({ driver, connections: 2 });
  metrics.watchQueries(queries);
  const answers = ["one", "bad", "lost", "two"].map((text) => queries.query(text, [], { isRepeatable: true }));
  await until(() => queries.stats.running === 2, "two are running");
  assertEquals(await see("default"), [2, 2, 2, 0, 0, 0, 0]);
  release.resolve();
  await Promise.allSettled(answers);
  await until(() => queries.stats.connections === 2, "the lost connection is there again");
  assertEquals(await see("default"), [0, 0, 2, 3, 1, 1, 1]);
  await queries.close();
  assertEquals((await see("default"))[2], 0);
  for (let count = 1; count < 100; count++) metrics.watchQueries(queries, `queue ${count}`);
  assertThrows(() => metrics.watchQueries(queries, "one more"), RangeError, "Cannot watch queries as there may be 100");
  metrics.stop();
});

test("promtool finds nothing to object to", { skip: skipPromtool }, async () => {
  const { metrics, service, page } = await start({ handlerTime: true });
  const input = await page();
  metrics.stop();
  await service.stop();
  const checked = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  assertEquals([checked.status, checked.stdout + checked.stderr], [0, ""]);
  const rules = spawnSync("promtool", ["check", "rules", docs("alerts.yml")], { encoding: "utf8" });
  assertEquals(rules.status, 0, rules.stdout + rules.stderr);
});

test(
  "the alerts of memory and queues fire above their part of the budget, and not at it",
  { skip: skipPromtool },
  () => {
    using folder = new TemporaryFolder();
    const input = (series: string, value: number) => ({
      series: `laster_${series}{instance="a", service="default"}`,
      values: `${value}x20`,
    });
    const check = (outstanding: number, queued: number, firing: readonly string[]) => {
      const cases = [{
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: "10m",
        exp_samples: firing.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
      }];
      const series = [
        input("pool_max_bytes", 1_000),
        input("pool_outstanding_bytes", outstanding),
        input("queued_bytes", queued),
      ];
      const path = folder.file("alerts_test.yml");
      // JSON is YAML.
      const tests = [{ interval: "1m", input_series: series, promql_expr_test: cases }];
      writeFileSync(path, JSON.stringify({ rule_files: [docs("alerts.yml")], tests }));
      return spawnSync("promtool", ["test", "rules", path], { encoding: "utf8" });
    };
    for (
      const [outstanding, queued, firing] of [[400, 200, []], [401, 201, ["LasterMemory", "LasterQueues"]]] as const
    ) {
      const { status, stdout, stderr } = check(outstanding, queued, firing);
      assertEquals(status, 0, `${outstanding} ${queued}: ${stdout}${stderr}`);
    }
  },
);

test("the dashboard and the alerts name only metrics that there are, and operating.md all of them", async () => {
  const { metrics, service, page } = await start({ handlerTime: true });
  const text = await page();
  metrics.stop();
  await service.stop();
  const known = new Set(Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name));
  const baseOf = (name: string) => name.replace(/_(?:bucket|sum|count)$/, "");
  for (const file of ["grafana.json", "alerts.yml"]) {
    const used = readFileSync(docs(file), "utf8").match(/\b(?:laster|process)_[a-z_]+/g) ?? [];
    assert(used.length > 3, file);
    for (const name of used) assert(known.has(name) || known.has(baseOf(name)), `${file} names ${name}`);
  }
  JSON.parse(readFileSync(docs("grafana.json"), "utf8"));
  const explained = readFileSync(docs("operating.md"), "utf8");
  for (const name of known) assert(explained.includes(`\`${name}\``), `operating.md says nothing of ${name}`);
});

test("Metrics refuses unknown options, and a handlerTime that is none", () => {
  assertThrows(() => new Metrics({ handlerTimes: true } as never), TypeError, "handlerTimes");
  assertThrows(() => new Metrics({ handlerTime: "yes" as never }), TypeError, "handlerTime must be true or false");
});
