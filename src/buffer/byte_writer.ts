// A cursor that writes numbers, bytes and strings into an array, fixed or growing to a limit. Range-checked.
// Runtime neutral.

import {
  requireFloat32,
  requireInt64,
  requireUint64,
  store16BE,
  store16LE,
  store24BE,
  store24LE,
  store32BE,
  store32LE,
  store64BE,
  store64LE,
} from "./byte_order.ts";
import { resolveWriterSizes } from "./byte_writer_options.ts";
import { MAX_BUFFER_BYTES, requireInteger, requireRange, roomError } from "./check.ts";
import { copyBytes, moveBytes } from "./copy_bytes.ts";
import { writeLength } from "./length_prefix.ts";
import { encodeUtf8, utf8ByteLength } from "./utf8.ts";
import type { ByteWriterOptions } from "./byte_writer_options.ts";
import type { LengthPrefix } from "./length_prefix.ts";

/**
 * Writes numbers, bytes and strings one after the other, in both byte orders, without a view for numbers.
 *
 * Made over an array, it fills that array and never grows; made with options, it owns an array that doubles up to
 * `maxBytes`. Every write checks value and room first. A write that fails throws a `RangeError` and leaves the position as it
 * was; the methods for numbers do not repeat this. Integers must be within their width: nothing is truncated. Only floats are
 * rounded, to the nearest of their width; a finite one too large for 32 bits is refused.
 *
 * Invariant: `position` and `remaining` are 0 or more; `written` is `[offset, offset + position)` of the array.
 *
 * @example Write a small message
 * ```ts
 * import { ByteWriter } from "@laster/net/buffer";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const writer = new ByteWriter();
 * writer.writeUint8(1);
 * writer.writeUint16BE(0x0234);
 * writer.writeString("hi", "uint8");
 * assertEquals([...writer.written], [0x01, 0x02, 0x34, 2, 0x68, 0x69]);
 * assertThrows(() => writer.writeUint8(256), RangeError);
 * ```
 */
export class ByteWriter {
  /** For conversions that plain arithmetic cannot do: floats and bigints. */
  readonly #scratch: DataView = new DataView(new ArrayBuffer(8));
  #bytes: Uint8Array;
  #start = 0;
  #index = 0;
  /** Writes end before this index; the array grows if it is shorter. */
  #end: number;

  /**
   * Makes a writer at position 0.
   *
   * @param target Array to fill, which stays the caller's, or the sizes of an array that the writer owns.
   * @throws {RangeError} if a size is outside its range.
   */
  constructor(target: Uint8Array | ByteWriterOptions = {}) {
    if (target instanceof Uint8Array) {
      this.#bytes = target;
      this.#end = target.length;
      return;
    }
    const { initialBytes, maxBytes } = resolveWriterSizes(target);
    this.#bytes = new Uint8Array(initialBytes);
    this.#end = maxBytes;
  }

  /** Bytes written so far. */
  get position(): number {
    return this.#index - this.#start;
  }

  /** Bytes that may still be written, growing if need be. */
  get remaining(): number {
    return this.#end - this.#index;
  }

  /** A view of what was written, without a copy. Valid until the next write or `reset()`. */
  get written(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#index);
  }

  /**
   * Goes back to position 0, of the same array or of a range of another one. Allocates nothing.
   *
   * @param bytes Array to fill, without growing; stays the caller's. If absent, only the position changes.
   * @param offset First index of the range.
   * @param length Bytes of the range, by default up to the end.
   * @throws {RangeError} if the range does not lie inside `bytes`; the writer is unchanged then.
   */
  reset(bytes?: Uint8Array, offset: number = 0, length?: number): void {
    if (bytes !== undefined) {
      const rangeBytes = length ?? bytes.length - offset;
      requireRange("reset ByteWriter", bytes, offset, rangeBytes);
      this.#bytes = bytes;
      this.#start = offset;
      this.#end = offset + rangeBytes;
    }
    this.#index = this.#start;
  }

  /** Writes 1 byte, 0 to 255. */
  writeUint8(value: number): void {
    const index = this.#place("uint8", 1, value, 0, 255);
    this.#bytes[index] = value;
  }

  /** Writes 1 byte, -128 to 127. */
  writeInt8(value: number): void {
    const index = this.#place("int8", 1, value, -128, 127);
    this.#bytes[index] = value;
  }

