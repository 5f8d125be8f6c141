// Tests of transportCases(): each transport that is broken is found by the case that is about it, which the sound one passes
// (tests/transport/memory_test.ts runs all of them). Runtime neutral.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type ConformanceCase, memoryTransport, transportCases, type TransportCasesOptions } from "@laster/net/testing";
import type { TransportCapabilities } from "@laster/net/transport";
import { BROKEN_TRANSPORTS, withHandlers } from "./broken_transports.ts";

/** A broken transport may wait for what never comes. */
const TIMEOUT_MS = 1_000;

function findCase(wanted: string, options: TransportCasesOptions): ConformanceCase {
  const found = transportCases({ isSystem: false, ...options }).filter(({ group, name }) =>
    `${group}: ${name}` === wanted
  );
  assertEquals(found.length, 1, wanted);
  return found[0];
}

for (const [flaw, { makeTransport, foundBy, fault, timeoutMs = TIMEOUT_MS }] of Object.entries(BROKEN_TRANSPORTS)) {
  test(`transportCases() finds a transport that ${flaw}`, async () => {
    await findCase(foundBy, { makeTransport: () => memoryTransport() }).run();
    await assertRejects(findCase(foundBy, { makeTransport, timeoutMs }).run, Error, fault);
  });
}

test("transportCases() has no two cases of the same name in a group", () => {
  for (const isSystem of [false, true]) {
    const names = transportCases({ makeTransport: () => memoryTransport(), isSystem }).map(({ group, name }) =>
      `${group}: ${name}`
    );
    assertEquals(names.length, new Set(names).size);
  }
});

test("transportCases() skips Unix sockets without a folder, and if there are none", () => {
  const reasons = (options: Partial<TransportCasesOptions>) => {
    const cases = transportCases({ makeTransport: () => memoryTransport(), isSystem: false, ...options });
    return [...new Set(cases.map(({ skip }) => skip))];
  };
  assertEquals(reasons({}), [undefined, "Unix sockets need a folder: the option makeFolder is needed"]);
  assertEquals(reasons({ makeFolder: () => ({ path: "/any", [Symbol.dispose]: () => {} }) }), [undefined]);
  assertEquals(reasons({ networks: ["tcp"] }), [undefined]);
  const makeTransport = withCapabilities({ unixSockets: "missing" });
  assertEquals(reasons({ makeTransport }), [undefined, "it has no Unix sockets"]);
});

test("transportCases() skips what Unix sockets of the system cannot do", () => {
  const makeFolder = () => ({ path: "/any", [Symbol.dispose]: () => {} });
  const skippedOf = (isSystem: boolean) =>
    transportCases({ makeTransport: () => memoryTransport(), makeFolder, isSystem }).filter(({ skip }) =>
      skip !== undefined
    );
  assertEquals(skippedOf(true).map(({ name }) => name), [
    "finds a reset behind unread bytes while paused (accepted, unix)",
    "finds a reset behind unread bytes while paused (dialled, unix)",
    "finds a reset behind the peer's end while paused (accepted, unix)",
    "finds a reset behind the peer's end while paused (dialled, unix)",
  ]);
  assertEquals(skippedOf(false), []);
});

test("transportCases() skips resets without a peer that can send them", () => {
  const makeTransport = withCapabilities({ reset: "missing" });
  const skipsOf = (options: TransportCasesOptions) =>
    transportCases({ networks: ["tcp"], ...options }).filter(({ skip }) => skip !== undefined);
  const skipped = skipsOf({ makeTransport });
  assert(skipped.length > 20);
  assertEquals(new Set(skipped.map(({ group }) => group)), new Set(["break", "watch"]));
  assertEquals(skipped[0].skip, "its abort() sends no reset: the option makePeer is needed");
  assertEquals(skipsOf({ makeTransport, makePeer: () => memoryTransport() }), []);
});

test("transportCases() disposes of the folder of a case at its end, also if it fails", async () => {
  let open = 0;
  const makeFolder = () => {
    open++;
    return { path: "/any", [Symbol.dispose]: () => void open-- };
  };
  const wanted = "data: sends bytes both ways (accepted, unix)";
  await findCase(wanted, { makeTransport: () => memoryTransport(), makeFolder }).run();
  const { makeTransport } = BROKEN_TRANSPORTS["calls the handler from inside of write()"];
  await assertRejects(findCase(wanted, { makeTransport, makeFolder, timeoutMs: TIMEOUT_MS }).run);
  assertEquals(open, 0);
});

test("transportCases() closes the listeners of a case, also if a connection does not close", async () => {
  let open = 0;
  const makeTransport = () => {
    const transport = withHandlers(() => ({ onClose: () => {} }))();
    return {
      ...transport,
      listen: async (...args: Parameters<typeof transport.listen>) => {
        const listener = await transport.listen(...args);
        open++;
        return { ...listener, close: () => (open--, listener.close()) };
      },
    };
  };
  const wanted = "data: sends bytes both ways (accepted, tcp)";
  await assertRejects(findCase(wanted, { makeTransport, timeoutMs: 50 }).run, Error, "within 50 ms: onClose");
  assertEquals(open, 0);
});

test("transportCases() refuses options that make no sense", () => {
  const make = (options: object) => () => transportCases({ makeTransport: () => memoryTransport(), ...options });
  assertThrows(make({ makePeers: 5 }), TypeError);
  assertThrows(make({ networks: ["unix"] }), TypeError);
  for (const timeoutMs of [0, 1.5, 2 ** 31]) assertThrows(make({ timeoutMs }), RangeError);
});

function withCapabilities(changed: Partial<TransportCapabilities>): TransportCasesOptions["makeTransport"] {
  return () => {
    const transport = memoryTransport();
    const { capabilities } = transport;
    assert(capabilities !== undefined);
    return { ...transport, capabilities: { ...capabilities, ...changed } };
  };
}
