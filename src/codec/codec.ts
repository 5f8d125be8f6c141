// Codec: the contract between a session and the code that cuts bytes into frames and makes frames of payloads.
// Types and one small record; the codecs are in this folder. Runtime neutral.

/**
 * What a decoder found: where the payload lies. One record is used for every frame, so read it before decoding on.
 *
 * @example Decode by hand
 * ```ts
 * import { Frame, simpleBinary } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Frame();
 * const input = new Uint8Array([2, 0, 0, 0, 104, 105]);
 * const used = simpleBinary().createDecoder().decode(input, 0, input.length, frame);
 * assertEquals([used, frame.offset, frame.length], [6, 4, 2]);
 * ```
 */
export class Frame {
  /** The array that holds the payload: the decoder's input, or an array of its own. */
  buffer: Uint8Array = EMPTY;
  /** Where the payload starts in `buffer`, in bytes. */
  offset = 0;
  /** How long the payload is, in bytes. */
  length = 0;
  /**
   * Set by a decoder that returns 0: how many bytes the whole frame takes, counted from `start`; 0 if not known, which it is
   * reset to before each call of `decode`.
   */
  needBytes = 0;
  /**
   * Increased by decoders whose payloads are longer than their frames, such as decompression, by the difference. It counts
   * against the byte budget of the session's turn.
   */
  expandedBytes = 0;

  /** The frame to answer the peer with; see `consume`. Valid only while `isConsumed`. */
  reply: Uint8Array | undefined = undefined;
  /** Whether the frame answers a ping; see `acknowledge`. Valid only while `isConsumed`. */
  isAnswer = false;

  /** Whether the frame was a control frame, which has no payload for the application. */
  get isConsumed(): boolean {
    return this.length < 0;
  }

  /**
   * Says that the frame was a control frame, such as a heartbeat, a ping or an acknowledgement: it is not passed to the
   * application.
   *
   * @param reply A whole encoded frame to answer with; copied, and sent behind what was sent before, except messages that
   * wait, as with `session.sendEncoded()`. While the queue is congested or full, the session does not read from the peer if
   * `pauseWhenFull` is true and there is no bound in flight. A reply for which there is no room is sent once there is some;
   * one alone waits for that, the last.
   */
  consume(reply?: Uint8Array): void {
    this.length = -1;
    this.reply = reply;
    this.isAnswer = false;
  }

  /** Says that the frame is the peer's answer to the codec's `ping`: the peer has read all that was sent before the ping. */
  acknowledge(): void {
    this.consume();
    this.isAnswer = true;
  }

  /**
   * Points the record at a payload.
   *
   * @param buffer The array that holds it.
   * @param offset Where it starts, in bytes.
   * @param length How long it is, in bytes, 0 or more.
   */
  set(buffer: Uint8Array, offset: number, length: number): void {
    // Skips the write barrier: `buffer` is usually unchanged.
    if (this.buffer !== buffer) this.buffer = buffer;
    this.offset = offset;
    this.length = length;
  }
}

const EMPTY = new Uint8Array(0);

/**
 * Cuts a stream of bytes into frames, one per call.
 *
 * The contract:
 * - `decode` reads `input[start]` up to but not including `input[end]`; `start < end`. It must not read the rest of `input`.
 * - A whole frame at `start`: point `frame` at its payload and return how many bytes the frame takes, 1 or more.
 * - A whole frame that is not for the application: call `frame.consume()`, with the reply if there is one, and return how many
 *   bytes it takes.
 * - Not a whole frame yet: return 0. If the frame's size is known already, put it in `frame.needBytes`: the session then calls
 *   again only when that many bytes have come. The next call gets the same bytes, with more behind them.
 * - Ill-formed: throw a `FrameError`. The session closes with `"decode-error"`. Refuse a length beyond the limit as
 *   soon as the header is complete.
 * - `input` is on loan: it must not be changed, nor kept after the call.
 */
export interface FrameDecoder {
  /** The most bytes that a frame may take, framing included: bounds what a session keeps of an unfinished frame. */
  readonly maxFrameBytes: number;
  /**
   * Looks for one frame.
   *
   * @param input The bytes.
   * @param start Where the frame starts.
   * @param end Where the bytes end.
   * @param frame The record for the result.
   * @returns The bytes that the frame takes, or 0 if more are needed.
   * @throws {FrameError} if the bytes are ill-formed.
   */
  decode(input: Uint8Array, start: number, end: number, frame: Frame): number;
}

/** Makes a frame of a payload, directly in the session's outgoing block. */
export interface FrameEncoder {
  /** The longest payload it takes, in bytes, inclusive. `send` answers `"too-large"` for longer ones. */
  readonly maxPayloadBytes: number;
  /**
   * Tells the most bytes that a frame may take.
   *
   * @param length The payload's length in bytes, within `maxPayloadBytes`.
   * @returns Bytes, framing included.
   */
  frameBytes(length: number): number;
  /**
   * Writes the frame of `payload[offset]` up to `payload[offset + length - 1]` to `output`. Must neither
   * send nor flush anything itself.
   *
   * @param payload The array that holds the payload; on loan.
   * @param offset Where it starts.
   * @param length How long it is.
   * @param output Where to write; has at least `frameBytes(length)` bytes of room behind `outputOffset`.
   * @param outputOffset Where to start writing.
   * @returns The bytes written.
   * @throws {FrameError} `"unencodable"` if no frame can be made of the payload, before the encoder changes any state: `send`
   * then answers `"unencodable"`, and the session stays open. Any other error ends the session with `"encode-error"`.
   */
  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number;
}

/**
 * A pair of decoder and encoder. One codec serves a whole service; each session asks it for its own pair, which may be
 * the same objects every time if they keep no state.
 */
export interface Codec {
  /** A short name for logs and errors. */
  readonly name: string;
  /**
   * A whole encoded frame that pings the peer, if the codec has one: the peer's decoder answers it (`Frame.consume`), and this
   * side's decoder reports the answer (`Frame.acknowledge`). See `SessionLimits.heartbeat`.
   */
  readonly ping?: Uint8Array;
  /** Makes the decoder of one session. */
  createDecoder(): FrameDecoder;
  /** Makes the encoder of one session. */
  createEncoder(): FrameEncoder;
}