  /** Writes 2 bytes, little-endian, 0 to 65,535. */
  writeUint16LE(value: number): void {
    const index = this.#place("uint16", 2, value, 0, 65_535);
    store16LE(this.#bytes, index, value);
  }

  /** Writes 2 bytes, little-endian, -32,768 to 32,767. */
  writeInt16LE(value: number): void {
    const index = this.#place("int16", 2, value, -32_768, 32_767);
    store16LE(this.#bytes, index, value);
  }

  /** Writes 2 bytes, big-endian, 0 to 65,535. */
  writeUint16BE(value: number): void {
    const index = this.#place("uint16", 2, value, 0, 65_535);
    store16BE(this.#bytes, index, value);
  }

  /** Writes 2 bytes, big-endian, -32,768 to 32,767. */
  writeInt16BE(value: number): void {
    const index = this.#place("int16", 2, value, -32_768, 32_767);
    store16BE(this.#bytes, index, value);
  }

  /** Writes 3 bytes, little-endian, 0 to 16,777,215. */
  writeUint24LE(value: number): void {
    const index = this.#place("uint24", 3, value, 0, 16_777_215);
    store24LE(this.#bytes, index, value);
  }

  /** Writes 3 bytes, little-endian, -8,388,608 to 8,388,607. */
  writeInt24LE(value: number): void {
    const index = this.#place("int24", 3, value, -8_388_608, 8_388_607);
    store24LE(this.#bytes, index, value);
  }

  /** Writes 3 bytes, big-endian, 0 to 16,777,215. */
  writeUint24BE(value: number): void {
    const index = this.#place("uint24", 3, value, 0, 16_777_215);
    store24BE(this.#bytes, index, value);
  }

  /** Writes 3 bytes, big-endian, -8,388,608 to 8,388,607. */
  writeInt24BE(value: number): void {
    const index = this.#place("int24", 3, value, -8_388_608, 8_388_607);
    store24BE(this.#bytes, index, value);
  }

  /** Writes 4 bytes, little-endian, 0 to 4,294,967,295. */
  writeUint32LE(value: number): void {
    const index = this.#place("uint32", 4, value, 0, 4_294_967_295);
    store32LE(this.#bytes, index, value);
  }

  /** Writes 4 bytes, little-endian, -2,147,483,648 to 2,147,483,647. */
  writeInt32LE(value: number): void {
    const index = this.#place("int32", 4, value, -2_147_483_648, 2_147_483_647);
    store32LE(this.#bytes, index, value);
  }

  /** Writes 4 bytes, big-endian, 0 to 4,294,967,295. */
  writeUint32BE(value: number): void {
    const index = this.#place("uint32", 4, value, 0, 4_294_967_295);
    store32BE(this.#bytes, index, value);
  }

  /** Writes 4 bytes, big-endian, -2,147,483,648 to 2,147,483,647. */
  writeInt32BE(value: number): void {
    const index = this.#place("int32", 4, value, -2_147_483_648, 2_147_483_647);
    store32BE(this.#bytes, index, value);
  }

  /** Writes 8 bytes, little-endian, 0 to 2^64-1. */
  writeUint64LE(value: bigint): void {
    requireUint64(value);
    this.#scratch.setBigUint64(0, value);
    const index = this.#advance(8, "uint64");
    store64LE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, little-endian, 0 to 2^53-1. */
  writeSafeUint64LE(value: number): void {
    const index = this.#place("safe uint64", 8, value, 0, Number.MAX_SAFE_INTEGER);
    this.#setScratch(value);
    store64LE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, little-endian, -2^63 to 2^63-1. */
  writeInt64LE(value: bigint): void {
    requireInt64(value);
    this.#scratch.setBigInt64(0, value);
    const index = this.#advance(8, "int64");
    store64LE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, little-endian, -(2^53-1) to 2^53-1. */
  writeSafeInt64LE(value: number): void {
    const index = this.#place("safe int64", 8, value, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    this.#setScratch(value);
    store64LE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, big-endian, 0 to 2^64-1. */
  writeUint64BE(value: bigint): void {
    requireUint64(value);
    this.#scratch.setBigUint64(0, value);
    const index = this.#advance(8, "uint64");
    store64BE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, big-endian, 0 to 2^53-1. */
  writeSafeUint64BE(value: number): void {
    const index = this.#place("safe uint64", 8, value, 0, Number.MAX_SAFE_INTEGER);
    this.#setScratch(value);
    store64BE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, big-endian, -2^63 to 2^63-1. */
  writeInt64BE(value: bigint): void {
    requireInt64(value);
    this.#scratch.setBigInt64(0, value);
    const index = this.#advance(8, "int64");
    store64BE(this.#bytes, index, this.#scratch);
  }

  /** Writes 8 bytes, big-endian, -(2^53-1) to 2^53-1. */
  writeSafeInt64BE(value: number): void {
    const index = this.#place("safe int64", 8, value, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    this.#setScratch(value);
    store64BE(this.#bytes, index, this.#scratch);
  }

  /** Writes 4 bytes, little-endian, rounded to a float. */
  writeFloat32LE(value: number): void {
    requireFloat32(value);
    const index = this.#advance(4, "float32");
    this.#scratch.setFloat32(0, value);
    store32LE(this.#bytes, index, this.#scratch.getInt32(0));
  }

  /** Writes 8 bytes, little-endian. */
  writeFloat64LE(value: number): void {
    const index = this.#advance(8, "float64");
    this.#scratch.setFloat64(0, value);
    store64LE(this.#bytes, index, this.#scratch);
  }

  /** Writes 4 bytes, big-endian, rounded to a float. */
  writeFloat32BE(value: number): void {
    requireFloat32(value);
    const index = this.#advance(4, "float32");
    this.#scratch.setFloat32(0, value);
    store32BE(this.#bytes, index, this.#scratch.getInt32(0));
  }

  /** Writes 8 bytes, big-endian. */
  writeFloat64BE(value: number): void {
    const index = this.#advance(8, "float64");
    this.#scratch.setFloat64(0, value);
    store64BE(this.#bytes, index, this.#scratch);
  }

  /**
   * Writes an unsigned LEB128 number in the fewest bytes, 1 to 8. {@linkcode ByteReader.readVarint} shows the form.
   *
   * @param value An integer from 0 to 2^53-1.
   * @throws {RangeError} if it is outside its range, or the writer is full.
   */
  writeVarint(value: number): void {
    requireInteger("write varint", "value", value, 0, Number.MAX_SAFE_INTEGER);
    let byteCount = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) byteCount++;
    let index = this.#advance(byteCount, "varint");
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[index++] = (rest % 128) | 0x80;
    this.#bytes[index] = rest;
  }

  /**
   * Copies bytes.
   *
   * @param bytes Array to copy from; stays the caller's. May be the array that is written to.
   * @param offset First index to copy.
   * @param length Bytes to copy, by default up to the end.
   * @throws {RangeError} if the range does not lie inside `bytes`, or the writer is full.
   */
  writeBytes(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset): void {
    requireRange("write bytes", bytes, offset, length);
    const index = this.#advance(length, "bytes");
    moveBytes(bytes, offset, this.#bytes, index, length);
  }

  /**
   * Writes a text's length in bytes, then the text as UTF-8.
   *
   * @param text The text.
   * @param prefix Form of the length.
   * @throws {TypeError} if the text holds a surrogate without its partner.
   * @throws {RangeError} if the length does not fit the prefix, or the writer is full.
   */
  writeString(text: string, prefix: LengthPrefix): void {
    const byteLength = utf8ByteLength(text);
    const before = this.#index;
    try {
      writeLength(this, prefix, byteLength);
      this.#storeText(text, byteLength, byteLength);
    } catch (error) {
      this.#index = before;
      throw error;
    }
  }

  /**
   * Writes a text as UTF-8, without its length.
   *
   * @param text The text.
   * @throws {TypeError} if the text holds a surrogate without its partner.
   * @throws {RangeError} if the writer is full.
   */
  writeUtf8(text: string): void {
    const byteLength = utf8ByteLength(text);
    this.#storeText(text, byteLength, byteLength);
  }

  /**
   * Writes a field of fixed width: a text as UTF-8, padded with zero bytes at its end.
   *
   * @param text The text, which may not end in U+0000: that could not be told from the padding.
   * @param lengthBytes Width of the field, 0 to 1 GiB.
   * @throws {TypeError} if the text holds a surrogate without its partner, or ends in U+0000.
   * @throws {RangeError} if the width is out of range, the text is longer than the field, or the writer is full.
   */
  writeFixedString(text: string, lengthBytes: number): void {
    requireInteger("write string", "lengthBytes", lengthBytes, 0, MAX_BUFFER_BYTES);
    if (text.endsWith("\0")) {
      throw new TypeError("Cannot write string as its end must not be U+0000: current value is U+0000");
    }
    const byteLength = utf8ByteLength(text);
    requireInteger("write string", "its length in bytes", byteLength, 0, lengthBytes);
    this.#storeText(text, byteLength, lengthBytes);
  }

  /** Checks an integer and makes room for it. */
  #place(what: string, byteCount: number, value: number, minimum: number, maximum: number): number {
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      requireInteger(`write ${what}`, "value", value, minimum, maximum);
    }
    return this.#advance(byteCount, what);
  }

  /** Makes room and moves on. May replace the array. */
  #advance(byteCount: number, what: string): number {
    const index = this.#index;
    const end = index + byteCount;
    if (end > this.#bytes.length || end > this.#end) this.#grow(byteCount, what);
    this.#index = end;
    return index;
  }

  #grow(byteCount: number, what: string): void {
    if (byteCount > this.remaining) throw roomError("write", what, byteCount, this.remaining);
    let capacity = Math.max(this.#bytes.length, 8);
    while (capacity < this.#index + byteCount) capacity *= 2;
    const bytes = new Uint8Array(Math.min(capacity, this.#end));
    copyBytes(this.#bytes, 0, bytes, 0, this.#index);
    this.#bytes = bytes;
  }

  #storeText(text: string, byteLength: number, fieldBytes: number): void {
    const index = this.#advance(fieldBytes, "string");
    encodeUtf8(text, this.#bytes, index, byteLength);
    if (fieldBytes > byteLength) this.#bytes.fill(0, index + byteLength, index + fieldBytes);
  }

  /** Sets the scratch to a safe integer in two's complement: the high word of a negative one is negative too. */
  #setScratch(value: number): void {
    this.#scratch.setInt32(0, Math.floor(value / 2 ** 32));
    this.#scratch.setUint32(4, value >>> 0);
  }
}
