// SimulatedNetwork: connections are told apart, and faults last as long as they are injected for.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ConnectError } from "../../src/errors.ts";
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

test("SimulatedConnection.stall() lasts until the last of several stalls ends, whichever came first", async () => {
  for (const [first, second] of [[1_000, 5_000], [5_000, 1_000]]) {
    const { run, dial } = await makeNetwork();
    const { dialled, accepted } = await dial();
    accepted.stall(first);
    accepted.stall(second);
    dialled.write(new Uint8Array(1), 0, 1);
    run(4_999);
    assertEquals(dialled.out.readBytes, 0);
    run(1);
    assertEquals(dialled.out.readBytes, 1);
  }
});

test("SimulatedNetwork.silence() lasts until the last of several silences ends, whichever came first", async () => {
  for (const [first, second] of [[1_000, 5_000], [5_000, 1_000]]) {
    const { network, run, dial } = await makeNetwork();
    network.silence(first);
    network.silence(second);
    run(4_999);
    const unanswered = assertRejects(() => network.transport.connect(ADDRESS), ConnectError, "no answer came in time");
    run(1);
    await dial();
    run(130_000);
    await unanswered;
  }
});
