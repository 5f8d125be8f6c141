// A cursor that reads numbers, bytes and strings from a range of bytes. Range-checked; copies nothing, owns nothing.
// Runtime neutral.

import { load16BE, load16LE, load24BE, load24LE, load32BE, load32LE } from "./byte_order.ts";
import { requireInteger, requireRange, roomError } from "./check.ts";
import { moveBytes } from "./copy_bytes.ts";
import { readLength } from "./length_prefix.ts";
import { decodeUtf8 } from "./utf8.ts";
import type { LengthPrefix } from "./length_prefix.ts";

/** The bytes of 2^53-1 as a varint. */
const MAX_VARINT_BYTES = 8;

/**
 * Reads a range of bytes from front to back, in both byte orders, without a view or a copy for numbers.
 *
 * Every read checks the range first. A read past the end or of an ill-formed value throws a `RangeError` and leaves the
 * position where it was; the methods for numbers do not repeat this. `readSafe…64` gives a number instead of a bigint, and
 * refuses one beyond 2^53-1, which would be rounded. A reader can be reused: `reset()` points it at other bytes without
 * allocating. It does not own the bytes, which may not change while it reads.
 *
 * Invariant: `0 <= position <= length`, and `[offset, offset + length)` lies inside the array.
 *
 * @example Read a small message
 * ```ts
 * import { ByteReader } from "@laster/net/buffer";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const reader = new ByteReader(Uint8Array.of(0x01, 0x02, 0x34, 2, 0x68, 0x69));
 * assertEquals(reader.readUint8(), 1);
 * assertEquals(reader.readUint16BE(), 0x0234);
 * assertEquals(reader.readString("uint8"), "hi");
 * assertEquals(reader.remaining, 0);
 * assertThrows(() => reader.readUint8(), RangeError);
 * ```
 */
export class ByteReader {
  /** For conversions that plain arithmetic cannot do: floats and bigints. */
  readonly #scratch: DataView = new DataView(new ArrayBuffer(8));
  #bytes: Uint8Array;
  #start = 0;
  #index = 0;
  #end = 0;

  /**
   * Makes a reader at the start of a range.
   *
   * @param bytes Array to read from; stays the caller's.
   * @param offset First index of the range.
   * @param length Bytes of the range, by default up to the end.
   * @throws {RangeError} if the range does not lie inside `bytes`.
   */
  constructor(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset) {
    this.#bytes = bytes;
    this.reset(bytes, offset, length);
  }

  /** Bytes read so far: the index in the range of the next read. */
  get position(): number {
    return this.#index - this.#start;
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.#end - this.#index;
  }

  /** Bytes of the range. */
  get length(): number {
    return this.#end - this.#start;
  }

  /**
   * Points the reader at the start of another range. Allocates nothing.
   *
   * @param bytes Array to read from; stays the caller's.
   * @param offset First index of the range.
   * @param length Bytes of the range, by default up to the end.
   * @throws {RangeError} if the range does not lie inside `bytes`; the reader is unchanged then.
   */
  reset(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset): void {
    requireRange("point ByteReader", bytes, offset, length);
    this.#bytes = bytes;
    this.#start = offset;
    this.#index = offset;
    this.#end = offset + length;
  }

  /**
   * Moves to a position.
   *
   * @param position Index in the range, from 0 to `length`.
   * @throws {RangeError} if it is outside the range.
   */
  seek(position: number): void {
    requireInteger("seek in ByteReader", "position", position, 0, this.length);
    this.#index = this.#start + position;
  }

  /**
   * Passes over bytes.
   *
   * @param byteCount How many, from 0 to `remaining`.
   * @throws {RangeError} if that is outside the range.
   */
  skip(byteCount: number): void {
    requireInteger("skip in ByteReader", "byteCount", byteCount, 0, this.remaining);
    this.#index += byteCount;
  }

  /** Reads 1 byte, 0 to 255. */
  readUint8(): number {
    const index = this.#advance(1, "uint8");
    return this.#bytes[index];
  }

