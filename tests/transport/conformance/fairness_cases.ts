// Conformance: a connection that floods does not hold the others up. Counts, not times.
// Runtime neutral.

import { assert } from "@std/assert";
import { Child } from "./child.ts";
import { patternBytes } from "./probe.ts";
import { benchCase, type Suite } from "./suite.ts";

/** Messages to and fro beside the flood. */
const ROUNDS = 100;

/**
 * What the flood may bring for each of them on average. Measured: 1 to 5 MB, 27 MB with `node:net` under Deno, which
 * polls for other sockets once in 61 turns while one is always ready. A quiet connection that starves gets no round.
 */
const MOST_BYTES_A_ROUND = 134_217_728;

/** Declares the cases. */
export function fairnessCases(suite: Suite): void {
  benchCase(suite, "serves a quiet connection while another process floods", async (bench) => {
    const [quiet, quietPeer] = await bench.pair("tcp");
    const listening = await bench.listen();
    const port = (listening.listener.address as { port: number }).port;
    const child = new Child("flood_child.ts", { arguments: [`${port}`], openFiles: 256 });
    try {
      const flooded = await listening.accept();
      flooded.checksPattern = false;
      flooded.start();
      await flooded.until("the flood", () => flooded.receivedBytes > 16_777_216);
      quiet.hooks.onData = () => void quiet.write(patternBytes(1, quiet.receivedBytes - 1));
      quiet.start();
      quietPeer.start();
      const before = flooded.receivedBytes;
      for (let round = 1; round <= ROUNDS; round++) {
        await quietPeer.send(patternBytes(1, round - 1));
        await quietPeer.received(round);
      }
      const bytesARound = (flooded.receivedBytes - before) / ROUNDS;
      assert(bytesARound > 0, "the flood has stopped");
      assert(bytesARound < MOST_BYTES_A_ROUND, `the flood brought ${bytesARound} bytes a round`);
    } finally {
      await child.kill();
    }
  });
}
