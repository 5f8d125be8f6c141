// Stage: what is done to a payload before it is framed, and undone after. Types only; the stages are beside it. Runtime
// neutral.

import type { Frame } from "../codec/codec.ts";

/** Changes payloads on their way out. */
export interface StageEncoder {
  /**
   * Writes what becomes of `payload[offset]` up to `payload[offset + length - 1]`.
   *
   * @param payload The array that holds the payload; on loan.
   * @param offset Where it starts.
   * @param length How long it is.
   * @param output Where to write; has room for the stage's `overheadBytes` more than `length` behind `outputOffset`.
   * @param outputOffset Where to start writing.
   * @returns The bytes written.
   */
  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number;
}

/** Changes payloads back on their way in. */
export interface StageDecoder {
  /**
   * Points `frame` at the payload as it was: at a part of what it points at, or at an array that nobody else uses.
   *
   * @param frame What came; the bytes are on loan and must not be changed.
   * @throws {FrameError} if that is no work of the other side's encoder. Its `code` becomes the session's close reason.
   */
  decode(frame: Frame): void;
}

/** A pair of encoder and decoder. Each session asks for its own; a stage without state gives the same ones every time. */
export interface Stage {
  /** A short name for logs and errors. */
  readonly name: string;
  /** The most bytes that it adds to a payload. */
  readonly overheadBytes: number;
  /** The longest payload that it takes, in bytes; absent for any. */
  readonly maxPayloadBytes?: number;
  /** Makes the encoder of one session. */
  createEncoder(): StageEncoder;
  /** Makes the decoder of one session. */
  createDecoder(): StageDecoder;
}
