// AddressBlocks: a set of addresses and blocks of them (CIDR). Keeps a hash set for each prefix length: a lookup costs one hash
// for each length in use, however many blocks there are. Runtime neutral.

import { type IpWords, isIpv4, maskWord, maskWords, parseBlock, parseIp, parseIpv4 } from "./ip_address.ts";

/** Blocks of one prefix length. */
interface BlocksOfLength<Key> {
  readonly bits: number;
  readonly keys: Set<Key>;
}

/** Blocks, by their prefix length: those of IPv4 as numbers, which is quick, others as texts. */
export class AddressBlocks {
  readonly #v4: BlocksOfLength<number>[] = [];
  readonly #others: BlocksOfLength<string>[] = [];

  /** Makes a set of some rules; throws a `TypeError` if one is neither an address nor a block. */
  constructor(rules: Iterable<string> = []) {
    for (const rule of rules) this.add(rule);
  }

  /** Adds an address or a block; throws a `TypeError` if `rule` is neither. */
  add(rule: string): void {
    const { words, bits } = parseBlock(rule);
    if (isOfIpv4(words, bits)) lengthOf(this.#v4, bits).keys.add(words[3]);
    else lengthOf(this.#others, bits).keys.add(words.join());
  }

  /** Takes an address or a block out; says whether it was there. Throws a `TypeError` if `rule` is neither. */
  delete(rule: string): boolean {
    const { words, bits } = parseBlock(rule);
    return isOfIpv4(words, bits) ? remove(this.#v4, bits, words[3]) : remove(this.#others, bits, words.join());
  }

  /** Whether an address is in one of them; undefined if it is no address. */
  has(address: string): boolean | undefined {
    const word = parseIpv4(address);
    if (word !== undefined) return this.#hasIpv4(word);
    const words = parseIp(address);
    if (words === undefined) return undefined;
    return isIpv4(words) ? this.#hasIpv4(words[3]) : this.#hasOther(words);
  }

  #hasIpv4(word: number): boolean {
    for (const { bits, keys } of this.#v4) if (keys.has(maskWord(word, bits - V4_BITS))) return true;
    // A block of IPv6 may hold all of IPv4, as `::/0` does.
    return this.#others.length > 0 && this.#hasOther([0, 0, MAPPED_WORD, word]);
  }

  #hasOther(words: IpWords): boolean {
    return this.#others.some(({ bits, keys }) => keys.has(maskWords(words, bits).join()));
  }
}

/** The prefix of an IPv4 address that is written as one of IPv6: `::ffff:0:0/96`. */
const V4_BITS = 96;
const MAPPED_WORD = 0xffff;

function isOfIpv4(words: IpWords, bits: number): boolean {
  return bits >= V4_BITS && isIpv4(words);
}

function lengthOf<Key>(lengths: BlocksOfLength<Key>[], bits: number): BlocksOfLength<Key> {
  let length = lengths.find((one) => one.bits === bits);
  if (length === undefined) lengths.push(length = { bits, keys: new Set() });
  return length;
}

/** Takes a block out; drops the set of its length once that is empty. */
function remove<Key>(lengths: BlocksOfLength<Key>[], bits: number, key: Key): boolean {
  const index = lengths.findIndex((one) => one.bits === bits);
  if (index < 0 || !lengths[index].keys.delete(key)) return false;
  if (lengths[index].keys.size === 0) lengths.splice(index, 1);
  return true;
}
