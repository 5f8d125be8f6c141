// Every number a reader reads and a writer writes, with its width, range and an independent way to make its bytes.
// Used by the tests of ByteReader and ByteWriter. Runtime neutral.

import fc from "fast-check";
import type { ByteReader } from "../../src/buffer/byte_reader.ts";
import type { ByteWriter } from "../../src/buffer/byte_writer.ts";

/** One number format. `Value` is `number`, or `bigint` for the 64-bit ones that are not "safe". */
export interface NumberCase<Value extends number | bigint> {
  /** The methods' names without `read` and `write`. */
  readonly name: string;
  readonly byteLength: number;
  /** Values in range. */
  readonly values: fc.Arbitrary<Value>;
  /** Values at the edges of the range. */
  readonly edges: readonly Value[];
  /** Values that a writer must refuse. */
  readonly refused: readonly Value[];
  /** Bytes of a value, by a `DataView`. */
  encode(value: Value): number[];
  read(reader: ByteReader): Value;
  write(writer: ByteWriter, value: Value): void;
}

function bytesOf(byteLength: number, isLittle: boolean, set: (view: DataView) => void): number[] {
  const bytes = new Uint8Array(8);
  set(new DataView(bytes.buffer));
  const lastBytes = [...bytes.subarray(8 - byteLength)];
  return isLittle ? lastBytes.reverse() : lastBytes;
}

interface IntegerMethods {
  readonly name: string;
  readonly bits: number;
  readonly isSigned: boolean;
  readonly isLittle: boolean;
}

function integerCase(
  { name, bits, isSigned, isLittle }: IntegerMethods,
  read: (reader: ByteReader) => number,
  write: (writer: ByteWriter, value: number) => void,
): NumberCase<number> {
  const isSafe = bits === 64;
  const max = isSafe ? Number.MAX_SAFE_INTEGER : 2 ** (isSigned ? bits - 1 : bits) - 1;
  let min = 0;
  if (isSigned) min = isSafe ? -max : -max - 1;
  return {
    name,
    byteLength: bits / 8,
    values: fc.integer({ min, max }),
    edges: [min, min + 1, 0, 1, max - 1, max],
    refused: [min - 1, max + 1, 0.5, NaN, Infinity, -Infinity],
    encode: (value) => bytesOf(bits / 8, isLittle, (view) => view.setBigInt64(0, BigInt(value))),
    read,
    write,
  };
}

function bigintCase(
  { name, isSigned, isLittle }: Omit<IntegerMethods, "bits">,
  read: (reader: ByteReader) => bigint,
  write: (writer: ByteWriter, value: bigint) => void,
): NumberCase<bigint> {
  const min = isSigned ? -(2n ** 63n) : 0n;
  const max = isSigned ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  return {
    name,
    byteLength: 8,
    values: fc.bigInt({ min, max }),
    edges: [min, min + 1n, 0n, 1n, 2n ** 32n, max - 1n, max],
    refused: [min - 1n, max + 1n, 2n ** 80n],
    encode: (value) => bytesOf(8, isLittle, (view) => view.setBigInt64(0, BigInt.asIntN(64, value))),
    read,
    write,
  };
}

function float32Case(
  name: string,
  isLittle: boolean,
  read: (reader: ByteReader) => number,
  write: (writer: ByteWriter, value: number) => void,
): NumberCase<number> {
  return {
    name,
    byteLength: 4,
    values: fc.float(),
    edges: [0, -0, 1.5, Math.fround(0.1), 3.4028234663852886e38, 2 ** -149, Infinity, -Infinity, NaN],
    refused: [3.5e38, -1e300],
    encode: (value) => bytesOf(4, isLittle, (view) => view.setFloat32(4, value)),
    read,
    write,
  };
}

function float64Case(
  name: string,
  isLittle: boolean,
  read: (reader: ByteReader) => number,
  write: (writer: ByteWriter, value: number) => void,
): NumberCase<number> {
  return {
    name,
    byteLength: 8,
    values: fc.double(),
    edges: [0, -0, 0.1, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, -Infinity, NaN],
    refused: [],
    encode: (value) => bytesOf(8, isLittle, (view) => view.setFloat64(0, value)),
    read,
    write,
  };
}

