// Tests of readCertificateNames(): the names of certificates that are put together here, and bytes that are none. Runtime neutral.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { readCertificateNames } from "../../src/transport/certificate_names.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A value of DER with a body of less than 64 KiB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = parts.flatMap((part) => [...part]);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return Uint8Array.from([tag, ...length, ...body]);
}

const COMMON_NAME = [0x55, 4, 3];
const ORGANIZATION = [0x55, 4, 10];
const DOMAIN = [9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 25];
const UNKNOWN = [0x2a, 3, 0x87, 0x68];

function attribute(type: readonly number[], value: Uint8Array): Uint8Array {
  return der(0x30, der(6, Uint8Array.from(type)), value);
}

/** A certificate with what is read of it, and nothing else. */
function certificate(subject: readonly Uint8Array[], altNames?: readonly Uint8Array[], version = true): Uint8Array {
  const nothing = der(0x30);
  const extension = altNames &&
    der(0x30, der(6, Uint8Array.of(0x55, 0x1d, 17)), der(1, Uint8Array.of(255)), der(4, der(0x30, ...altNames)));
  const other = der(0x30, der(6, Uint8Array.of(0x55, 0x1d, 19)), der(4, nothing));
  return der(
    0x30,
    der(
      0x30,
      ...(version ? [der(0xa0, der(2, Uint8Array.of(2)))] : []),
      der(2, Uint8Array.of(1)),
      nothing,
      nothing,
      nothing,
      der(0x30, ...subject),
      nothing,
      ...(extension === undefined ? [] : [der(0xa3, der(0x30, other, extension))]),
    ),
    nothing,
  );
}

function subjectOf(...sets: readonly (readonly [readonly number[], Uint8Array])[]): string {
  return readCertificateNames(certificate(sets.map(([type, value]) => der(0x31, attribute(type, value))))).subject;
}

const utf8 = (text: string) => der(12, encode(text));

test("readCertificateNames() writes a subject in the order of the certificate, and escapes it", () => {
  assertEquals(subjectOf([COMMON_NAME, utf8("ann")], [ORGANIZATION, utf8("players")]), "CN=ann,O=players");
  assertEquals(subjectOf([ORGANIZATION, utf8("players")], [COMMON_NAME, utf8("ann")]), "O=players,CN=ann");
  assertEquals(subjectOf([COMMON_NAME, utf8("ann,O=players")]), "CN=ann\\,O=players");
  assertEquals(subjectOf([DOMAIN, der(22, encode("x"))], [DOMAIN, der(22, encode("y"))]), "DC=x,DC=y");
  assertEquals(subjectOf([COMMON_NAME, utf8('a+"b"\\<c>;=#d')]), 'CN=a\\+\\"b\\"\\\\\\<c\\>\\;=#d');
  assertEquals(subjectOf([COMMON_NAME, utf8(" # ")], [COMMON_NAME, utf8("#")]), "CN=\\ #\\ ,CN=\\#");
  assertEquals(subjectOf([COMMON_NAME, utf8(" ")], [COMMON_NAME, utf8("")]), "CN=\\ ,CN=");
  assertEquals(subjectOf([COMMON_NAME, utf8("a\0b\nO=c")]), "CN=a\\00b\\0aO=c");
  assertEquals(subjectOf([COMMON_NAME, utf8("Ännchen")]), "CN=Ännchen");
  assertEquals(subjectOf([COMMON_NAME, der(20, Uint8Array.of(0xc4))]), "CN=Ä");
  assertEquals(subjectOf([COMMON_NAME, der(30, Uint8Array.of(0, 0xc4, 0, 0x2c))]), "CN=Ä\\,");
  assertEquals(
    subjectOf([UNKNOWN, utf8("x")], [COMMON_NAME, der(2, Uint8Array.of(7))]),
    "1.2.3.1000=#0c0178,CN=#020107",
  );
  assertEquals(subjectOf([COMMON_NAME, der(12, Uint8Array.of(0xff))]), "CN=#0c01ff", "no UTF-8");
  assertEquals(subjectOf(), "");
  const both = der(0x31, attribute(COMMON_NAME, utf8("ann")), attribute(ORGANIZATION, utf8("players")));
  assertEquals(readCertificateNames(certificate([both], undefined, false)).subject, "CN=ann+O=players");
});

test("readCertificateNames() writes alternative names, and puts odd ones in quotes", () => {
  const names = [
    der(0x82, encode("*.a.example")),
    der(0x87, Uint8Array.of(192, 0, 2, 1)),
    der(0x87, Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
    der(0x87, Uint8Array.of(1)),
    der(0x81, encode("a@b.c")),
    der(0x86, encode("https://x/y?z=1")),
    der(0x82, encode("x, DNS:root")),
    der(0x82, encode("it's")),
    der(0x86, Uint8Array.of(0x61, 0, 0xff, 0x22, 0x5c)),
    der(0xa4, der(0x30, der(0x31, attribute(COMMON_NAME, utf8("ann"))))),
    der(0x88, Uint8Array.from(UNKNOWN)),
  ];
  assertEquals(
    readCertificateNames(certificate([], names)).subjectAltName?.split(", "),
    [
      "DNS:*.a.example",
      "IP Address:192.0.2.1",
      "IP Address:2001:DB8:0:0:0:0:0:1",
      "IP Address:#01",
      "email:a@b.c",
      "URI:https://x/y?z=1",
      'DNS:"x\\u002c DNS:root"',
      'DNS:"it\'s"',
      'URI:"a\\u0000\\u00ff\\"\\\\"',
      "DirName:CN=ann",
      "other:#88042a038768",
    ],
  );
  assertEquals(readCertificateNames(certificate([])).subjectAltName, undefined);
  assertEquals(readCertificateNames(certificate([], [])).subjectAltName, undefined);
  assertEquals(readCertificateNames(certificate([], [der(0x82, encode("a"))], false)).subjectAltName, "DNS:a");
});

test("readCertificateNames() takes bytes that are no certificate", () => {
  const whole = certificate([der(0x31, attribute(COMMON_NAME, utf8("ann")))], [der(0x82, encode("a"))]);
  for (let end = 0; end < whole.length; end++) {
    assertEquals(readCertificateNames(whole.subarray(0, end)), { subject: "", subjectAltName: undefined }, `${end}`);
  }
  for (const bytes of [[0x30, 0x80, 0, 0], [0x30, 0x85, 0, 0, 0, 0, 0], [0x30, 0x84, 255, 255, 255, 255], [0x30]]) {
    assertEquals(readCertificateNames(Uint8Array.from(bytes)).subject, "");
  }
});
