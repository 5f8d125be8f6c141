// Conformance: odd arguments end in typed errors, and a handler's fault ends its own connection only. An error that nothing
// catches fails the case by itself. Runtime neutral.

import { ConnectError, ListenError } from "../../../errors.ts";
import { type Address, formatAddress } from "../../../transport/address.ts";
import { equals, holds, rejects } from "../check.ts";
import { withTimeout } from "../waiting.ts";
import { ANY_PORT, openListener } from "./bench.ts";
import { patternBytes } from "./pattern.ts";
import { Probe } from "./probe.ts";
import { benchCase, type TransportSuite } from "./suite.ts";

const ODD_HOSTS = ["a\0b", "x".repeat(300), "x".repeat(70_000), "a b", "1.2.3.4.5", "http://localhost"];
const ODD_PATHS = [
  "/tmp/laster\0b",
  `/tmp/${"x".repeat(200)}`,
  `/tmp/${"x".repeat(70_000)}`,
  "/no/such/directory",
  "/",
];

/** Declares the cases. */
export function faultCases(suite: TransportSuite): void {
  benchCase(suite, "goes on listening if onConnection throws, and drops the connection", async (bench) => {
    const accepted: Probe[] = [];
    const opening = bench.transport.listen(ANY_PORT, {
      onConnection: (connection) => {
        accepted.push(new Probe(connection, suite.settings.timeoutMs).start());
        if (accepted.length === 1) throw new Error("The application has failed");
      },
      onAcceptError: () => {},
    });
    const listener = await openListener(opening, suite.settings.timeoutMs);
    try {
      const first = await bench.dial(listener.address).catch(() => undefined);
      first?.start();
      await first?.until("an end or a close", () => first.ends > 0).catch(() => first.closed());
      equals(await accepted[0].closed(), {}, "what onClose brought");
      const second = (await bench.dial(listener.address)).start();
      await second.send(patternBytes(10));
      await accepted[1].received(10);
      accepted[1].abort();
      await accepted[1].closed();
    } finally {
      await listener.close();
    }
  });

  if (!suite.settings.isSystem) return;

  const addresses: readonly Address[] = [
    ...ODD_HOSTS.map((hostname) => ({ kind: "tcp", hostname, port: 9 }) as const),
    ...ODD_PATHS.map((path) => ({ kind: "unix", path }) as const),
  ];
  for (const address of addresses) {
    const name = nameOf(address);

    benchCase(suite, `has a reason not to dial ${name}`, async (bench) => {
      const dialling = () => withTimeout(bench.transport.connect(address), "the dial", suite.settings.timeoutMs);
      checkReason((await rejects(dialling, ConnectError)).code, address);
    }, address.kind);

    benchCase(suite, `has a reason not to listen on ${name}`, async (bench) => {
      const handler = { onConnection: () => {}, onAcceptError: () => {} };
      const listening = () =>
        withTimeout(bench.transport.listen(address, handler), "the listener", suite.settings.timeoutMs);
      checkReason((await rejects(listening, ListenError)).code, address);
    }, address.kind);
  }

  const { makePeer = suite.settings.makeTransport } = suite.settings;
  benchCase(suite, "takes every call on a connection that is gone", async (bench) => {
    const [accepted, dialled] = await bench.pair("tcp", { dialler: makePeer() });
    accepted.start();
    dialled.abort();
    await accepted.closed();
    accepted.pause();
    equals([accepted.probe(true), accepted.probe(false)], [false, false], "the answers of probe()");
    accepted.resume();
    accepted.discardInput();
    equals(
      [accepted.write(patternBytes(10)), accepted.connection.heldBytes],
      [false, 0],
      "the answer of write(), and heldBytes",
    );
    accepted.shutdown();
    accepted.close();
    accepted.abort();
    await bench.settle();
  });
}

/** What an odd address is called: some are very long. */
function nameOf(address: Address): string {
  const text = formatAddress(address);
  const name = JSON.stringify(text.slice(0, 20));
  return text.length > 20 ? `${name}, ${text.length} characters long` : name;
}

/** A wrong host must not be found. For a wrong path any known code will do, as runtimes differ. */
function checkReason(code: string, address: Address): void {
  if (address.kind === "tcp") equals(code, "host-not-found", "the error's code");
  else holds(code !== "unknown", "the error's code is unknown");
}
