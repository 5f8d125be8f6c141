import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type AddressOptions, formatAddress, resolveAddress, tcpAddress } from "../../src/transport/address.ts";

test("resolveAddress() fills in the host", () => {
  assertEquals(resolveAddress({ port: 0 }, "0.0.0.0"), { kind: "tcp", hostname: "0.0.0.0", port: 0 });
  assertEquals(resolveAddress({ hostname: "::1", port: 65_535 }, "0.0.0.0"), {
    kind: "tcp",
    hostname: "::1",
    port: 65_535,
  });
});

test("resolveAddress() takes a path", () => {
  assertEquals(resolveAddress({ path: "/run/game.sock" }, "0.0.0.0"), { kind: "unix", path: "/run/game.sock" });
});

test("resolveAddress() refuses what is neither or both", () => {
  const refused: AddressOptions[] = [{}, { hostname: "a" }, { path: "/a", port: 1 }, { path: "/a", hostname: "a" }, {
    path: "",
  }, { hostname: "", port: 1 }];
  for (const options of refused) assertThrows(() => resolveAddress(options, "0.0.0.0"), TypeError);
});

test("resolveAddress() refuses a port that is out of range", () => {
  for (const port of [-1, 65_536, 1.5, NaN, Infinity]) {
    assertThrows(() => resolveAddress({ port }, "0.0.0.0"), RangeError);
  }
});

test("tcpAddress() writes a mapped IPv4 address in its own form, and no other", () => {
  const hostnames = [
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::FFFF:10.0.0.1", "10.0.0.1"],
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::ffff:1", "::ffff:1"],
    ["fe80::ffff:1.2.3.4", "fe80::ffff:1.2.3.4"],
    ["", ""],
  ];
  for (const [given, expected] of hostnames) assertEquals(tcpAddress(given, 1).hostname, expected);
});

test("formatAddress() puts IPv6 in brackets and marks Unix paths", () => {
  assertEquals(formatAddress({ kind: "tcp", hostname: "127.0.0.1", port: 80 }), "127.0.0.1:80");
  assertEquals(formatAddress({ kind: "tcp", hostname: "::1", port: 80 }), "[::1]:80");
  assertEquals(formatAddress({ kind: "unix", path: "/run/a.sock" }), "unix:/run/a.sock");
});
