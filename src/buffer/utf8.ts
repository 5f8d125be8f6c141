// UTF-8 encoding and decoding, strict both ways: ill-formed text throws and is never replaced. Knows nothing of prefixes.
// Runtime neutral.

/** Up to this length a loop over the characters beats `encodeInto`, which needs a view of the target. */
const ENCODE_LOOP_CHARACTERS = 32;

/** Up to this length a loop over ASCII beats the decoder on all runtimes; from 12 characters on it is slower on Bun. */
const DECODE_LOOP_BYTES = 8;

const ENCODER = new TextEncoder();

// A byte order mark is kept, so that every string comes back as it went in. Decoders hold no state between whole calls.
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Measures a text in UTF-8. O(characters).
 *
 * @param text The text.
 * @returns Its length in bytes.
 * @throws {TypeError} if it holds a surrogate without its partner, which UTF-8 cannot express.
 */
export function utf8ByteLength(text: string): number {
  let byteLength = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    byteLength += unit < 0x800 ? 1 : 2;
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = index + 1 < text.length ? text.charCodeAt(index + 1) : 0;
    if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) {
      throw new TypeError(
        `Cannot write string as its surrogates must be paired: current value is U+${
          unit.toString(16).toUpperCase()
        } at index ${index}`,
      );
    }
    // A pair is four bytes, two more than its two characters: both were added for the first one.
    index++;
  }
  return byteLength;
}

/**
 * Writes a text as UTF-8.
 *
 * @param text A text that {@linkcode utf8ByteLength} accepted.
 * @param target Array to write to.
 * @param offset Index of the first byte.
 * @param byteLength What {@linkcode utf8ByteLength} said. The target must have room for it.
 */
export function encodeUtf8(text: string, target: Uint8Array, offset: number, byteLength: number): void {
  if (byteLength === text.length && byteLength <= ENCODE_LOOP_CHARACTERS) {
    for (let index = 0; index < byteLength; index++) target[offset + index] = text.charCodeAt(index);
    return;
  }
  ENCODER.encodeInto(text, target.subarray(offset, offset + byteLength));
}

/**
 * Reads a range of bytes as UTF-8.
 *
 * @param bytes Array to read from.
 * @param offset First index.
 * @param byteLength Bytes to read. The range must lie inside `bytes`.
 * @returns The text.
 * @throws {TypeError} if the bytes are not valid UTF-8, with the decoder's error as `cause`.
 */
export function decodeUtf8(bytes: Uint8Array, offset: number, byteLength: number): string {
  if (byteLength <= DECODE_LOOP_BYTES) {
    const text = decodeAscii(bytes, offset, byteLength);
    if (text !== undefined) return text;
  }
  try {
    return DECODER.decode(bytes.subarray(offset, offset + byteLength));
  } catch (cause) {
    throw new TypeError(
      `Cannot read string as its bytes must be valid UTF-8: current value is ${byteLength} bytes that are not`,
      { cause },
    );
  }
}

function decodeAscii(bytes: Uint8Array, offset: number, byteLength: number): string | undefined {
  let text = "";
  for (let index = offset; index < offset + byteLength; index++) {
    if (bytes[index] >= 0x80) return undefined;
    text += String.fromCharCode(bytes[index]);
  }
  return text;
}
