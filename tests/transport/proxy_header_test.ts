// The headers of the PROXY protocol: those of the specification and of haproxy, cut anywhere, and what is none.

import test from "node:test";
import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionError } from "@laster/net";
import { LONGEST_PROXY_HEADER, parseProxyHeader, ProxyHeaderReader } from "../../src/transport/proxy_header.ts";
import { PROXY_HEADERS, type RecordedHeader } from "../data/proxy_headers.ts";
import { bytes, text } from "../support.ts";
import { check } from "../property.ts";

const v2 = (...words: readonly number[]) =>
  new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, ...words]);
const tcp4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb];

/** Reads header and message cut into pieces of one length. */
function readInPieces(all: Uint8Array, pieceBytes: number): readonly unknown[] {
  const reader = new ProxyHeaderReader();
  for (let at = 0; at < all.length; at += pieceBytes) {
    const header = reader.read(all.subarray(at, at + pieceBytes));
    if (header === undefined) continue;
    const left = all.subarray(Math.min(all.length, at + pieceBytes));
    return [header.source, text(new Uint8Array([...header.rest, ...left]))];
  }
  return ["not whole"];
}

for (const { by, hex, source } of PROXY_HEADERS as readonly RecordedHeader[]) {
  test(`a header is read however it is cut: ${by}`, () => {
    const header = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    const all = new Uint8Array([...header, ...bytes("hello")]);
    for (const pieceBytes of [1, 2, 3, 7, 16, all.length]) {
      assertEquals(readInPieces(all, pieceBytes), [source, "hello"], `in pieces of ${pieceBytes}`);
    }
    for (let length = 0; length < header.length; length++) {
      assertEquals(parseProxyHeader(header.subarray(0, length)), undefined, `${length} bytes are not whole`);
    }
  });
}

test("what the specification has besides is read, and says nothing of the source", () => {
  const nobody = ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"].map(bytes);
  nobody.push(v2(0x20, 0x00, 0, 0), v2(0x20, 0x11, 0, 12, ...tcp4), v2(0x21, 0x00, 0, 3, 1, 2, 3));
  nobody.push(v2(0x21, 0x31, 0, 216, ...new Array(216).fill(65)), v2(0x21, 0x12, 0, 12, ...tcp4));
  for (const header of nobody) assertEquals(parseProxyHeader(header), { bytes: header.length, source: undefined });
  const withExtras = v2(0x21, 0x11, 0, 18, ...tcp4, 0x03, 0, 3, 1, 2, 3);
  const source = { kind: "tcp", hostname: "192.0.2.7", port: 56_324 } as const;
  assertEquals(parseProxyHeader(withExtras), { bytes: withExtras.length, source });
  const mapped = [...new Array(10).fill(0), 0xff, 0xff, 192, 0, 2, 7];
  assertEquals(parseProxyHeader(v2(0x21, 0x21, 0, 36, ...mapped, ...mapped, 0xdc, 0x04, 0, 1))?.source, source);
});

test("what is no header is refused, as soon as it can be told", () => {
  const none = [
    "X",
    "GET / HTTP/1.1\r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\n",
    "PROXY TCP4 192.0.2.256 10.0.0.1 56324 443\r\n",
    "PROXY TCP4 ::1 ::1 56324 443\r\n",
    "PROXY TCP6 192.0.2.7 10.0.0.1 56324 443\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 1 443 more\r\n",
    "PROXY UDP4 192.0.2.7 10.0.0.1 56324 443\r\n",
    "proxy TCP4 192.0.2.7 10.0.0.1 56324 443\r\n",
    `PROXY TCP4 ${"1".repeat(100)}`,
  ].map(bytes);
  none.push(v2(0x11, 0x11, 0, 12), v2(0x22, 0x11, 0, 12), v2(0x21, 0x11, 0, 11), v2(0x21, 0x11, 0xff, 0xff));
  none.push(new Uint8Array([0x0d, 0x0a, 0x0d, 0x0b]));
  for (const header of none) {
    const error = assertThrows(() => parseProxyHeader(header), ConnectionError, undefined, text(header));
    assertEquals(error.code, "proxy-header-invalid");
  }
});

test("version 1: a source has one form, as runtimes write it, and both ends must be addresses", () => {
  const sourceOf = (line: string) => parseProxyHeader(bytes(`PROXY ${line}\r\n`))?.source;
  const forms = [
    ["::ffff:c000:207", "192.0.2.7"],
    ["::FFFF:192.0.2.7", "192.0.2.7"],
    ["0:0:0:0:0:FFFF:C000:0207", "192.0.2.7"],
    ["2001:DB8::000A", "2001:db8::a"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
  ];
  for (const [given, hostname] of forms) {
    assertEquals(sourceOf(`TCP6 ${given} ::1 56324 443`), { kind: "tcp", hostname, port: 56_324 }, given);
  }
  assertEquals(sourceOf("TCP4 0.10.20.100 10.0.0.1 0 0"), { kind: "tcp", hostname: "0.10.20.100", port: 0 });
  const none = [
    "TCP4 010.1.2.3 10.0.0.1 56324 443",
    "TCP4 10.1.2.03 10.0.0.1 56324 443",
    "TCP4 10.1.2.3 10.0.0.01 56324 443",
    "TCP4 10.1.2.3 x 56324 443",
    "TCP4 10.1.2.3 ::1 56324 443",
    "TCP4 10.1.2.3 10.0.0.1 56324 99999",
    "TCP4 10.1.2.3 10.0.0.1 056 443",
    "TCP4 10.1.2.3 10.0.0.1 56324 0443",
    "TCP6 ::ffff:010.1.2.3 ::1 56324 443",
    "TCP6 fe80::1%eth0 ::1 56324 443",
    "TCP6 ::1 fe80::1%eth0 56324 443",
    "TCP6 ::1 10.0.0.1 56324 443",
  ];
  for (const line of none) {
    const error = assertThrows(() => sourceOf(line), ConnectionError, undefined, line);
    assertEquals(error.code, "proxy-header-invalid");
  }
});

test("any bytes are a header, none, or not whole, and never more than a header may have", () => {
  const start = fc.constantFrom(
    new Uint8Array(),
    bytes("PROXY TCP4 "),
    bytes("PROXY "),
    v2(),
    v2(0x21),
    v2(0x21, 0x11),
  );
  check(
    fc.property(start, fc.uint8Array({ maxLength: 5_000 }), (begin, more) => {
      const all = new Uint8Array([...begin, ...more]);
      try {
        const header = parseProxyHeader(all);
        if (header === undefined) assert(all.length < LONGEST_PROXY_HEADER);
        else assert(header.bytes <= all.length && header.bytes <= LONGEST_PROXY_HEADER);
      } catch (error) {
        assert(error instanceof ConnectionError && error.code === "proxy-header-invalid", String(error));
      }
    }),
    1_000,
  );
});
