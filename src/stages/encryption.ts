// encryption(): AES-GCM (NIST SP 800-38D) with the keys of one session and the frame's number as nonce. Does not exchange keys:
// see session_keys.ts. Runtime neutral, over `node:crypto`.

import { createCipheriv, createDecipheriv } from "node:crypto";
import { plainView } from "../buffer/plain_view.ts";
import type { Frame } from "../codec/codec.ts";
import { FrameError } from "../errors.ts";
import { checkKeys } from "../options.ts";
import type { Stage, StageDecoder, StageEncoder } from "./stage.ts";

const HEADER_BYTES = 8;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES;
/** Frame numbers have 32 bits. This is within the limits of AES-GCM for one key and frames of this size. */
const MOST_FRAMES = 2 ** 32;

/** The keys of one session. Each direction needs its own, as both use the same nonces. */
export interface SessionKeys {
  /** Encrypts outgoing frames; the other side's `receiveKey`. 16 bytes (AES-128) or 32 (AES-256). Copied. */
  readonly sendKey: Uint8Array;
  /** Decrypts incoming frames; the other side's `sendKey`. 16 or 32 bytes. Copied. */
  readonly receiveKey: Uint8Array;
}

const NAMES: Record<keyof SessionKeys, true> = { sendKey: true, receiveKey: true };

/**
 * Makes the stage that encrypts and authenticates the payloads of ONE session. Frames are numbered, and the number is the
 * nonce: a frame that is repeated or out of order is refused, and so is one that is incomplete or was changed.
 *
 * ```text
 *  0            4            8                     8 + length   24 + length
 * +------------+------------+---------------------+------------+
 * | number, LE | length, LE | encrypted payload   | tag        |
 * +------------+------------+---------------------+------------+
 * ```
 *
 * The first eight bytes are authenticated too. A bad frame closes the session with `"decode-error"` and the detail `"tampered"`
 * if a bit was changed or the keys differ, `"replayed"` if a frame of this session is out of order, `"incomplete"` if it is
 * shorter than its length field says. After 2^32 frames under one key, `send` closes the session with `"encode-error"` and the
 * detail `"codec-fault"`: switch to new keys before that.
 *
 * Keys must be fresh for each session, as those of `deriveSessionKeys`. Exchange the hellos in plain frames first, then call
 * `session.switchCodec(staged(codec, [encryption(keys)]))`.
 *
 * @param keys The session's keys.
 * @returns A stage for one session: it makes one encoder and one decoder, and throws a `TypeError` for a second one.
 * @throws {RangeError} if a key does not have 16 or 32 bytes, or both are the same.
 * @throws {TypeError} if `keys` has an unknown property.
 *
 * @example Two ends of a session
 * ```ts
 * import { Frame, simpleBinary } from "@laster/net";
 * import { encryption, staged } from "@laster/net/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const [one, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
 * const near = staged(simpleBinary(), [encryption({ sendKey: one, receiveKey: other })]);
 * const far = staged(simpleBinary(), [encryption({ sendKey: other, receiveKey: one })]);
 * const bytes = new Uint8Array(31);
 * near.createEncoder().encode(new Uint8Array([1, 2, 3]), 0, 3, bytes, 0);
 * const frame = new Frame();
 * far.createDecoder().decode(bytes, 0, 31, frame);
 * assertEquals([...frame.buffer.subarray(frame.offset, frame.offset + frame.length)], [1, 2, 3]);
 * ```
 */
export function encryption(keys: SessionKeys): Stage {
  checkKeys("encryption", keys, NAMES);
  const sendKey = copyKey("sendKey", keys.sendKey);
  const receiveKey = copyKey("receiveKey", keys.receiveKey);
  if (sendKey.length === receiveKey.length && sendKey.every((byte, index) => byte === receiveKey[index])) {
    throw new RangeError("Cannot create encryption as each direction must have its own key: both are the same");
  }
  const made = { encoder: false, decoder: false };
  return {
    name: "encryption",
    overheadBytes: OVERHEAD_BYTES,
    createEncoder() {
      takeOnce(made, "encoder");
      return new Encryptor(sendKey);
    },
    createDecoder() {
      takeOnce(made, "decoder");
      return new Decryptor(receiveKey);
    },
  };
}

/** Encrypts frames. `firstNumber` is 0 except in tests of the limit of 2^32 frames. */
export class Encryptor implements StageEncoder {
  readonly #key: Uint8Array;
  readonly #algorithm: "aes-128-gcm" | "aes-256-gcm";
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  #number: number;

