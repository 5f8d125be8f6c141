// Stage: a change to payloads before framing, reversed on the other side. Types only; the stages are in this folder. Runtime
// neutral.

import type { Frame } from "../codec/codec.ts";

/** Changes payloads on their way out. */
export interface StageEncoder {
  /**
   * Writes the changed form of `payload[offset]` up to `payload[offset + length - 1]`.
   *
   * @param payload The array that holds the payload; on loan.
   * @param offset Where it starts.
   * @param length How long it is.
   * @param output Where to write; has room for `length + overheadBytes` bytes behind `outputOffset`.
   * @param outputOffset Where to start writing.
   * @returns The bytes written.
   * @throws {FrameError} `"unencodable"` if it cannot take the payload, before it changes any state. If it is the first stage,
   * `send` then answers `"unencodable"`, and the session stays open. Behind another stage it ends the session with
   * `"encode-error"`, as does any other error: the stages before may have numbered the frame, as `encryption` does. So a stage
   * that refuses payloads belongs first.
   */
  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number;
}

/** Changes payloads back on their way in. */
export interface StageDecoder {
  /**
   * Points `frame` at the original payload: at a part of the bytes that it points at, or at a new array.
   *
   * @param frame The received payload; its bytes are on loan and must not be changed.
   * @throws {FrameError} if the other side's encoder cannot have made it. The session closes with `"decode-error"`, with the
   * error's `code` as the detail.
   */
  decode(frame: Frame): void;
}

/** A pair of encoder and decoder. Each session asks for its own; a stateless stage returns the same ones every time. */
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
