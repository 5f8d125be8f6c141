// What a refused connection costs: CPU microseconds of the server, beside one that is accepted, opened and closed. A client in a
// process of its own dials, and waits for the end. In turns, the median of the rounds. Run it on each runtime:
// `node bench/refusal_cost.ts`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { silentLogger, TcpService, type TcpServiceOptions } from "@laster/net";

const ROUNDS = 9;
const CONNECTIONS = 2_000;
/** How many the client has open at a time. */
const AT_A_TIME = 50;

if (process.argv[2] === "dial") await dial(Number(process.argv[3]));
else await measureAll();

async function measureAll(): Promise<void> {
  const kinds: Readonly<Record<string, TcpServiceOptions<undefined>>> = {
    accepted: { onOpen: (session) => session.close() },
    refused: { admission: [{ admit: () => "nobody" }] },
    "refused as there are too many": { maxConnections: 1 },
  };
  const times = new Map<string, number[]>(Object.keys(kinds).map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round++) { // The first one warms up.
    for (const [name, options] of Object.entries(kinds)) {
      const time = await measure(options);
      if (round >= 0) times.get(name)?.push(time);
    }
  }
  const median = (values: readonly number[]) => values.toSorted((left, right) => left - right)[values.length >> 1];
  const accepted = times.get("accepted") ?? [];
  for (const [name, all] of times) {
    const ratio = median(all.map((time, round) => time / accepted[round]));
    console.log(`${name.padEnd(30)} ${median(all).toFixed(1)} µs of CPU a connection, ${ratio.toFixed(2)} of accepted`);
  }
  process.exit();
}

/** CPU microseconds a connection. */
async function measure(options: TcpServiceOptions<undefined>): Promise<number> {
  const listeners = [{ hostname: "127.0.0.1", port: 0 }];
  await using service = new TcpService({ listeners, logger: silentLogger(), ...options });
  await service.start();
  const { port = 0 } = service;
  const holder = options.maxConnections === 1 ? connect(port, "127.0.0.1") : undefined;
  if (holder !== undefined) await once(holder, "connect");
  const flags = "Deno" in globalThis ? ["run", "--quiet", "--allow-all"] : [];
  const start = process.cpuUsage();
  const client = spawn(process.execPath, [...flags, fileURLToPath(import.meta.url), "dial", String(port)], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = await once(client, "exit");
  const { user, system } = process.cpuUsage(start);
  holder?.destroy();
  const { openedSessions, refusedConnections } = service.stats();
  if (code !== 0 || openedSessions + refusedConnections < CONNECTIONS) {
    throw new Error(`the client ended with ${code}: ${openedSessions} opened, ${refusedConnections} refused`);
  }
  return (user + system) / CONNECTIONS;
}

/** Dials again and again, and waits for the end of each. */
async function dial(port: number): Promise<void> {
  let left = CONNECTIONS;
  const one = async () => {
    while (left-- > 0) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {}); // A reset is an end, too.
      socket.on("end", () => socket.end());
      socket.resume();
      await new Promise((resolve) => socket.on("close", resolve));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  process.exit();
}
