// SeededRandom: random numbers that a seed decides. Runtime neutral.

import { describeValue } from "../../options.ts";

/** Weyl constant of splitmix32. */
const GOLDEN = 0x9e37_79b9;
/** Numbers thrown away at the start, so that seeds that are close to each other have nothing in common. */
const WARM_UP = 12;

/**
 * Random numbers that a seed decides: the same on every runtime. The generator is sfc32 of PractRand, by Chris Doty-Humphrey.
 * Not for secrets.
 *
 * @example The same seed, the same numbers
 * ```ts
 * import { SeededRandom } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [first, second] = [new SeededRandom(7), new SeededRandom(7)];
 * assertEquals([first.next(), first.integer(1, 6)], [second.next(), second.integer(1, 6)]);
 * ```
 */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /**
   * Makes a generator.
   *
   * @param seeds Whole numbers, -2^53 to 2^53; each changes all that follows, so that a run has one generator for each of its parts.
   */
  constructor(...seeds: number[]) {
    let mixed = 0;
    for (const seed of seeds) {
      mixed = mix((mixed ^ seed) + GOLDEN);
      // What is above its last 32 bits, which `^` leaves out: 0 from -2^31 to below 2^31.
      const high = Math.floor((seed + 2 ** 31) / 2 ** 32);
      if (high !== 0) mixed = mix((mixed ^ high) + GOLDEN);
    }
    this.#a = mix(mixed + GOLDEN);
    this.#b = mix(this.#a + GOLDEN);
    this.#c = mix(this.#b + GOLDEN);
    for (let round = 0; round < WARM_UP; round++) this.#step();
  }

  /** Returns a number from 0 to below 1. Bound to the generator, so that it can be given where `Math.random` can. */
  readonly next = (): number => (this.#step() >>> 0) / 2 ** 32;

  /**
   * Returns a whole number.
   *
   * @param least The least.
   * @param most The greatest.
   */
  integer(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /**
   * Returns a number whose order of magnitude is uniform: from 1 to 2 is as likely as from 64 to 128. Uses additions and
   * multiplications alone, as powers and logarithms differ from runtime to runtime.
   *
   * @param least The least, above 0.
   * @param most The greatest.
   * @throws {RangeError} if `least` is not above 0, or `most` is not finite.
   */
  spread(least: number, most: number): number {
    if (!(least > 0 && most < Infinity)) {
      throw new RangeError(
        `Cannot spread as least must be above 0 and most be finite: current value is ${describeValue(least)} and ${
          describeValue(most)
        }`,
      );
    }
    let doublings = 0;
    for (let value = least; value < most; value *= 2) doublings++;
    let value = least * (1 + this.next());
    for (let count = this.integer(1, Math.max(1, doublings)); count > 1; count--) value *= 2;
    return Math.min(value, most);
  }

  /**
   * Returns true with a probability.
   *
   * @param probability From 0 for never to 1 for always.
   */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /**
   * Picks one of several.
   *
   * @param items What to pick from, not empty.
   * @throws {RangeError} if it is empty.
   */
  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError("Cannot pick as there must be an item: current value is 0 items");
    return items[Math.floor(this.next() * items.length)];
  }

  /**
   * Makes random bytes.
   *
   * @param length How many.
   */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.#step();
    return bytes;
  }

  #step(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }
}

/** The finaliser of splitmix32. */
function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
  return mixed ^ (mixed >>> 15);
}
