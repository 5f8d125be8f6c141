// The frames of lengthPrefixed(), written a second time and plainly, to compare with. Runtime neutral.

import type { ByteOrder, LengthWidth } from "../../src/codec/length_field.ts";

/** A header's shape: the options of lengthPrefixed(), all given. */
export interface FrameShape {
  readonly width: LengthWidth;
  readonly byteOrder: ByteOrder;
  readonly lengthIncludesHeader: boolean;
  readonly lengthOffset: number;
  readonly lengthAdjustment: number;
  readonly keepHeader: boolean;
}

/** The shape that every test starts from: lengthPrefixed() without options. */
export const PLAIN_SHAPE: FrameShape = {
  width: 4,
  byteOrder: "little",
  lengthIncludesHeader: false,
  lengthOffset: 0,
  lengthAdjustment: 0,
  keepHeader: false,
};

/** Makes the frame of a payload; with `keepHeader` the payload is the frame but for its length. */
export function referenceFrame(shape: FrameShape, payload: Uint8Array): Uint8Array {
  const headerBytes = shape.keepHeader ? shape.lengthOffset + Number(shape.width) : 0;
  const field = referenceField(shape, payload.length - headerBytes);
  const before = shape.keepHeader ? payload.slice(0, shape.lengthOffset) : new Uint8Array(shape.lengthOffset);
  return Uint8Array.from([...before, ...field, ...payload.slice(headerBytes)]);
}

/** The shortest payload of which a frame can be made: its length field says 0, or it is empty. */
export function shortestPayload(shape: FrameShape): number {
  for (let bytes = 0;; bytes++) {
    const headerBytes = shape.keepHeader ? shape.lengthOffset + Number(shape.width) : 0;
    if (bytes >= headerBytes && referenceLength(shape, bytes - headerBytes) >= 0) return bytes;
  }
}

/** Writes a length field with any value, true or not. */
export function writeLength(width: LengthWidth, byteOrder: ByteOrder, value: bigint): Uint8Array {
  if (width === "varint") return writeVarint(value);
  const view = new DataView(new ArrayBuffer(8));
  // Big-endian the last `width` bytes hold the value, little-endian the first.
  view.setBigUint64(0, value, byteOrder === "little");
  const bytes = new Uint8Array(view.buffer);
  return byteOrder === "little" ? bytes.slice(0, width) : bytes.slice(8 - width);
}

function referenceField(shape: FrameShape, bodyBytes: number): Uint8Array {
  return writeLength(shape.width, shape.byteOrder, BigInt(referenceLength(shape, bodyBytes)));
}

/** What the length field says of a body, the bytes behind it. */
function referenceLength(shape: FrameShape, bodyBytes: number): number {
  const length = bodyBytes - shape.lengthAdjustment;
  if (!shape.lengthIncludesHeader) return length;
  if (shape.width !== "varint") return length + shape.lengthOffset + shape.width;
  // A varint that counts itself: the first width whose own count fits in it.
  for (let fieldBytes = 1;; fieldBytes++) {
    const value = length + shape.lengthOffset + fieldBytes;
    if (value < 2 ** (7 * fieldBytes)) return value;
  }
}

function writeVarint(value: bigint): Uint8Array {
  const groups: number[] = [];
  for (let rest = value; groups.length === 0 || rest > 0n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80);
  groups[groups.length - 1] &= 0x7f;
  return Uint8Array.from(groups);
}
