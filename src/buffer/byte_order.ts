// Loads and stores integers in both byte orders, and checks bigints and floats. Does not check indexes: callers do.
// Runtime neutral.

import { describeValue } from "../options.ts";

const MAX_UINT64 = 2n ** 64n - 1n;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** Loads 16 bits at `index`, little-endian, unsigned. */
export function load16LE(bytes: Uint8Array, index: number): number {
  return bytes[index] | (bytes[index + 1] << 8);
}

/** Loads 16 bits at `index`, big-endian, unsigned. */
export function load16BE(bytes: Uint8Array, index: number): number {
  return bytes[index + 1] | (bytes[index] << 8);
}

/** Loads 24 bits at `index`, little-endian, unsigned. */
export function load24LE(bytes: Uint8Array, index: number): number {
  return bytes[index] | (bytes[index + 1] << 8) | (bytes[index + 2] << 16);
}

/** Loads 24 bits at `index`, big-endian, unsigned. */
export function load24BE(bytes: Uint8Array, index: number): number {
  return bytes[index + 2] | (bytes[index + 1] << 8) | (bytes[index] << 16);
}

/** Loads 32 bits at `index`, little-endian, signed. */
export function load32LE(bytes: Uint8Array, index: number): number {
  return bytes[index] | (bytes[index + 1] << 8) | (bytes[index + 2] << 16) | (bytes[index + 3] << 24);
}

/** Loads 32 bits at `index`, big-endian, signed. */
export function load32BE(bytes: Uint8Array, index: number): number {
  return bytes[index + 3] | (bytes[index + 2] << 8) | (bytes[index + 1] << 16) | (bytes[index] << 24);
}

/** Stores the low 16 bits of `value` at `index`, little-endian. */
export function store16LE(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value;
  bytes[index + 1] = value >>> 8;
}

/** Stores the low 16 bits of `value` at `index`, big-endian. */
export function store16BE(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value >>> 8;
  bytes[index + 1] = value;
}

/** Stores the low 24 bits of `value` at `index`, little-endian. */
export function store24LE(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value;
  bytes[index + 1] = value >>> 8;
  bytes[index + 2] = value >>> 16;
}

/** Stores the low 24 bits of `value` at `index`, big-endian. */
export function store24BE(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value >>> 16;
  bytes[index + 1] = value >>> 8;
  bytes[index + 2] = value;
}

/** Stores the low 32 bits of `value` at `index`, little-endian. */
export function store32LE(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value;
  bytes[index + 1] = value >>> 8;
  bytes[index + 2] = value >>> 16;
  bytes[index + 3] = value >>> 24;
}

/** Stores the low 32 bits of `value` at `index`, big-endian. */
export function store32BE(bytes: Uint8Array, index: number, value: number): void {
  bytes[index] = value >>> 24;
  bytes[index + 1] = value >>> 16;
  bytes[index + 2] = value >>> 8;
  bytes[index + 3] = value;
}

/** Stores the 64 bits that `scratch` holds big-endian at `index`, little-endian. */
export function store64LE(bytes: Uint8Array, index: number, scratch: DataView): void {
  store32LE(bytes, index, scratch.getInt32(4));
  store32LE(bytes, index + 4, scratch.getInt32(0));
}

/** Stores the 64 bits that `scratch` holds big-endian at `index`, big-endian. */
export function store64BE(bytes: Uint8Array, index: number, scratch: DataView): void {
  store32BE(bytes, index, scratch.getInt32(0));
  store32BE(bytes, index + 4, scratch.getInt32(4));
}

/** Refuses a bigint outside 0 to 2^64-1. */
export function requireUint64(value: bigint): void {
  if (value < 0n || value > MAX_UINT64) throw bigintError("uint64", value, 0n, MAX_UINT64);
}

/** Refuses a bigint outside -2^63 to 2^63-1. */
export function requireInt64(value: bigint): void {
  if (value < MIN_INT64 || value > MAX_INT64) throw bigintError("int64", value, MIN_INT64, MAX_INT64);
}

/** Refuses a finite number that would become infinite as a 32-bit float. */
export function requireFloat32(value: number): void {
  if (!Number.isFinite(value) || Number.isFinite(Math.fround(value))) return;
  throw new RangeError(`Cannot write float32 as value must fit 32 bits: current value is ${describeValue(value)}`);
}

function bigintError(what: string, value: bigint, minimum: bigint, maximum: bigint): RangeError {
  return new RangeError(
    `Cannot write ${what} as value must be from ${minimum} to ${maximum}: current value is ${describeValue(value)}`,
  );
}