/** All formats whose values are numbers. */
export const NUMBER_CASES: readonly NumberCase<number>[] = [
  integerCase(
    { name: "Uint8", bits: 8, isSigned: false, isLittle: true },
    (reader) => reader.readUint8(),
    (writer, value) => writer.writeUint8(value),
  ),
  integerCase(
    { name: "Int8", bits: 8, isSigned: true, isLittle: true },
    (reader) => reader.readInt8(),
    (writer, value) => writer.writeInt8(value),
  ),
  integerCase(
    { name: "Uint16LE", bits: 16, isSigned: false, isLittle: true },
    (reader) => reader.readUint16LE(),
    (writer, value) => writer.writeUint16LE(value),
  ),
  integerCase(
    { name: "Int16LE", bits: 16, isSigned: true, isLittle: true },
    (reader) => reader.readInt16LE(),
    (writer, value) => writer.writeInt16LE(value),
  ),
  integerCase(
    { name: "Uint16BE", bits: 16, isSigned: false, isLittle: false },
    (reader) => reader.readUint16BE(),
    (writer, value) => writer.writeUint16BE(value),
  ),
  integerCase(
    { name: "Int16BE", bits: 16, isSigned: true, isLittle: false },
    (reader) => reader.readInt16BE(),
    (writer, value) => writer.writeInt16BE(value),
  ),
  integerCase(
    { name: "Uint24LE", bits: 24, isSigned: false, isLittle: true },
    (reader) => reader.readUint24LE(),
    (writer, value) => writer.writeUint24LE(value),
  ),
  integerCase(
    { name: "Int24LE", bits: 24, isSigned: true, isLittle: true },
    (reader) => reader.readInt24LE(),
    (writer, value) => writer.writeInt24LE(value),
  ),
  integerCase(
    { name: "Uint24BE", bits: 24, isSigned: false, isLittle: false },
    (reader) => reader.readUint24BE(),
    (writer, value) => writer.writeUint24BE(value),
  ),
  integerCase(
    { name: "Int24BE", bits: 24, isSigned: true, isLittle: false },
    (reader) => reader.readInt24BE(),
    (writer, value) => writer.writeInt24BE(value),
  ),
  integerCase(
    { name: "Uint32LE", bits: 32, isSigned: false, isLittle: true },
    (reader) => reader.readUint32LE(),
    (writer, value) => writer.writeUint32LE(value),
  ),
  integerCase(
    { name: "Int32LE", bits: 32, isSigned: true, isLittle: true },
    (reader) => reader.readInt32LE(),
    (writer, value) => writer.writeInt32LE(value),
  ),
  integerCase(
    { name: "Uint32BE", bits: 32, isSigned: false, isLittle: false },
    (reader) => reader.readUint32BE(),
    (writer, value) => writer.writeUint32BE(value),
  ),
  integerCase(
    { name: "Int32BE", bits: 32, isSigned: true, isLittle: false },
    (reader) => reader.readInt32BE(),
    (writer, value) => writer.writeInt32BE(value),
  ),
  integerCase(
    { name: "SafeUint64LE", bits: 64, isSigned: false, isLittle: true },
    (reader) => reader.readSafeUint64LE(),
    (writer, value) => writer.writeSafeUint64LE(value),
  ),
  integerCase(
    { name: "SafeInt64LE", bits: 64, isSigned: true, isLittle: true },
    (reader) => reader.readSafeInt64LE(),
    (writer, value) => writer.writeSafeInt64LE(value),
  ),
  integerCase(
    { name: "SafeUint64BE", bits: 64, isSigned: false, isLittle: false },
    (reader) => reader.readSafeUint64BE(),
    (writer, value) => writer.writeSafeUint64BE(value),
  ),
  integerCase(
    { name: "SafeInt64BE", bits: 64, isSigned: true, isLittle: false },
    (reader) => reader.readSafeInt64BE(),
    (writer, value) => writer.writeSafeInt64BE(value),
  ),
  float32Case("Float32LE", true, (reader) => reader.readFloat32LE(), (writer, value) => writer.writeFloat32LE(value)),
  float32Case("Float32BE", false, (reader) => reader.readFloat32BE(), (writer, value) => writer.writeFloat32BE(value)),
  float64Case("Float64LE", true, (reader) => reader.readFloat64LE(), (writer, value) => writer.writeFloat64LE(value)),
  float64Case("Float64BE", false, (reader) => reader.readFloat64BE(), (writer, value) => writer.writeFloat64BE(value)),
];

/** All formats whose values are bigints. */
export const BIGINT_CASES: readonly NumberCase<bigint>[] = [
  bigintCase(
    { name: "Uint64LE", isSigned: false, isLittle: true },
    (reader) => reader.readUint64LE(),
    (writer, value) => writer.writeUint64LE(value),
  ),
  bigintCase(
    { name: "Int64LE", isSigned: true, isLittle: true },
    (reader) => reader.readInt64LE(),
    (writer, value) => writer.writeInt64LE(value),
  ),
  bigintCase(
    { name: "Uint64BE", isSigned: false, isLittle: false },
    (reader) => reader.readUint64BE(),
    (writer, value) => writer.writeUint64BE(value),
  ),
  bigintCase(
    { name: "Int64BE", isSigned: true, isLittle: false },
    (reader) => reader.readInt64BE(),
    (writer, value) => writer.writeInt64BE(value),
  ),
];
