// Whom a certificate is for, as texts, read from its bytes (DER: X.690; RFC 5280): `node:tls` tells it in ways that differ by
// runtime, and without escapes on some. Takes any bytes, and throws at none. Runtime neutral.

/** The names of a certificate. */
export interface CertificateNames {
  /** The subject in its own order, by RFC 4514: `CN=ann,O=players`; empty if the bytes are no certificate. */
  readonly subject: string;
  /** The alternative names, as `DNS:a.example, IP Address:192.0.2.1`, odd ones in quotes; undefined if there are none. */
  readonly subjectAltName: string | undefined;
}

/** A value of DER. */
interface Element {
  readonly tag: number;
  readonly body: Uint8Array;
  /** All of it, with its tag and length. */
  readonly whole: Uint8Array;
}

/** Attributes by their object identifiers; one that is not here is written as its numbers. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "GN",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};
const SUBJECT_ALT_NAME = "2.5.29.17";

/** Decoders of texts by tag: UTF-8, the subsets of ASCII, Latin-1, UTF-16. */
const TEXT_ENCODINGS: Readonly<Record<number, string>> = {
  12: "utf-8",
  18: "utf-8",
  19: "utf-8",
  20: "latin1",
  22: "utf-8",
  26: "utf-8",
  30: "utf-16be",
};

/** Tags of a certificate's version and extensions, and of alternative names. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const EMAIL = 0x81;
const DNS = 0x82;
const DIRECTORY = 0xa4;
const URI = 0x86;
const IP = 0x87;

/**
 * Reads the names of a certificate.
 *
 * @param der The certificate.
 * @returns Its names.
 */
export function readCertificateNames(der: Uint8Array): CertificateNames {
  const fields = elementsOf(elementsOf(elementsOf(der)[0]?.body)[0]?.body);
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  const extensions = elementsOf(elementsOf(fields.find(({ tag }) => tag === EXTENSIONS)?.body)[0]?.body);
  const names: string[] = [];
  for (const { body } of extensions) {
    const parts = elementsOf(body);
    if (parts.length < 2 || readIdentifier(parts[0].body) !== SUBJECT_ALT_NAME) continue;
    for (const name of elementsOf(elementsOf(parts[parts.length - 1].body)[0]?.body)) names.push(writeAltName(name));
  }
  return { subject: writeName(subject?.body), subjectAltName: names.length === 0 ? undefined : names.join(", ") };
}

/** The values that are one behind the other in some bytes; none if those are no DER. */
function elementsOf(bytes: Uint8Array | undefined): readonly Element[] {
  const elements: Element[] = [];
  let offset = 0;
  while (bytes !== undefined && offset < bytes.length) {
    const start = offset;
    const tag = bytes[offset++];
    let length = bytes[offset++] ?? NaN;
    if (length >= 128) {
      let count = length - 128;
      if (count === 0 || count > 4) return [];
      for (length = 0; count > 0; count--) length = length * 256 + (bytes[offset++] ?? NaN);
    }
    if (!(offset + length <= bytes.length)) return [];
    const end = offset + length;
    elements.push({ tag, body: bytes.subarray(offset, end), whole: bytes.subarray(start, end) });
    offset = end;
  }
  return elements;
}

/** An object identifier as its numbers; empty for no bytes. */
function readIdentifier(bytes: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of bytes) {
    number = number * 128 + (byte & 127);
    if (byte >= 128) continue;
    if (numbers.length > 0) numbers.push(number);
    else {
      const first = Math.min(Math.floor(number / 40), 2);
      numbers.push(first, number - first * 40);
    }
    number = 0;
  }
  return numbers.join(".");
}

/** A distinguished name; its parts in the order of the bytes. */
function writeName(bytes: Uint8Array | undefined): string {
  const sets = elementsOf(bytes).map(({ body }) => elementsOf(body).map(writeAttribute).join("+"));
  return sets.join(",");
}

function writeAttribute({ body, whole }: Element): string {
  const [type, value] = elementsOf(body);
  if (value === undefined) return `#${toHex(whole)}`;
  const identifier = readIdentifier(type.body);
  const name = Object.hasOwn(ATTRIBUTES, identifier) ? ATTRIBUTES[identifier] : undefined;
  const text = name === undefined ? undefined : readText(value);
  return `${name ?? identifier}=${text === undefined ? `#${toHex(value.whole)}` : escape(text)}`;
}

function readText({ tag, body }: Element): string | undefined {
  if (!Object.hasOwn(TEXT_ENCODINGS, tag)) return undefined;
  try {
    return new TextDecoder(TEXT_ENCODINGS[tag], { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined; // It is written in hexadecimal.
  }
}

/** Escapes a value by RFC 4514, 2.4. */
function escape(text: string): string {
  return text.replace(/["+,;<>\\]|^[ #]| $/g, "\\$&").replace(
    /[^ -~\x80-\u{10ffff}]/gu,
    (char) => `\\${hexOf(char.charCodeAt(0))}`,
  );
}

function writeAltName({ tag, body, whole }: Element): string {
  switch (tag) {
    case EMAIL:
      return `email:${quote(toLatin1(body))}`;
    case DNS:
      return `DNS:${quote(toLatin1(body))}`;
    case URI:
      return `URI:${quote(toLatin1(body))}`;
    case IP:
      return `IP Address:${writeIp(body)}`;
    case DIRECTORY:
      return `DirName:${quote(writeName(elementsOf(body)[0]?.body))}`;
    default:
      return `other:#${toHex(whole)}`;
  }
}

/** Leaves a sound name as it is; an odd one becomes a text in quotes without a comma, as on Node. */
function quote(name: string): string {
  if (!/[^ -~]|["\\,']/.test(name)) return name;
  const escaped = name.replace(/["\\]/g, "\\$&").replace(/[^ -~]|,/g, (char) => `\\u${hexOf(char.charCodeAt(0), 4)}`);
  return `"${escaped}"`;
}

function writeIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return `#${toHex(bytes)}`;
  const groups = Array.from({ length: 8 }, (_, index) => bytes[2 * index] * 256 + bytes[2 * index + 1]);
  return groups.map((group) => group.toString(16).toUpperCase()).join(":");
}

function toLatin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => hexOf(byte)).join("");
}

function hexOf(number: number, digits = 2): string {
  return number.toString(16).padStart(digits, "0");
}
