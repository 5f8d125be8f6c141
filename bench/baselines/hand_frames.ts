// Framing as a very good engineer writes it by hand, for runtimes that hand over chunks (Bun, node:net): frames are parsed
// in place, an unfinished one is kept in an array of its own size, the answers of a read are copied into one buffer that
// is used again. Runs on Bun and Node.

import { Buffer } from "node:buffer";

const HEADER_BYTES = 4;
const MOST_PAYLOAD_BYTES = 16_777_216;
/** Up to here a byte loop beats a call of `copy`. */
const LOOP_BYTES = 16;
const FIRST_BYTES = 262_144;

/** The answers to the chunk at hand. One for the process: it is spent when the next chunk comes. */
export class Answers {
  bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  /** Adds a frame with the payload `source[offset]` up to `source[offset + length - 1]`. */
  add(source: Buffer, offset: number, length: number): void {
    const frameBytes = HEADER_BYTES + length;
    if (this.length + frameBytes > this.bytes.length) this.#grow(this.length + frameBytes);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = length;
    bytes[at++] = length >>> 8;
    bytes[at++] = length >>> 16;
    bytes[at++] = length >>> 24;
    if (length > LOOP_BYTES) source.copy(bytes, at, offset, offset + length);
    else for (let index = 0; index < length; index++) bytes[at + index] = source[offset + index];
    this.length += frameBytes;
  }

  /** Gives the array away: the next answers go into another. */
  replace(): void {
    this.bytes = Buffer.allocUnsafe(FIRST_BYTES);
  }

  #grow(leastBytes: number): void {
    const larger = Buffer.allocUnsafe(Math.max(leastBytes, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** What one connection keeps of an unfinished frame. */
export class FrameParser {
  #tail: Buffer | undefined = undefined;
  #tailBytes = 0;
  /** The bytes of the frame in the tail; 0 while its header is not whole. */
  #frameBytes = 0;

  /** Answers the whole frames of `chunk`. Says false if the peer breaks the format. */
  answer(chunk: Buffer, answers: Answers): boolean {
    let at = 0;
    if (this.#tail !== undefined) {
      at = this.#fill(chunk);
      if (at < 0) return false;
      if (this.#tailBytes !== this.#frameBytes) return true;
      answers.add(this.#tail, HEADER_BYTES, this.#frameBytes - HEADER_BYTES);
      this.#tail = undefined;
    }
    const end = chunk.length;
    while (end - at >= HEADER_BYTES) {
      const length = readLength(chunk, at);
      if (length < 0 || length > MOST_PAYLOAD_BYTES) return false;
      if (end - at - HEADER_BYTES < length) break;
      answers.add(chunk, at + HEADER_BYTES, length);
      at += HEADER_BYTES + length;
    }
    if (at < end) this.#keep(chunk, at, end);
    return true;
  }

  #keep(chunk: Buffer, at: number, end: number): void {
    const hasHeader = end - at >= HEADER_BYTES;
    this.#frameBytes = hasHeader ? HEADER_BYTES + readLength(chunk, at) : 0;
    this.#tail = Buffer.allocUnsafe(hasHeader ? this.#frameBytes : HEADER_BYTES);
    this.#tailBytes = chunk.copy(this.#tail, 0, at, end);
  }

  /** Moves bytes from the chunk to the tail. Says how many, or -1 if the peer breaks the format. */
  #fill(chunk: Buffer): number {
    let tail = this.#tail as Buffer; // The one caller has looked.
    let at = 0;
    if (this.#frameBytes === 0) {
      while (this.#tailBytes < HEADER_BYTES && at < chunk.length) tail[this.#tailBytes++] = chunk[at++];
      if (this.#tailBytes < HEADER_BYTES) {
        this.#frameBytes = 0;
        return at;
      }
      const length = readLength(tail, 0);
      if (length < 0 || length > MOST_PAYLOAD_BYTES) return -1;
      this.#frameBytes = HEADER_BYTES + length;
      tail = Buffer.allocUnsafe(this.#frameBytes);
      (this.#tail as Buffer).copy(tail);
      this.#tail = tail;
    }
    const count = Math.min(this.#frameBytes - this.#tailBytes, chunk.length - at);
    chunk.copy(tail, this.#tailBytes, at, at + count);
    this.#tailBytes += count;
    return at + count;
  }
}

function readLength(bytes: Buffer, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
