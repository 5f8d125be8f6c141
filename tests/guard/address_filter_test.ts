// Addresses and blocks of them: what is read, what is refused, and who may come in.

import test from "node:test";
import fc from "fast-check";
import { BlockList } from "node:net";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AddressFilter } from "@laster/net/guard";
import { isLoopback, parseBlock, parseIp } from "../../src/transport/ip_address.ts";
import { check } from "../property.ts";

test("parseIp() reads the usual forms, and nothing else", () => {
  const one = parseIp("192.0.2.1");
  assertEquals(one, [0, 0, 0xffff, 0xc0000201]);
  for (const same of ["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:c000:0201"]) {
    assertEquals(parseIp(same), one);
  }
  assertEquals(parseIp("2001:db8::8a2e:370:7334"), [0x20010db8, 0, 0x8a2e, 0x03707334]);
  assertEquals(parseIp("fe80::1%eth0"), [0xfe800000, 0, 0, 1]);
  assertEquals(parseIp("0.10.200.0"), [0, 0, 0xffff, 0x000ac800]);
  assertEquals(parseIp("1:2::3:1.2.3.4"), [0x00010002, 0, 0x0000_0003, 0x01020304]);
  assertEquals(parseIp("1:2:3:4:5:6:1.2.3.4"), [0x00010002, 0x00030004, 0x00050006, 0x01020304]);
  assertEquals([parseIp("::"), parseIp("::1")], [[0, 0, 0, 0], [0, 0, 0, 1]]);
  const wrong = [
    "",
    "1",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    "01.2.3.x",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "g::",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::1.2.3",
    "a.example",
    "010.1.1.1",
    "1.2.3.00",
    "00000001.2.3.4",
    "::ffff:1.02.3.4",
    "1.2.3.4::",
    "1.2.3.4::1",
    "1::1.2.3.4::",
    "::1.2.3.4:1",
  ];
  for (const text of wrong) assertEquals(parseIp(text), undefined, text);
});

test("parseBlock() clears what is behind its length, and refuses what is none", () => {
  assertEquals(parseBlock("192.0.2.77/24"), { words: [0, 0, 0xffff, 0xc0000200], bits: 120 });
  assertEquals(parseBlock("0.0.0.0/0"), { words: [0, 0, 0xffff, 0], bits: 96 });
  assertEquals(parseBlock("2001:db8:ffff::/33"), { words: [0x20010db8, 0x80000000, 0, 0], bits: 33 });
  assertEquals(parseBlock("::/0"), { words: [0, 0, 0, 0], bits: 0 });
  for (const text of ["", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/x", "1.2.3.4/8/8", "::/129", "/8", 5, null, undefined]) {
    assertThrows(() => parseBlock(text as string), TypeError, "must be an address or a block");
  }
});

test("isLoopback() knows this machine's own addresses", () => {
  const words = (text: string) => parseIp(text) ?? [1, 1, 1, 1] as const;
  for (const own of ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"]) assert(isLoopback(words(own)), own);
  for (const other of ["128.0.0.1", "10.0.0.1", "::2", "::"]) assert(!isLoopback(words(other)), other);
});

test("AddressFilter lets in whom the lists say, and changes while it is used", () => {
  const filter = new AddressFilter({ allow: ["10.0.0.0/8", "2001:db8::/32"], deny: ["10.1.0.0/16"] });
  const allowed = ["10.0.0.1", "::ffff:10.2.3.4", "2001:db8:1::1"];
  for (const address of allowed) assert(filter.isAllowed(address), address);
  for (const address of ["10.1.2.3", "11.0.0.1", "::ffff:10.1.2.3", "2001:db9::1", "nonsense"]) {
    assert(!filter.isAllowed(address), address);
  }
  filter.deny("10.0.0.1");
  assert(!filter.isAllowed("10.0.0.1"));
  assert(filter.undeny("10.0.0.1") && filter.isAllowed("10.0.0.1"));
  assert(!filter.undeny("10.0.0.1"), "it is not denied");
  const tcp = (hostname: string) => ({ remoteAddress: { kind: "tcp", hostname, port: 1 } as const });
  assertEquals([filter.admit(tcp("10.1.0.1")), filter.admit(tcp("10.2.0.1"))], ["address-denied", undefined]);
  assertEquals(filter.admit({ remoteAddress: { kind: "unix", path: "" } }), undefined);
  assert(!new AddressFilter({ allow: [] }).isAllowed("10.0.0.1"), "an empty list is nobody");
  assert(new AddressFilter({ deny: ["::/0"] }).isAllowed("10.0.0.1") === false, "all of IPv6 is all of IPv4, mapped");
});

test("AddressFilter says what node:net's BlockList says", () => {
  const octet = fc.integer({ min: 0, max: 3 });
  const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
  const rule = fc.tuple(address, fc.integer({ min: 1, max: 32 }));
  check(fc.property(fc.array(rule, { maxLength: 20 }), fc.array(address, { minLength: 1 }), (rules, addresses) => {
    const filter = new AddressFilter({ deny: rules.map(([start, bits]) => `${start}/${bits}`) });
    const list = new BlockList();
    for (const [start, bits] of rules) list.addSubnet(start, bits);
    for (const one of addresses) assertEquals(!filter.isAllowed(one), list.check(one), one);
  }));
});

test("parseIp() and parseBlock() take any text, and refuse it by their own error only", () => {
  const part = fc.constantFrom(
    "0",
    "255",
    "256",
    "1",
    ":",
    "::",
    ".",
    "/",
    "24",
    "129",
    "ffff",
    "g",
    "%",
    " ",
    "-1",
    "",
  );
  const near = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(""));
  check(
    fc.property(fc.oneof(near, fc.string()), (value) => {
      const words = parseIp(value);
      assert(
        words === undefined || words.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32),
        value,
      );
      try {
        const { bits } = parseBlock(value);
        assert(bits >= 0 && bits <= 128, value);
      } catch (error) {
        assert(
          error instanceof TypeError && error.message.startsWith("Cannot use address rule"),
          `${value}: ${error}`,
        );
      }
    }),
    1_000,
  );
});
