// Conformance: the options of TCP. What a transport has does what it says; what it lacks is refused. Runtime neutral.

import { ConnectError, ListenError } from "../../../errors.ts";
import { equals, holds, rejects } from "../check.ts";
import { benchCase, type TransportSuite } from "./suite.ts";
import type { Address } from "../../../transport/address.ts";
import type { TransportCapabilities } from "../../../transport/capabilities.ts";
import type { DialOptions, ListenOptions } from "../../../transport/socket_options.ts";

/** Every option, by the capability that it asks for. */
const LISTENS: readonly (readonly [keyof TransportCapabilities, ListenOptions])[] = [
  ["keepAlive", { keepAlive: false }],
  ["keepAlive", { keepAlive: true }],
  ["keepAliveDelay", { keepAlive: { delayMs: 30_000 } }],
  ["noDelay", { noDelay: false }],
  ["ipv6Only", { ipv6Only: true }],
  ["reusePort", { reusePort: true }],
];
const DIALS: readonly (readonly [keyof TransportCapabilities, DialOptions])[] = [
  ["keepAlive", { keepAlive: false }],
  ["keepAliveDelay", { keepAlive: { delayMs: 30_000 } }],
  ["noDelay", { noDelay: false }],
  ["localAddress", { localAddress: "127.0.0.1" }],
];

/** Declares the cases. */
export function optionCases(suite: TransportSuite): void {
  const { capabilities, isSystem } = suite.settings;
  const has = (capability: keyof TransportCapabilities) =>
    capabilities !== undefined && capabilities[capability] !== "missing";

  benchCase(suite, "refuses the options that its capabilities lack, and no other", async (bench) => {
    for (const [capability, options] of LISTENS) {
      const listen = () => bench.listen(undefined, options);
      if (has(capability)) await listen();
      else equals((await rejects(listen, ListenError)).code, "unsupported", "the error's code");
    }
    const { listener } = await bench.listen();
    for (const [capability, options] of DIALS) {
      const dial = () => bench.dial(listener.address, options);
      if (has(capability)) await dial();
      else equals((await rejects(dial, ConnectError)).code, "unsupported", "the error's code");
    }
  });

  benchCase(suite, "refuses options of TCP for a Unix socket", async (bench) => {
    const address = await bench.address("unix");
    for (const [, options] of LISTENS) {
      equals(
        (await rejects(() => bench.listen(address, options), ListenError)).code,
        "unsupported",
        "the error's code",
      );
    }
    await bench.listen(address);
    for (const [, options] of DIALS) {
      equals((await rejects(() => bench.dial(address, options), ConnectError)).code, "unsupported", "the error's code");
    }
  }, "unix");

  if (!isSystem) return;

  if (has("localAddress")) {
    benchCase(suite, "dials from the address that it is given", async (bench) => {
      const listening = await bench.listen();
      const dialled = await bench.dial(listening.listener.address, { localAddress: "127.0.0.9" });
      const accepted = await listening.accept();
      for (const { hostname } of [dialled.connection.localAddress, accepted.connection.remoteAddress] as Tcp[]) {
        equals(hostname, "127.0.0.9", "the host name");
      }
    });
  }

  if (has("reusePort")) {
    benchCase(suite, "listens twice on a port with reusePort, and not without", async (bench) => {
      const first = await bench.listen(undefined, { reusePort: true });
      const { address } = first.listener;
      const second = await bench.listen(address, { reusePort: true });
      const error = await rejects(() => bench.listen(address), ListenError);
      equals(error.code, "address-in-use", "the error's code");
      // The system spreads them at random: the chance that all go to one listener is 2^-39.
      for (let count = 0; count < 40; count++) await bench.dial(address);
      await bench.settle();
      holds(first.accepted.length > 0 && second.accepted.length > 0, "one of the two listeners has no connection");
      equals(first.accepted.length + second.accepted.length, 40, "the connections accepted");
    });
  }

  benchCase(suite, "takes IPv4 too on `::`, unless told otherwise", async (bench) => {
    const wanted: Address = { kind: "tcp", hostname: "::", port: 0 };
    const both = await bench.listen(wanted);
    const { port } = both.listener.address as Tcp;
    await bench.dial({ kind: "tcp", hostname: "127.0.0.1", port });
    await both.accept();
    if (!has("ipv6Only")) return;
    const only = await bench.listen(wanted, { ipv6Only: true });
    const ipv6Port = (only.listener.address as Tcp).port;
    const dial = (hostname: string) => bench.dial({ kind: "tcp", hostname, port: ipv6Port });
    equals((await rejects(() => dial("127.0.0.1"), ConnectError)).code, "refused", "the error's code");
    await dial("::1");
    await only.accept();
  });
}

type Tcp = Extract<Address, { kind: "tcp" }>;