  constructor(key: Uint8Array, firstNumber: number = 0) {
    this.#number = firstNumber;
    this.#key = key;
    this.#algorithm = algorithmOf(key);
  }

  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
    if (this.#number >= MOST_FRAMES) {
      throw new FrameError("codec-fault", `Cannot encode frame as a key serves ${MOST_FRAMES} frames: it has`);
    }
    writeNumber(output, outputOffset, this.#number);
    writeNumber(output, outputOffset + 4, length);
    writeNumber(this.#nonce, NONCE_BYTES - 4, this.#number);
    this.#number++; // Before anything can fail, so that no nonce is used twice.
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#nonce);
    const start = outputOffset + HEADER_BYTES;
    cipher.setAAD(output.subarray(outputOffset, start));
    output.set(cipher.update(payload.subarray(offset, offset + length)), start);
    cipher.final(); // Returns no bytes, as GCM is a stream mode.
    output.set(cipher.getAuthTag(), start + length);
    return OVERHEAD_BYTES + length;
  }
}

/** Decrypts frames; see `Encryptor`. */
export class Decryptor implements StageDecoder {
  readonly #key: Uint8Array;
  readonly #algorithm: "aes-128-gcm" | "aes-256-gcm";
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  #number: number;

  constructor(key: Uint8Array, firstNumber: number = 0) {
    this.#number = firstNumber;
    this.#key = key;
    this.#algorithm = algorithmOf(key);
  }

  decode(frame: Frame): void {
    const { buffer, offset } = frame;
    const length = frame.length - OVERHEAD_BYTES;
    const said = length < 0 ? 0 : readNumber(buffer, offset + 4);
    if (length < said) {
      throw new FrameError(
        "incomplete",
        `Cannot decrypt frame as it takes ${said + OVERHEAD_BYTES} bytes: current value is ${frame.length}`,
      );
    }
    const number = readNumber(buffer, offset);
    const payload = this.#decrypt(buffer, offset, length, number);
    if (number !== this.#number) {
      throw new FrameError(
        "replayed",
        `Cannot decrypt frame as its number must be ${this.#number}: current value is ${number}`,
      );
    }
    this.#number++;
    frame.set(payload, 0, length);
  }

  #decrypt(buffer: Uint8Array, offset: number, length: number, number: number): Uint8Array {
    writeNumber(this.#nonce, NONCE_BYTES - 4, number);
    const decipher = createDecipheriv(this.#algorithm, this.#key, this.#nonce);
    const start = offset + HEADER_BYTES;
    const end = start + length;
    decipher.setAAD(buffer.subarray(offset, start));
    decipher.setAuthTag(buffer.subarray(end, end + TAG_BYTES));
    const payload = decipher.update(buffer.subarray(start, end));
    try {
      decipher.final();
    } catch (cause) {
      throw new FrameError("tampered", "Cannot decrypt frame as its tag must fit: it was changed, or the keys differ", {
        cause,
      });
    }
    return plainView(payload, 0, payload.length);
  }
}

function takeOnce(made: { encoder: boolean; decoder: boolean }, what: "encoder" | "decoder"): void {
  if (made[what]) {
    throw new TypeError(
      `Cannot create another ${what} as the keys are those of one session: give each session a stage of its own, ` +
        "with session.switchCodec()",
    );
  }
  made[what] = true;
}

function copyKey(name: string, key: Uint8Array): Uint8Array {
  // Not `slice()`, which does not copy a Buffer.
  if (key?.BYTES_PER_ELEMENT === 1 && (key.length === 16 || key.length === 32)) return new Uint8Array(key);
  throw new RangeError(
    `Cannot create encryption as ${name} must be a Uint8Array of 16 or 32 bytes: current value has ${key?.length}`,
  );
}

function algorithmOf(key: Uint8Array): "aes-128-gcm" | "aes-256-gcm" {
  return key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
}

function writeNumber(output: Uint8Array, at: number, value: number): void {
  output[at] = value;
  output[at + 1] = value >>> 8;
  output[at + 2] = value >>> 16;
  output[at + 3] = value >>> 24;
}

function readNumber(input: Uint8Array, at: number): number {
  return (input[at] | (input[at + 1] << 8) | (input[at + 2] << 16) | (input[at + 3] << 24)) >>> 0;
}
