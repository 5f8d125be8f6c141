// SimulatedNetwork: connections are told apart, and faults last as long as they are injected for.

import test from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { SimulatedLink } from "../../src/testing/simulation/simulated_network.ts";
import { World } from "../../src/testing/simulation/world.ts";
import type { ConnectionHandler } from "../../src/transport/transport.ts";

const PORTS = 65_536 - 49_152;
const ADDRESS = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const NOBODY: ConnectionHandler = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };

/** A network with a listener that starts what it accepts. */
async function makeNetwork() {
  const { clock, network } = new World({ seed: 1, conditions: {}, mayFail: () => false });
  const run = (durationMs: number) => {
    const untilMs = clock.now() + durationMs;
    while (clock.runNext(untilMs) !== undefined);
  };
  await network.transport.listen(ADDRESS, {
    onConnection: (connection) => connection.start(NOBODY),
    onAcceptError: () => {},
  });
  const dial = async (): Promise<SimulatedLink> => {
    const dialled = network.transport.connect(ADDRESS);
    run(1_000);
    (await dialled).start(NOBODY);
    return [...network.links].at(-1) as SimulatedLink;
  };
  return { network, run, dial };
}

test("SimulatedNetwork tells connections apart once all ports were used, and forgets those that are gone", async () => {
  const { network, dial } = await makeNetwork();
  const first = await dial();
  for (let count = 1; count < PORTS; count++) {
    const { dialled, accepted } = await dial();
    dialled.abort();
    accepted.abort();
  }
  assert(network.links.size <= 2, `${network.links.size} links`);
  const again = await dial();
  assertEquals(again.dialled.localAddress, first.dialled.localAddress);
  for (const end of [again.dialled, again.accepted]) {
    assertStrictEquals(network.find(end.localAddress, end.remoteAddress), end);
  }
});
