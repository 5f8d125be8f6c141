// AddressTable: what it forgets and in which order, its bound, and what a call costs.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { ConnectionLimits } from "@laster/net/guard";
import { FakeClock } from "@laster/net/testing";
import type { Address } from "@laster/net";
import { AddressTable } from "../../src/guard/address_table.ts";
import { printedRandom } from "../random.ts";

const from = (index: number) => ({
  remoteAddress: {
    kind: "tcp",
    hostname: `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`,
    port: 5,
  } as Address,
});

test("ConnectionLimits remembers maxAddresses at the most, also with connections that stay, for any number of rounds", () => {
  const bounds = { maxAddresses: 1_000, perSecond: 2 ** 31 - 1, perAddressPerSecond: 1_000_000 };
  const limits = new ConnectionLimits({ ...bounds, clock: new FakeClock() });
  for (let player = 0; player < 500; player++) limits.admit(from(player));
  for (let round = 1; round <= 5; round++) {
    for (let index = 0; index < 5_000; index++) {
      const request = from(round * 5_000 + index);
      if (limits.admit(request) === undefined) limits.release(request);
    }
    assertEquals(limits.addresses, 1_000, `round ${round}`);
  }
  assertEquals(limits.countOf(from(0).remoteAddress), 1);
});

test("AddressTable.use() of a full table walks over no entries", () => {
  const table = new AddressTable(100, () => ({ held: 0 }));
  for (let key = 0; key < 100; key++) table.use(key);
  let walks = 0;
  const methods = [Symbol.iterator, "keys", "values", "entries", "forEach"] as const;
  const own = Object.getOwnPropertyDescriptors(Map.prototype);
  for (const name of methods) {
    const { value } = own[name as keyof typeof own] as PropertyDescriptor;
    const counted = function (this: Map<unknown, unknown>, ...parameters: unknown[]): unknown {
      walks++;
      return value.apply(this, parameters);
    };
    Object.defineProperty(Map.prototype, name, { value: counted, configurable: true, writable: true });
  }
  try {
    for (let key = 100; key < 1_000; key++) table.use(key);
  } finally {
    for (const name of methods) {
      Object.defineProperty(Map.prototype, name, own[name as keyof typeof own] as PropertyDescriptor);
    }
  }
  assertEquals([table.size, walks], [100, 0]);
});

test("AddressTable forgets what was used least recently and is not held, as a plain list of keys does", () => {
  const random = printedRandom("address table");
  for (let round = 0; round < 50; round++) {
    const most = 1 + Math.floor(random() * 6);
    const table = new AddressTable(most, () => ({ held: 0 }));
    /** The keys, the least recently used first, and how often each is held. */
    let model: { readonly key: number; held: number }[] = [];
    const forgetOldest = () => {
      const oldest = model.find(({ held }) => held === 0);
      model = model.filter((entry) => entry !== oldest);
    };
    for (let step = 0; step < 200; step++) {
      const key = Math.floor(random() * 12);
      const known = model.find((entry) => entry.key === key);
      const draw = random();
      if (draw < 0.5) {
        const entry = known ?? { key, held: 0 };
        model = model.filter((other) => other !== entry);
        if (known === undefined && model.length >= most) forgetOldest();
        model.push(entry);
        assertEquals(table.use(key).held, entry.held);
      } else if (draw < 0.75) {
        if (known === undefined) continue;
        known.held++;
        table.hold(key);
      } else {
        const isHeld = known !== undefined && known.held > 0;
        if (isHeld && --known.held === 0) {
          model = [...model.filter((other) => other !== known), known];
          if (model.length > most) forgetOldest();
        }
        assertEquals(table.release(key), isHeld);
      }
      const held = model.filter((entry) => entry.held > 0).length;
      assertEquals(table.size <= Math.max(most, held + 1), true);
      for (let other = 0; other < 12; other++) {
        assertEquals(table.peek(other)?.held, model.find((entry) => entry.key === other)?.held, `key ${other}`);
      }
    }
  }
});
