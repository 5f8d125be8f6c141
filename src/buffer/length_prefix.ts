// The encodings of a length in front of a string or an array of bytes, for ByteReader and ByteWriter.
// Runtime neutral.

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";

/**
 * How the length in bytes of a string or an array is written in front of it.
 *
 * ```text
 * "uint8"       1 byte             up to 255 bytes
 * "uint16-le"   2 bytes            up to 65,535 bytes
 * "uint16-be"
 * "uint32-le"   4 bytes            up to 4,294,967,295 bytes
 * "uint32-be"
 * "varint"      1 to 8 bytes       LEB128, see ByteReader.readVarint()
 * ```
 *
 * @example The same text behind three prefixes
 * ```ts
 * import { ByteWriter, type LengthPrefix } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const writer = new ByteWriter();
 * const prefixes: LengthPrefix[] = ["uint8", "uint16-be", "varint"];
 * for (const prefix of prefixes) writer.writeString("A", prefix);
 * assertEquals([...writer.written], [1, 65, 0, 1, 65, 1, 65]);
 * ```
 */
export type LengthPrefix = "uint8" | "uint16-le" | "uint16-be" | "uint32-le" | "uint32-be" | "varint";

/**
 * Reads a length.
 *
 * @param reader Where from; moves past the prefix.
 * @param prefix Form of the length.
 * @returns The length in bytes, not yet checked against what remains.
 * @throws {RangeError} if the prefix is incomplete.
 */
export function readLength(reader: ByteReader, prefix: LengthPrefix): number {
  switch (prefix) {
    case "uint8":
      return reader.readUint8();
    case "uint16-le":
      return reader.readUint16LE();
    case "uint16-be":
      return reader.readUint16BE();
    case "uint32-le":
      return reader.readUint32LE();
    case "uint32-be":
      return reader.readUint32BE();
    case "varint":
      return reader.readVarint();
    default:
      throw unknownPrefix("read", prefix);
  }
}

/**
 * Writes a length.
 *
 * @param writer Where to.
 * @param prefix Form of the length.
 * @param lengthBytes The length in bytes.
 * @throws {RangeError} if the length does not fit the prefix, or the prefix does not fit the writer.
 */
export function writeLength(writer: ByteWriter, prefix: LengthPrefix, lengthBytes: number): void {
  switch (prefix) {
    case "uint8":
      return writer.writeUint8(lengthBytes);
    case "uint16-le":
      return writer.writeUint16LE(lengthBytes);
    case "uint16-be":
      return writer.writeUint16BE(lengthBytes);
    case "uint32-le":
      return writer.writeUint32LE(lengthBytes);
    case "uint32-be":
      return writer.writeUint32BE(lengthBytes);
    case "varint":
      return writer.writeVarint(lengthBytes);
    default:
      throw unknownPrefix("write", prefix);
  }
}

function unknownPrefix(verb: string, prefix: never): TypeError {
  return new TypeError(`Cannot ${verb} length as its prefix must be a LengthPrefix: current value is ${prefix}`);
}
