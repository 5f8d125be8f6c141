// Bytes as they came, one after the other: for tests that have megabytes of them, for which an array of numbers is slow.
// Runtime neutral.

/** Collects bytes. */
export class ByteLog {
  #store = new Uint8Array(1_024);
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** All of them; valid until the next call of `add()`. */
  get bytes(): Uint8Array {
    return this.#store.subarray(0, this.#length);
  }

  /** Adds a copy of some. */
  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#store.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#store.length));
      larger.set(this.bytes);
      this.#store = larger;
    }
    this.#store.set(bytes, this.#length);
    this.#length = length;
  }
}
