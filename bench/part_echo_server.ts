// Ours of the rows on what parts cost: an echo server as production has it, with one of the parts, or with none.

import { configure, getLogger } from "@logtape/logtape";
import { LeveledLogger } from "@laster/config";
import { Metrics } from "@laster/metrics";
import { silentLogger, simpleBinary, TcpService, type TcpServiceOptions } from "@laster/net";
import { guard, type MessageHandler } from "@laster/net/guard";
import { FlightRecorder } from "@laster/net/recorder";
import { defaultTransport } from "@laster/net/transport";
import { Tracing } from "@laster/tracing";
import { parseArguments, runServer } from "../examples/command_line.ts";
import { setUpSdk } from "../packages/tracing/tests/sdk.ts";
import { PART_KINDS } from "./server_kinds.ts";

const SCRAPE_MS = 1_000;

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
  part: { value: "none", help: "what it has", choices: ["none", ...PART_KINDS] },
});

const echo: MessageHandler<undefined> = (session, payload) => {
  if (session.send(payload) === "congested") return session.drained();
};

/** What the part adds to a service, and what begins once it runs. */
interface Part extends Pick<TcpServiceOptions<undefined>, "admission" | "logger" | "observers" | "transport"> {
  readonly onMessage?: MessageHandler<undefined>;
  readonly begin?: (service: TcpService<undefined>) => void;
}

const PARTS: Record<(typeof PART_KINDS)[number], () => Part | Promise<Part>> = {
  /** Whatever can be switched off, switched off. */
  off() {
    const tracing = new Tracing({ sampled: 0 });
    const guarded = guard({ connections: false, load: false, slowPeers: false, messages: false });
    return {
      admission: guarded.admission,
      logger: new LeveledLogger(silentLogger(), "off"),
      observers: [...guarded.observers, tracing],
      onMessage: guarded.protect(tracing.wrap(echo)),
    };
  },
  metrics() {
    const metrics = new Metrics();
    return {
      observers: [metrics],
      begin(service) {
        metrics.watch(service);
        const scrape = async () => await (await metrics.handler(new Request("http://localhost/metrics"))).text();
        setInterval(scrape, SCRAPE_MS).unref();
      },
    };
  },
  async logs() {
    const written: unknown[] = [];
    const sinks = { memory: (record: unknown) => written.splice(0, 1, record) };
    await configure({ sinks, loggers: [{ category: "game", lowestLevel: "info", sinks: ["memory"] }] });
    return { logger: getLogger(["game", "net"]) };
  },
  traces() {
    setUpSdk();
    const tracing = new Tracing({ sampled: 0.01 });
    return { observers: [tracing], onMessage: tracing.wrap(echo) };
  },
  guard() {
    // Rates that no load reaches.
    const guarded = guard({ messages: { messagesPerSecond: 1e6, bytesPerSecond: 1e9 } });
    return { admission: guarded.admission, observers: guarded.observers, onMessage: guarded.protect(echo) };
  },
  recorder() {
    const recorder = new FlightRecorder();
    return { transport: recorder.wrap(defaultTransport()), observers: [recorder] };
  },
};

const kind = PART_KINDS.find((name) => name === options.part);
const { begin, ...part }: Part = kind === undefined ? {} : await PARTS[kind]();
const service = new TcpService<undefined>({
  codec: simpleBinary(),
  listeners: [{ hostname: options.host, port: options.port }],
  onMessage: echo,
  ...part,
});
begin?.(service);
await runServer(service);
