// An echo server as for production: settings from a file that is watched, a guard, metrics and health over HTTP, a stop in
// order. `deno task production`, `bun examples/production_server.ts`, `node examples/production_server.ts`.

import { fileURLToPath } from "node:url";
import { LeveledLogger, loadSettings, type Settings, watchSettings } from "@laster/config";
import { Metrics } from "@laster/metrics";
import { consoleLogger, lengthPrefixed, TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { runService } from "@laster/net/hosting";
import { health, type HttpServer, routes, serveHttp } from "@laster/net/http";
import { formatAddress } from "@laster/net/transport";
import { exitWith, parseArguments } from "./command_line.ts";

const options = parseArguments({
  settings: { value: fileURLToPath(new URL("settings.jsonc", import.meta.url)), help: "file of settings" },
});

let settings: Settings;
try {
  settings = loadSettings(options.settings);
} catch (error) {
  exitWith(1, error instanceof Error ? error.message : String(error));
}

const logger = new LeveledLogger(consoleLogger({ level: "debug" }), settings.logLevel);
const metrics = new Metrics();
const guarded = guard(settings.guard);
const service = new TcpService({
  ...settings.service,
  codec: lengthPrefixed({ controlFrames: true }),
  logger,
  admission: guarded.admission,
  observers: [...guarded.observers, metrics],
  onMessage: guarded.protect<undefined>((session, payload) => {
    if (session.send(payload) === "congested") return session.drained();
  }),
});
metrics.watch(service);

let http: HttpServer | undefined;
const hosted = await runService(service, { onStopped: () => http?.close() });
if (settings.http !== undefined) {
  try {
    http = await serveHttp(routes({ "/*": health(hosted), "/metrics": metrics.handler }), settings.http);
  } catch (error) {
    await hosted.stop();
    exitWith(1, error instanceof Error ? error.message : String(error));
  }
  console.log(`http on ${formatAddress({ kind: "tcp", hostname: settings.http.hostname, port: http.port })}`);
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
