// Conformance: the options of TCP. What a transport has does what it says; what it lacks is refused. Runtime neutral.

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectError, ListenError } from "../../../src/errors.ts";
import type { Address } from "../../../src/transport/address.ts";
import type { DialOptions, ListenOptions } from "../../../src/transport/socket_options.ts";
import type { TransportCapabilities } from "../../../src/transport/capabilities.ts";
import { benchCase, type Suite } from "./suite.ts";
import type { Bench } from "./bench.ts";
import type { Probe } from "./probe.ts";

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
/** A peer on loopback acknowledges a lone small segment 40 ms later, once it has answered a few times. */
const DELAYED_MS = 20;
const WARM_UP_ROUNDS = 24;
const TIMED_ROUNDS = 5;

/** Declares the cases. */
export function optionCases(suite: Suite): void {
  const transport = suite.makeTransport();
  const has = (capability: keyof TransportCapabilities) => transport.capabilities?.[capability] !== "missing";

  benchCase(suite, "refuses the options that its capabilities lack, and no other", async (bench) => {
    for (const [capability, options] of LISTENS) {
      const listen = () => bench.listen(undefined, options);
      if (has(capability)) await listen();
      else assertEquals((await assertRejects(listen, ListenError)).code, "unsupported");
    }
    const { listener } = await bench.listen();
    for (const [capability, options] of DIALS) {
      const dial = () => bench.dial(listener.address, options);
      if (has(capability)) await dial();
      else assertEquals((await assertRejects(dial, ConnectError)).code, "unsupported");
    }
  });

  benchCase(suite, "refuses options of TCP for a Unix socket", async (bench) => {
    const address = await bench.address("unix");
    for (const [, options] of LISTENS) {
      assertEquals((await assertRejects(() => bench.listen(address, options), ListenError)).code, "unsupported");
    }
    await bench.listen(address);
    for (const [, options] of DIALS) {
      assertEquals((await assertRejects(() => bench.dial(address, options), ConnectError)).code, "unsupported");
    }
  });

  if (!suite.capabilities.isSystem) return;

  if (has("localAddress")) {
    benchCase(suite, "dials from the address that it is given", async (bench) => {
      const listening = await bench.listen();
      const dialled = await bench.dial(listening.listener.address, { localAddress: "127.0.0.9" });
      const accepted = await listening.accept();
      for (const { hostname } of [dialled.connection.localAddress, accepted.connection.remoteAddress] as Tcp[]) {
        assertEquals(hostname, "127.0.0.9");
      }
    });
  }

  if (has("reusePort")) {
    benchCase(suite, "listens twice on a port with reusePort, and not without", async (bench) => {
      const first = await bench.listen(undefined, { reusePort: true });
      const { address } = first.listener;
      const second = await bench.listen(address, { reusePort: true });
      const error = await assertRejects(() => bench.listen(address), ListenError);
      assertEquals(error.code, "address-in-use");
      // The system spreads: of so many, all in one place is a chance of 2^-39.
      for (let count = 0; count < 40; count++) await bench.dial(address);
      await bench.settle();
      assert(first.accepted.length > 0 && second.accepted.length > 0, "both have some");
      assertEquals(first.accepted.length + second.accepted.length, 40);
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
    assertEquals((await assertRejects(() => dial("127.0.0.1"), ConnectError)).code, "refused");
    await dial("::1");
    await only.accept();
  });

  const behaviour = "holds small writes back if no-delay is off, and not else";
  if (process.platform === "linux") {
    for (const end of ["accepted", "dialled"] as const) {
      benchCase(suite, `${behaviour} (${end})`, async (bench) => {
        assert(await timeSecondWrite(bench, end, true) < DELAYED_MS, "no-delay");
        assert(await timeSecondWrite(bench, end, false) >= DELAYED_MS, "delay");
      });
    }
  } else test(behaviour, { skip: "the time is Linux'" }, () => {});
}

type Tcp = Extract<Address, { kind: "tcp" }>;

/** The time from one small write to the arrival of the next: the median of a few, in milliseconds. */
async function timeSecondWrite(bench: Bench, end: "accepted" | "dialled", noDelay: boolean): Promise<number> {
  const listening = await bench.listen(undefined, { noDelay });
  const dialled = await bench.dial(listening.listener.address, { noDelay });
  const accepted = await listening.accept();
  const [writer, reader] = end === "accepted" ? [accepted, dialled] : [dialled, accepted];
  for (const probe of [writer, reader]) {
    probe.checksPattern = false;
    probe.start();
  }
  const byte = new Uint8Array(1);
  const passes = async (from: Probe, to: Probe) => {
    const before = to.receivedBytes;
    await from.send(byte);
    await to.received(before + 1);
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    await passes(writer, reader);
    await passes(reader, writer);
  }
  const times: number[] = [];
  for (let round = 0; round < TIMED_ROUNDS; round++) {
    const before = reader.receivedBytes;
    const startMs = performance.now();
    await writer.send(byte);
    await reader.received(before + 1);
    await writer.send(byte);
    await reader.received(before + 2);
    times.push(performance.now() - startMs);
    await passes(reader, writer);
  }
  return times.sort((one, other) => one - other)[TIMED_ROUNDS >> 1];
}
