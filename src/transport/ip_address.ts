// IP addresses as numbers, and blocks of them (CIDR, RFC 4632 and 4291), for tables that are looked up at each accept. Runtime
// neutral.

import { describeValue } from "../options.ts";

/** An IP address as four words of 32 bits; those of IPv4 are in the last one, behind `0 0 ffff` (RFC 4291, 2.5.5.2). */
export type IpWords = readonly [number, number, number, number];

/** A block of addresses: those that have their first `bits` bits, of 128, in common with `words`. */
export interface IpBlock {
  /** The first address. */
  readonly words: IpWords;
  /** How many bits all of them share, 0 to 128; 96 more than written for IPv4. */
  readonly bits: number;
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;
const GROUP = /^[0-9a-f]{1,4}$/i;
const MAPPED_WORD = 0xffff;
const MAPPED_BITS = 96;

/**
 * Reads an address.
 *
 * @param text IPv4 or IPv6, in any of the usual forms; a zone behind `%` is left out.
 * @returns Its words; undefined if the text is no address.
 */
export function parseIp(text: string): IpWords | undefined {
  if (!text.includes(":")) {
    const word = parseIpv4(text);
    return word === undefined ? undefined : [0, 0, MAPPED_WORD, word];
  }
  const zone = text.indexOf("%");
  return parseIpv6(zone < 0 ? text : text.slice(0, zone));
}

/**
 * Reads a block, `"192.0.2.0/24"`, or an address, which is a block of one.
 *
 * @param text As people write it.
 * @returns The block, with the bits behind its length cleared.
 * @throws {TypeError} if the text is neither an address nor a block.
 */
export function parseBlock(text: string): IpBlock {
  const [address, length, ...rest] = typeof text === "string" ? text.split("/") : [];
  const words = address === undefined ? undefined : parseIp(address);
  const isV4 = address !== undefined && !address.includes(":");
  const most = isV4 ? 32 : 128;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (words === undefined || bits < 0 || bits > most || rest.length > 0) {
    throw new TypeError(
      `Cannot use address rule as it must be an address or a block such as 192.0.2.0/24: current value is ${
        describeValue(text)
      }`,
    );
  }
  const all = isV4 ? MAPPED_BITS + bits : bits;
  return { words: maskWords(words, all), bits: all };
}

/** Clears the bits of an address behind the first `bits`. */
export function maskWords(words: IpWords, bits: number): IpWords {
  return [
    maskWord(words[0], bits),
    maskWord(words[1], bits - 32),
    maskWord(words[2], bits - 64),
    maskWord(words[3], bits - 96),
  ];
}

/** Clears the bits of a word behind the first `bits`; all, if those are 0 or fewer. */
export function maskWord(word: number, bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? word : (word & (-1 << (32 - bits))) >>> 0;
}

/** Whether the words are those of an IPv4 address. */
export function isIpv4(words: IpWords): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED_WORD;
}

/** Whether an address is one of this machine's own: `127.0.0.0/8` or `::1`. */
export function isLoopback(words: IpWords): boolean {
  if (isIpv4(words)) return words[3] >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}

/** Reads an IPv4 address as a number of 32 bits; undefined if the text is no IPv4 address. Written out: each accept calls it. */
export function parseIpv4(text: string): number | undefined {
  let word = 0;
  let part = -1;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (part < 0 || ++dots > 3) return undefined;
      word = word * 256 + part;
      part = -1;
    } else if (code < ZERO || code > NINE || part === 0) return undefined; // Some read a zero in front as octal.
    else {
      part = part < 0 ? code - ZERO : part * 10 + code - ZERO;
      if (part > 255) return undefined;
    }
  }
  return dots === 3 && part >= 0 ? word * 256 + part : undefined;
}

function parseIpv6(text: string): IpWords | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const word = (index: number) => groups[2 * index] * 65_536 + groups[2 * index + 1];
  return [word(0), word(1), word(2), word(3)];
}

/** The groups of 16 bits between colons; at the end of an address the last may be an IPv4 address. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const word = isEnd && index === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
    if (word !== undefined) groups.push(word >>> 16, word & 65_535);
    else if (GROUP.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
