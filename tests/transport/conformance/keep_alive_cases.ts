// Conformance: TCP keep-alive, as the system tells of it. Runtime neutral.

import { readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import type { TcpAddress } from "../../../src/transport/address.ts";
import { until } from "../../support.ts";
import type { Probe } from "../../../src/testing/conformance/transport/probe.ts";
import { benchCase, type TransportSuite } from "../../../src/testing/conformance/transport/suite.ts";
import type { SystemTraits } from "./system_traits.ts";

/** Linux counts the time until a timer fires in hundredths of a second. */
const TICK_MS = 10;
const KEEP_ALIVE_TIMER = "02";

/** Declares the cases. Behind the first probe come others that the system does not tell of: see `SystemTraits.keepAliveMs`. */
export function keepAliveCases(suite: TransportSuite, { keepAliveMs: mostMs }: SystemTraits): void {
  const behaviour = "asks a silent peer for a sign of life";
  if (process.platform !== "linux") {
    suite.add(behaviour, () => {}, "only Linux tells of its timers, in /proc/net/tcp");
    return;
  }
  if (suite.settings.capabilities?.keepAliveDelay !== "missing") {
    benchCase(suite, "asks after the delay that it is given", async (bench) => {
      const keepAlive = { delayMs: 7_000 };
      const startMs = performance.now();
      const listening = await bench.listen(undefined, { keepAlive });
      const dialled = await bench.dial(listening.listener.address, { keepAlive });
      for (const end of [await listening.accept(), dialled]) {
        await until(() => timerOf(end).timer === KEEP_ALIVE_TIMER, "keep-alive is on");
        const { dueMs } = timerOf(end);
        const elapsedMs = performance.now() - startMs;
        assert(
          dueMs <= 7_000 + TICK_MS && dueMs >= 7_000 - TICK_MS - elapsedMs,
          `the first probe is due in ${dueMs} ms, after ${elapsedMs} ms`,
        );
      }
    });
  }
  benchCase(suite, "asks nobody if keep-alive is off", async (bench) => {
    const listening = await bench.listen(undefined, { keepAlive: false });
    const dialled = await bench.dial(listening.listener.address, { keepAlive: false });
    const accepted = await listening.accept();
    // An accepted one that would ask does so two seconds later at the most.
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 2_200, "it would be on");
    for (const end of [accepted, dialled]) assertEquals(timerOf(end).timer, "00");
  });
  benchCase(suite, behaviour, async (bench) => {
    for (const end of await bench.pair("tcp")) {
      await until(() => timerOf(end).timer === KEEP_ALIVE_TIMER, "keep-alive is on: two seconds at the most");
      const { timer, dueMs } = timerOf(end);
      assert(timer === KEEP_ALIVE_TIMER, `timer ${timer} is not that of keep-alive`);
      assert(
        dueMs <= mostMs + TICK_MS && dueMs > mostMs / 2,
        `the first probe is due in ${dueMs} ms, not in ${mostMs}`,
      );
    }
  });
}

/** What the system's table says of a socket: `local remote state queues timer:due`, in hexadecimal. */
function timerOf({ connection }: Probe): { timer: string; dueMs: number } {
  const ports = [connection.localAddress, connection.remoteAddress].map((address) => portOf(address as TcpAddress));
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, local = "", remote = "", , , when = ""] = line.trim().split(/\s+/);
    if (!local.endsWith(ports[0]) || !remote.endsWith(ports[1])) continue;
    const [timer, due] = when.split(":");
    return { timer, dueMs: Number.parseInt(due, 16) * TICK_MS };
  }
  throw new Error(`No connection of the ports ${ports}`);
}

function portOf({ port }: TcpAddress): string {
  return `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}
