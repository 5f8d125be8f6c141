// Conformance: odd arguments end in typed errors, and a handler's faults in its own connection. What nobody catches fails the
// case by itself. Runtime neutral.

import { assertEquals, assertRejects } from "@std/assert";
import { ConnectError, ListenError } from "../../../src/errors.ts";
import { nodeTransport } from "../../../src/transport/node.ts";
import { type Address, formatAddress } from "../../../src/transport/address.ts";
import { patternBytes, Probe } from "./probe.ts";
import { benchCase, type Suite } from "./suite.ts";
import { withTimeout } from "./waiting.ts";

const ODD_HOSTS = ["a\0b", "x".repeat(300), "x".repeat(70_000), "a b", "1.2.3.4.5", "http://localhost"];
const ODD_PATHS = [
  "/tmp/laster\0b",
  `/tmp/${"x".repeat(200)}`,
  `/tmp/${"x".repeat(70_000)}`,
  "/no/such/directory",
  "/",
];

/** Declares the cases. */
export function faultCases(suite: Suite): void {
  benchCase(suite, "goes on listening if onConnection throws, and drops the connection", async (bench) => {
    const accepted: Probe[] = [];
    const listener = await bench.transport.listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, {
      onConnection: (connection) => {
        accepted.push(new Probe(connection).start());
        if (accepted.length === 1) throw new Error("The application has failed");
      },
      onAcceptError: () => {},
    });
    try {
      const first = await bench.dial(listener.address).catch(() => undefined);
      first?.start();
      await first?.until("an end or a close", () => first.ends > 0).catch(() => first.closed());
      assertEquals(await accepted[0].closed(), {});
      const second = (await bench.dial(listener.address)).start();
      await second.send(patternBytes(10));
      await accepted[1].received(10);
      accepted[1].abort();
      await accepted[1].closed();
    } finally {
      await listener.close();
    }
  });

  if (!suite.capabilities.isSystem) return;

  const addresses: readonly Address[] = [
    ...ODD_HOSTS.map((hostname) => ({ kind: "tcp", hostname, port: 9 }) as const),
    ...ODD_PATHS.map((path) => ({ kind: "unix", path }) as const),
  ];
  for (const address of addresses) {
    const name = JSON.stringify(formatAddress(address).slice(0, 20));

    benchCase(suite, `has a reason not to dial ${name}`, async (bench) => {
      const dialling = () => withTimeout(bench.transport.connect(address), "the dial");
      assertReason((await assertRejects(dialling, ConnectError)).code, address);
    });

    benchCase(suite, `has a reason not to listen on ${name}`, async (bench) => {
      const handler = { onConnection: () => {}, onAcceptError: () => {} };
      const listening = () => withTimeout(bench.transport.listen(address, handler), "the listener");
      assertReason((await assertRejects(listening, ListenError)).code, address);
    });
  }

  benchCase(suite, "takes every call on a connection that is gone", async (bench) => {
    const [accepted, dialled] = await bench.pair("tcp", { dialler: nodeTransport() });
    accepted.start();
    dialled.abort();
    await accepted.closed();
    accepted.pause();
    assertEquals([accepted.probe(true), accepted.probe(false)], [false, false]);
    accepted.resume();
    accepted.discardInput();
    assertEquals([accepted.write(patternBytes(10)), accepted.connection.heldBytes], [false, 0]);
    accepted.shutdown();
    accepted.close();
    accepted.abort();
    await bench.settle();
  });
}

/** A host must not be found; where a path leads is told apart by some runtimes only. */
function assertReason(code: string, address: Address): void {
  if (address.kind === "tcp") assertEquals(code, "host-not-found");
  else assertEquals(code === "unknown", false, code);
}
