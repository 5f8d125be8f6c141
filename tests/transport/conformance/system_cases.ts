// Conformance: what only sockets of a system have: delayed small packets, full queues, scarce descriptors. The other
// processes are started once a case. Runtime neutral.

import { existsSync } from "node:fs";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectError } from "../../../src/errors.ts";
import { nodeTransport } from "../../../src/transport/node.ts";
import type { Address } from "../../../src/transport/address.ts";
import type { Bench } from "../../../src/testing/conformance/transport/bench.ts";
import { Child } from "./child.ts";
import { patternBytes } from "../../../src/testing/conformance/transport/pattern.ts";
import type { Probe } from "../../../src/testing/conformance/transport/probe.ts";
import { benchCase, endCase, type TransportSuite } from "../../../src/testing/conformance/transport/suite.ts";
import { withTimeout } from "../../../src/testing/conformance/waiting.ts";
import type { SystemTraits } from "./system_traits.ts";

/** With delays of 40 ms, as the system makes them without no-delay, this many round trips take a second. */
const DELAY_ROUNDS = 25;
const DELAYED_MS = DELAY_ROUNDS * 40;

/** More than the 512 that Bun keeps whatever the backlog is, in steps. */
const DIALS_A_STEP = 64;
const MOST_STEPS = 12;

/** So many connections are read from in one turn of the event loop. */
const READY_TOGETHER = 5;

/** Enough for every runtime to start, and few enough to use up. */
const OPEN_FILES = 100;

/** With a pause that doubles from 5 ms, ten errors take 3 seconds; without one there are thousands. */
const MOST_ERRORS = 20;

/** Connections of the process that dies. */
const DYING_CONNECTIONS = 50;

/** Declares the cases. */
export function systemCases(suite: TransportSuite, traits: SystemTraits): void {
  benchCase(
    suite,
    "calls afterPoll back behind all connections that were ready together, if it can",
    async (bench) => {
      const afterPoll = bench.transport.traits?.afterPoll;
      assertEquals(afterPoll !== undefined, traits.hasAfterPoll);
      if (afterPoll === undefined) return;
      const pairs = [];
      for (let count = 0; count < READY_TOGETHER; count++) pairs.push(await bench.pair("tcp"));
      for (const [accepted] of pairs) accepted.start();
      await bench.settle();
      const log: string[] = [];
      const called = Promise.withResolvers<void>();
      for (const [accepted] of pairs) {
        accepted.hooks.onData = () => {
          if (log.push("chunk") > 1) return;
          afterPoll(() => {
            log.push("afterPoll");
            called.resolve();
          });
        };
      }
      for (const [, dialled] of pairs) dialled.write(patternBytes(1));
      await withTimeout(called.promise, "afterPoll");
      assertEquals(log, [...pairs.map(() => "chunk"), "afterPoll"]);
    },
  );

  endCase(suite, "does not hold small writes back (no-delay)", async ({ subject, peer }) => {
    let answered = 0;
    peer.hooks.onData = () => {
      if (peer.receivedBytes % 14 === 0) peer.write(patternBytes(1, answered++));
    };
    subject.start();
    peer.start();
    const startMs = performance.now();
    for (let round = 1; round <= DELAY_ROUNDS; round++) {
      const position = (round - 1) * 14;
      await subject.send(patternBytes(4, position));
      await subject.send(patternBytes(10, position + 4));
      await subject.received(round);
    }
    const elapsedMs = performance.now() - startMs;
    assert(elapsedMs < DELAYED_MS / 2, `${DELAY_ROUNDS} round trips took ${elapsedMs} ms`);
  });

  benchCase(suite, "aborts a dial that gets no answer", async (bench) => {
    const child = new Child("silent_child.ts", { arguments: [], openFiles: 256 });
    try {
      const port = Number(await child.line("port"));
      await abortPendingDials(bench, { kind: "tcp", hostname: "127.0.0.1", port });
    } finally {
      await child.kill();
    }
  });

  benchCase(suite, "accepts again after it ran out of descriptors", async (bench) => {
    const child = new Child("echo_child.ts", { arguments: [bench.transport.name], openFiles: OPEN_FILES });
    try {
      const port = Number(await child.line("port"));
      const address: Address = { kind: "tcp", hostname: "127.0.0.1", port };
      await useUpFiles(bench, child, address, traits);
      if (traits.outOfFiles === "fatal") return;
      const dialled = (await bench.dial(address)).start();
      await echo(dialled, 1);
      assertEquals(child.count("error unknown"), 0, "connections that were dead when accepted, reported as errors");
      assertEquals(child.count("nameless"), 0, "connections that were dead when accepted, handed over");
    } finally {
      await child.kill();
    }
  });

  benchCase(suite, "finds the reset of a process that floods, never reads, and dies", async (bench) => {
    const listening = await bench.listen();
    listening.onConnection = (probe) => {
      probe.checksPattern = false;
      probe.hooks.onData = (chunk) => {
        if (!probe.write(chunk.slice())) probe.pause();
      };
      probe.hooks.onDrain = () => probe.resume();
      probe.start();
    };
    const port = (listening.listener.address as { port: number }).port;
    const child = new Child("flood_child.ts", { arguments: [`${port}`, `${DYING_CONNECTIONS}`], openFiles: 256 });
    await listening.accept(DYING_CONNECTIONS);
    const { accepted } = listening;
    for (const probe of accepted) await probe.until("a chunk", () => probe.receivedBytes > 0);
    await child.kill();
    for (const probe of accepted) await probe.probeUntil(() => probe.closes > 0, false, () => bench.settle());
  });

  benchCase(suite, "removes the path of a Unix socket on close", async (bench) => {
    const listening = await bench.listen(bench.address("unix"));
    const { path } = listening.listener.address as { path: string };
    assertEquals(existsSync(path), true);
    await listening.listener.close();
    assertEquals(existsSync(path), false);
  }, "unix");
}

