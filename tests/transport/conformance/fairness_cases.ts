// Conformance: neither floods, nor deferred work, nor a storm of connects keep the others from being served.
// Runtime neutral.

import { assert } from "@std/assert";
import { systemClock } from "../../../src/clock.ts";
import type { Connection } from "../../../src/transport/transport.ts";
import type { Bench } from "../../../src/testing/conformance/transport/bench.ts";
import { Child } from "./child.ts";
import { patternBytes } from "../../../src/testing/conformance/transport/pattern.ts";
import type { Probe } from "../../../src/testing/conformance/transport/probe.ts";
import { benchCase, type TransportSuite } from "../../../src/testing/conformance/transport/suite.ts";
import { Waiting } from "../../../src/testing/conformance/waiting.ts";

/** Messages to and fro beside the flood. */
const ROUNDS = 100;

/**
 * What the flood may bring for each of them on average. Measured: 1 to 5 MB, 27 MB with `node:net` under Deno, which
 * polls for other sockets once in 61 turns while one is always ready. A quiet connection that starves gets no round.
 */
const MOST_BYTES_A_ROUND = 134_217_728;

/** Connections that flood, the pieces of work that a chunk of theirs costs, and what each of those takes. */
const FLOODS = 4;
const PIECES_A_CHUNK = 32;
const WORK_MS = 0.5;

/** Messages to and fro beside those, and for how many pieces of work one of them may wait: 6 to 30 are usual. */
const BUSY_ROUNDS = 20;
const MOST_WORK_A_ROUND = 200;

/** What the system keeps of a storm that is not accepted yet; Bun's is 512. */
const STORM_BACKLOG = 64;

/** Declares the cases. */
export function fairnessCases(suite: TransportSuite): void {
  benchCase(suite, "serves a quiet connection while another process floods", async (bench) => {
    const quiet = await quietPair(bench);
    const listening = await bench.listen();
    const port = (listening.listener.address as { port: number }).port;
    const child = new Child("flood_child.ts", { arguments: [`${port}`], openFiles: 256 });
    try {
      const flooded = await listening.accept();
      flooded.checksPattern = false;
      flooded.start();
      await flooded.until("the flood", () => flooded.receivedBytes > 16_777_216);
      const before = flooded.receivedBytes;
      for (let round = 1; round <= ROUNDS; round++) await exchange(quiet, round);
      const bytesARound = (flooded.receivedBytes - before) / ROUNDS;
      assert(bytesARound > 0, "the flood has stopped");
      assert(bytesARound < MOST_BYTES_A_ROUND, `the flood brought ${bytesARound} bytes a round`);
    } finally {
      await child.kill();
    }
  });

  benchCase(suite, "serves a quiet connection while others flood and their work is deferred", async (bench) => {
    const quiet = await quietPair(bench);
    const clock = systemClock();
    const listening = await bench.listen();
    listening.onConnection = (flooded) => {
      flooded.checksPattern = false;
      flooded.hooks.onData = () => {
        flooded.pause();
        let pieces = 0;
        const goOn = () => {
          work();
          if (++pieces < PIECES_A_CHUNK) clock.defer(goOn);
          else if (flooded.closes === 0) flooded.resume();
        };
        clock.defer(goOn);
      };
      flooded.start();
    };
    const port = (listening.listener.address as { port: number }).port;
    const child = new Child("flood_child.ts", { arguments: [`${port}`, `${FLOODS}`], openFiles: 256 });
    try {
      await listening.accept(FLOODS);
      for (const flooded of listening.accepted) {
        await flooded.until("a chunk", () => flooded.receivedBytes > 0);
      }
      const before = bytesOf(listening.accepted);
      await busyRounds(quiet, () => bytesOf(listening.accepted) > before);
    } finally {
      await child.kill();
    }
  });

  for (const ending of ["close", "reset"] as const) {
    benchCase(suite, `serves a quiet connection in a storm of connects that ${ending} at once`, async (bench) => {
      const quiet = await quietPair(bench);
      const storm = new Storm();
      const listener = await bench.transport.listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, {
        onConnection: (connection) => storm.take(connection),
        onAcceptError: () => {},
      }, { backlog: STORM_BACKLOG });
      const port = (listener.address as { port: number }).port;
      const child = new Child("storm_child.ts", { arguments: [`${port}`, ending], openFiles: 1_024 });
      try {
        await child.line("dialled");
        const before = child.count("dialled");
        await busyRounds(quiet, () => child.count("dialled") > before);
      } finally {
        await child.kill();
        await storm.waiting.until("the connections to be gone", () => storm.open === 0);
        await listener.close();
      }
    });
  }
}

/** Takes connections, and closes each once its peer has ended. */
class Storm {
  readonly waiting = new Waiting();
  open = 0;

  take(connection: Connection): void {
    this.open++;
    work();
    connection.start({
      onData: () => {},
      onEnd: () => connection.close(),
      onDrain: () => {},
      onClose: () => {
        this.open--;
        this.waiting.look();
      },
    });
    this.waiting.look();
  }
}

/** An accepted end that answers each byte with one, and its peer. */
async function quietPair(bench: Bench): Promise<Probe> {
  const [quiet, quietPeer] = await bench.pair("tcp");
  quiet.hooks.onData = () => void quiet.write(patternBytes(1, quiet.receivedBytes - 1));
  quiet.start();
  return quietPeer.start();
}

async function exchange(quietPeer: Probe, round: number): Promise<void> {
  await quietPeer.send(patternBytes(1, round - 1));
  await quietPeer.received(round);
}

/** Has messages go to and fro, until what they compete with has gone on for long enough. */
async function busyRounds(quietPeer: Probe, isEnough: () => boolean): Promise<void> {
  const waits: number[] = [];
  for (let round = 1; round <= BUSY_ROUNDS || !isEnough(); round++) {
    const before = worked;
    await exchange(quietPeer, round);
    waits.push(worked - before);
  }
  waits.sort((one, other) => one - other);
  const typical = waits[waits.length >> 1];
  assert(
    typical < MOST_WORK_A_ROUND,
    `a message to and fro waited for ${typical} pieces of work, at worst ${waits.at(-1)}`,
  );
}

function bytesOf(probes: readonly Probe[]): number {
  return probes.reduce((bytes, { receivedBytes }) => bytes + receivedBytes, 0);
}

/** Pieces of work that were done. */
let worked = 0;

function work(): void {
  worked++;
  const endMs = performance.now() + WORK_MS;
  while (performance.now() < endMs) continue;
}
