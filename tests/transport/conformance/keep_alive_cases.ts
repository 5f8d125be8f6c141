// Conformance: TCP keep-alive, as the system tells of it. Runtime neutral.

import { readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import type { TcpAddress } from "../../../src/transport/address.ts";
import type { Bench } from "../../../src/testing/conformance/transport/bench.ts";
import type { Probe } from "../../../src/testing/conformance/transport/probe.ts";
import { benchCase, type TransportSuite } from "../../../src/testing/conformance/transport/suite.ts";
import type { SystemTraits } from "./system_traits.ts";

/** Linux counts the time until a timer fires in hundredths of a second. */
const TICK_MS = 10;
const KEEP_ALIVE_TIMER = "02";
/** A delay that is no default. */
const GIVEN_MS = 9_000;
/** So long it may take until keep-alive is on, on the slowest machine. */
const LATEST_MS = 20_000;
/** Between two looks: the table is long where many connections were. */
const LOOK_MS = 100;

/**
 * Declares one case, as an accepted connection may have keep-alive two seconds later only. Behind the first probe come others that the
 * system does not tell of: see `SystemTraits.keepAliveMs`.
 */
export function keepAliveCases(suite: TransportSuite, { keepAliveMs }: SystemTraits): void {
  const behaviour = "asks a silent peer for a sign of life, after the delay that it is given, or not at all";
  if (process.platform !== "linux") {
    suite.add(behaviour, () => {}, "only Linux tells of its timers, in /proc/net/tcp");
    return;
  }
  const hasDelay = suite.settings.capabilities?.keepAliveDelay !== "missing";
  benchCase(suite, behaviour, async (bench) => {
    const startMs = performance.now();
    await Promise.all([
      expectProbe(await bench.pair("tcp"), keepAliveMs, startMs),
      hasDelay ? expectProbe(await pairWith(bench, { delayMs: GIVEN_MS }), GIVEN_MS, startMs) : undefined,
      expectNone(await pairWith(bench, false)),
    ]);
  });
}

/** The dialled and the accepted end of a connection with a setting of its own. */
async function pairWith(bench: Bench, keepAlive: false | { readonly delayMs: number }): Promise<Probe[]> {
  const listening = await bench.listen(undefined, { keepAlive });
  const dialled = await bench.dial(listening.listener.address, { keepAlive });
  return [dialled, await listening.accept()];
}

/** Expects the first probe after `delayMs` of silence: of those at most the time since `startMs` has passed. */
async function expectProbe(ends: readonly Probe[], delayMs: number, startMs: number): Promise<void> {
  await Promise.all(ends.map(async (end) => {
    let { timer, dueMs } = timerOf(end);
    for (; timer !== KEEP_ALIVE_TIMER; { timer, dueMs } = timerOf(end)) {
      assert(performance.now() - startMs < LATEST_MS, "keep-alive is on");
      await sleep(LOOK_MS);
    }
    const leastMs = delayMs - (performance.now() - startMs);
    assert(
      dueMs <= delayMs + TICK_MS && dueMs > leastMs - TICK_MS,
      `the first probe is due in ${dueMs} ms, not in ${leastMs} to ${delayMs}`,
    );
  }));
}

/** An accepted one that would ask does so two seconds later at the most. */
async function expectNone(ends: readonly Probe[]): Promise<void> {
  await sleep(2_200);
  for (const end of ends) assertEquals(timerOf(end).timer, "00");
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

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function portOf({ port }: TcpAddress): string {
  return `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
}