  /** Reads 1 byte, -128 to 127. */
  readInt8(): number {
    const index = this.#advance(1, "int8");
    return (this.#bytes[index] << 24) >> 24;
  }

  /** Reads 2 bytes, little-endian, 0 to 65,535. */
  readUint16LE(): number {
    return load16LE(this.#bytes, this.#advance(2, "uint16"));
  }

  /** Reads 2 bytes, little-endian, -32,768 to 32,767. */
  readInt16LE(): number {
    return (load16LE(this.#bytes, this.#advance(2, "int16")) << 16) >> 16;
  }

  /** Reads 2 bytes, big-endian, 0 to 65,535. */
  readUint16BE(): number {
    return load16BE(this.#bytes, this.#advance(2, "uint16"));
  }

  /** Reads 2 bytes, big-endian, -32,768 to 32,767. */
  readInt16BE(): number {
    return (load16BE(this.#bytes, this.#advance(2, "int16")) << 16) >> 16;
  }

  /** Reads 3 bytes, little-endian, 0 to 16,777,215. */
  readUint24LE(): number {
    return load24LE(this.#bytes, this.#advance(3, "uint24"));
  }

  /** Reads 3 bytes, little-endian, -8,388,608 to 8,388,607. */
  readInt24LE(): number {
    return (load24LE(this.#bytes, this.#advance(3, "int24")) << 8) >> 8;
  }

  /** Reads 3 bytes, big-endian, 0 to 16,777,215. */
  readUint24BE(): number {
    return load24BE(this.#bytes, this.#advance(3, "uint24"));
  }

  /** Reads 3 bytes, big-endian, -8,388,608 to 8,388,607. */
  readInt24BE(): number {
    return (load24BE(this.#bytes, this.#advance(3, "int24")) << 8) >> 8;
  }

  /** Reads 4 bytes, little-endian, 0 to 4,294,967,295. */
  readUint32LE(): number {
    return load32LE(this.#bytes, this.#advance(4, "uint32")) >>> 0;
  }

  /** Reads 4 bytes, little-endian, -2,147,483,648 to 2,147,483,647. */
  readInt32LE(): number {
    return load32LE(this.#bytes, this.#advance(4, "int32"));
  }

  /** Reads 4 bytes, big-endian, 0 to 4,294,967,295. */
  readUint32BE(): number {
    return load32BE(this.#bytes, this.#advance(4, "uint32")) >>> 0;
  }

  /** Reads 4 bytes, big-endian, -2,147,483,648 to 2,147,483,647. */
  readInt32BE(): number {
    return load32BE(this.#bytes, this.#advance(4, "int32"));
  }

  /** Reads 8 bytes, little-endian, 0 to 2^64-1. */
  readUint64LE(): bigint {
    return this.#load64LE("uint64").getBigUint64(0);
  }

  /** Reads 8 bytes, little-endian, as a number within 2^53-1. */
  readSafeUint64LE(): number {
    return this.#safe64(this.#load64LE("safe uint64").getUint32(0), "safe uint64");
  }

  /** Reads 8 bytes, little-endian, -2^63 to 2^63-1. */
  readInt64LE(): bigint {
    return this.#load64LE("int64").getBigInt64(0);
  }

  /** Reads 8 bytes, little-endian, as a number within 2^53-1. */
  readSafeInt64LE(): number {
    return this.#safe64(this.#load64LE("safe int64").getInt32(0), "safe int64");
  }

  /** Reads 8 bytes, big-endian, 0 to 2^64-1. */
  readUint64BE(): bigint {
    return this.#load64BE("uint64").getBigUint64(0);
  }

  /** Reads 8 bytes, big-endian, as a number within 2^53-1. */
  readSafeUint64BE(): number {
    return this.#safe64(this.#load64BE("safe uint64").getUint32(0), "safe uint64");
  }

  /** Reads 8 bytes, big-endian, -2^63 to 2^63-1. */
  readInt64BE(): bigint {
    return this.#load64BE("int64").getBigInt64(0);
  }

  /** Reads 8 bytes, big-endian, as a number within 2^53-1. */
  readSafeInt64BE(): number {
    return this.#safe64(this.#load64BE("safe int64").getInt32(0), "safe int64");
  }

  /** Reads 4 bytes, little-endian, as a float. */
  readFloat32LE(): number {
    this.#require(4, "float32");
    this.#scratch.setUint32(0, this.readUint32LE());
    return this.#scratch.getFloat32(0);
  }

  /** Reads 8 bytes, little-endian, as a float. */
  readFloat64LE(): number {
    return this.#load64LE("float64").getFloat64(0);
  }

  /** Reads 4 bytes, big-endian, as a float. */
  readFloat32BE(): number {
    this.#require(4, "float32");
    this.#scratch.setUint32(0, this.readUint32BE());
    return this.#scratch.getFloat32(0);
  }

  /** Reads 8 bytes, big-endian, as a float. */
  readFloat64BE(): number {
    return this.#load64BE("float64").getFloat64(0);
  }

  /**
   * Reads an unsigned LEB128 number: seven bits a byte, the low ones first, the top bit set on all but the last.
   *
   * ```text
   * 300 = 0b10_0101100     1_0101100  0_0000010     (0xac 0x02)
   * ```
   *
   * A longer form than needed is accepted, up to 8 bytes.
   *
   * @returns The number, 0 to 2^53-1.
   * @throws {RangeError} if the bytes end within it, or it is longer than 8 bytes or above 2^53-1.
   */
  readVarint(): number {
    let value = 0;
    let unit = 1;
    for (let byteCount = 1; byteCount <= MAX_VARINT_BYTES; byteCount++) {
      this.#require(byteCount, "varint");
      const byte = this.#bytes[this.#index + byteCount - 1];
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.#index += byteCount;
        return byteCount === MAX_VARINT_BYTES ? this.#safe(value, "varint", byteCount) : value;
      }
      unit *= 128;
    }
    throw new RangeError(`Cannot read varint as it must end within ${MAX_VARINT_BYTES} bytes: current value is longer`);
  }

  /**
   * Reads bytes as a view, without a copy.
   *
   * @param byteCount How many, from 0 to `remaining`.
   * @returns A view on the array, valid as long as the array's contents are.
   * @throws {RangeError} if fewer remain.
   */
  readBytes(byteCount: number): Uint8Array {
    requireInteger("read bytes", "byteCount", byteCount, 0, this.remaining);
    const index = this.#index;
    this.#index += byteCount;
    return this.#bytes.subarray(index, this.#index);
  }

  /**
   * Copies the next bytes, as many as `target` has room for.
   *
   * @param target Array to fill whole.
   * @throws {RangeError} if fewer remain.
   */
  readInto(target: Uint8Array): void {
    const index = this.#advance(target.length, "bytes");
    moveBytes(this.#bytes, index, target, 0, target.length);
  }

  /**
   * Reads a length, then so many bytes of UTF-8.
   *
   * @param prefix Form of the length.
   * @returns The text, a byte order mark included.
   * @throws {RangeError} if the length or the bytes are incomplete.
   * @throws {TypeError} if the bytes are not valid UTF-8.
   */
  readString(prefix: LengthPrefix): string {
    const before = this.#index;
    try {
      return this.readUtf8(readLength(this, prefix));
    } catch (error) {
      this.#index = before;
      throw error;
    }
  }

  /**
   * Reads bytes of UTF-8.
   *
   * @param lengthBytes How many bytes, from 0 to `remaining`.
   * @returns The text, a byte order mark included.
   * @throws {RangeError} if fewer remain.
   * @throws {TypeError} if they are not valid UTF-8.
   */
  readUtf8(lengthBytes: number): string {
    requireInteger("read string", "lengthBytes", lengthBytes, 0, this.remaining);
    const text = decodeUtf8(this.#bytes, this.#index, lengthBytes);
    this.#index += lengthBytes;
    return text;
  }

  /**
   * Reads a field of fixed width: UTF-8, padded with zero bytes at its end, which are left out of the text.
   *
   * @param lengthBytes Width of the field, from 0 to `remaining`.
   * @returns The text before the padding.
   * @throws {RangeError} if fewer bytes remain.
   * @throws {TypeError} if they are not valid UTF-8.
   */
  readFixedString(lengthBytes: number): string {
    requireInteger("read string", "lengthBytes", lengthBytes, 0, this.remaining);
    let textBytes = lengthBytes;
    while (textBytes > 0 && this.#bytes[this.#index + textBytes - 1] === 0) textBytes--;
    const text = decodeUtf8(this.#bytes, this.#index, textBytes);
    this.#index += lengthBytes;
    return text;
  }

  #require(byteCount: number, what: string): void {
    if (byteCount > this.remaining) throw roomError("read", what, byteCount, this.remaining);
  }

  #advance(byteCount: number, what: string): number {
    const index = this.#index;
    if (index + byteCount > this.#end) this.#require(byteCount, what);
    this.#index = index + byteCount;
    return index;
  }

  /** Makes a number of a signed or unsigned high word and the low word in the scratch; see `#safe`. */
  #safe64(high: number, what: string): number {
    return this.#safe(high * 2 ** 32 + this.#scratch.getUint32(4), what, 8);
  }

  /** Gives a number that was just read; if it may have been rounded, moves back in front of it and throws. */
  #safe(value: number, what: string, byteCount: number): number {
    if (Number.isSafeInteger(value)) return value;
    this.#index -= byteCount;
    throw new RangeError(`Cannot read ${what} as it must be within 2^53-1: current value is about ${value}`);
  }

  #load64LE(what: string): DataView {
    this.#require(8, what);
    this.#scratch.setUint32(4, this.readUint32LE());
    this.#scratch.setUint32(0, this.readUint32LE());
    return this.#scratch;
  }

  #load64BE(what: string): DataView {
    this.#require(8, what);
    this.#scratch.setUint32(0, this.readUint32BE());
    this.#scratch.setUint32(4, this.readUint32BE());
    return this.#scratch;
  }
}