/** Dials until the queue of a listener that does not accept is full; what gets no answer then is aborted. */
async function abortPendingDials(bench: Bench, address: Address): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const pending = new Set<Promise<Probe>>();
  for (let step = 0; step < MOST_STEPS && pending.size === 0; step++) {
    for (let count = 0; count < DIALS_A_STEP; count++) {
      const dialling = bench.dial(address, { signal });
      pending.add(dialling);
      dialling.then(() => pending.delete(dialling), () => {});
    }
    await bench.settle();
  }
  assert(pending.size > 0, "no dial without an answer");
  const outcomes = [...pending];
  controller.abort();
  for (const dialling of outcomes) {
    const error = await assertRejects(() => withTimeout(dialling, "an aborted dial"), ConnectError);
    assertEquals(error.code, "aborted");
  }
}

/** Dials more than the child has descriptors for, sees it run out, and lets both sides drop all of them. */
async function useUpFiles(bench: Bench, child: Child, address: Address, { outOfFiles }: SystemTraits): Promise<void> {
  const dialled: Probe[] = [];
  // By `node:net`, which can reset: those that wait in the queue are dead then when they are accepted.
  for (let count = 0; count < OPEN_FILES; count++) {
    dialled.push((await bench.dial(address, {}, nodeTransport())).start());
  }
  for (let round = 1; round <= 20; round++) await echo(dialled[0], round);
  const accepted = child.count("accepted");
  assert(accepted < dialled.length, `${accepted} of ${dialled.length} accepted`);
  if (outOfFiles === "reported") await child.line("error too-many-files");
  assert(child.count("error") < MOST_ERRORS, `${child.count("error")} errors: the accept loop spins`);
  for (const probe of dialled) probe.abort();
  child.say("free");
  await child.line("freed");
}

async function echo(probe: Probe, round: number): Promise<void> {
  await probe.send(patternBytes(10, 10 * (round - 1)));
  await probe.received(10 * round);
}
