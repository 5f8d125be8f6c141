// An echo server as for production, all of it together: settings from a file that is watched, a guard, a database of visits behind
// a policy, health, metrics and a dashboard over HTTP, traces, a stop in order. The dashboard needs DASHBOARD_TOKEN.
// `deno task production`, `bun examples/production_server.ts`, `node examples/production_server.ts`.

import process from "node:process";
import { fileURLToPath } from "node:url";
import { LeveledLogger, loadSettings, watchSettings } from "@laster/config";
import { Dashboard } from "@laster/dashboard";
import { QueryQueue, sqliteDriver } from "@laster/database";
import { Metrics } from "@laster/metrics";
import { consoleLogger, lengthPrefixed, TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { runService } from "@laster/net/hosting";
import { health, type HttpServer, routes, serveHttp } from "@laster/net/http";
import { formatAddress } from "@laster/net/transport";
import { queryWith, ResiliencePolicy } from "@laster/resilience";
import { Tracing } from "@laster/tracing";
import { exitWith, orExit, parseArguments } from "./command_line.ts";

const options = parseArguments({
  settings: { value: fileURLToPath(new URL("settings.jsonc", import.meta.url)), help: "file of settings" },
  database: { value: ":memory:", help: "file of the database" },
});
const settings = await orExit(() => loadSettings(options.settings));
const logger = new LeveledLogger(consoleLogger({ level: "debug" }), settings.logLevel);
const queries = new QueryQueue({ driver: sqliteDriver({ path: options.database }) });
await orExit(() => queries.query("create table if not exists visits (address text, reason text, messages integer)"));

const database = new ResiliencePolicy({ logger });
const guarded = guard(settings.guard);
const metrics = new Metrics();
const tracing = new Tracing({ sampled: 0.01 });
const { DASHBOARD_TOKEN: token } = process.env;
const dashboards = token === undefined ? [] : [new Dashboard({ token })];
const service = new TcpService({
  ...settings.service,
  codec: lengthPrefixed({ controlFrames: true }),
  logger,
  admission: guarded.admission,
  observers: [...guarded.observers, metrics, tracing, ...dashboards],
  onMessage: guarded.protect<undefined>(tracing.wrap((session, payload) => {
    if (tracing.send(session, payload) === "congested") return session.drained();
  })),
  onClose({ remoteAddress, stats }, { reason }) {
    const visit = [formatAddress(remoteAddress), reason, stats.receivedFrames];
    return queryWith(database, (signal) => queries.query("insert into visits values ($1, $2, $3)", visit, { signal }));
  },
});
metrics.watch(service);
metrics.watchQueries(queries);
metrics.watchPolicy(database, "database");
for (const dashboard of dashboards) dashboard.watch(service);

let http: HttpServer | undefined;
const hosted = await runService(service, { onStopped: () => Promise.all([http?.close(), queries.close()]) });
if (settings.http !== undefined) {
  const pages = dashboards.map(({ handler }) => ["/dashboard/*", handler]);
  const all = { "/*": health(hosted), "/metrics": metrics.handler, ...Object.fromEntries(pages) };
  const { hostname } = settings.http;
  http = await serveHttp(routes(all), settings.http).catch(async (error) => {
    await hosted.stop();
    exitWith(1, error.message);
  });
  console.log(`http on ${formatAddress({ kind: "tcp", hostname, port: http.port })}`);
}

// All but `http` is followed: its page stays where it is until a restart.
await watchSettings(options.settings, {
  apply: async (changed) => {
    await service.reconfigure(changed.service);
    guarded.change(changed.guard ?? {});
    logger.level = changed.logLevel;
  },
  onFault: ({ message }) => logger.error("{message}", { message }),
});
