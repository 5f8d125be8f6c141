// Framing as a very good engineer writes it by hand where one reads into a buffer of one's own. Deno only.

const HEADER_BYTES = 4;
const MOST_PAYLOAD_BYTES = 16_777_216;
/** Up to here a byte loop beats `set` on a view. */
const LOOP_BYTES = 32;
const OUT_BYTES = 65_536;
const MOST_FREE = 1_024;

/**
 * Copies the answers to the whole frames of `input[0]` up to `input[used - 1]` to `out`. Says how many bytes they are, or
 * -1 if the peer breaks the format.
 */
export function answerFrames(input: Uint8Array, used: number, out: Uint8Array): number {
  let at = 0;
  while (used - at >= HEADER_BYTES) {
    const length = readLength(input, at);
    if (length < 0 || length > MOST_PAYLOAD_BYTES) return -1;
    const start = at + HEADER_BYTES;
    if (used - start < length) break;
    out[at] = length;
    out[at + 1] = length >>> 8;
    out[at + 2] = length >>> 16;
    out[at + 3] = length >>> 24;
    if (length > LOOP_BYTES) out.set(input.subarray(start, start + length), start);
    else for (let index = 0; index < length; index++) out[start + index] = input[start + index];
    at = start + length;
  }
  return at;
}

/** Gives `input`, or a larger copy of it if the frame at its start does not fit. */
export function roomFor(input: Uint8Array<ArrayBuffer>, used: number): Uint8Array<ArrayBuffer> {
  const frameBytes = used < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + Math.max(readLength(input, 0), 0);
  if (frameBytes <= input.length || frameBytes > HEADER_BYTES + MOST_PAYLOAD_BYTES) return input;
  const larger = new Uint8Array(2 ** Math.ceil(Math.log2(frameBytes)));
  larger.set(input.subarray(0, used));
  return larger;
}

/** Writes all of `bytes`, however many writes that takes. */
export async function writeAll(socket: Deno.Conn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  let count = await socket.write(bytes);
  while (count < bytes.length) count += await socket.write(bytes.subarray(count));
}

/** Out buffers, lent until the write is over: an idle connection holds none. */
export class OutBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** Lends an array of at least `bytes`. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    return bytes <= OUT_BYTES ? this.#free.pop() ?? new Uint8Array(OUT_BYTES) : this.#takeLarge(bytes);
  }

  /** Takes it back. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer.length === OUT_BYTES && this.#free.length < MOST_FREE) this.#free.push(buffer);
    else if (buffer.length > OUT_BYTES) this.#large = buffer;
  }

  #large: Uint8Array<ArrayBuffer> | undefined = undefined;

  #takeLarge(bytes: number): Uint8Array<ArrayBuffer> {
    const large = this.#large;
    this.#large = undefined;
    return large !== undefined && large.length >= bytes ? large : new Uint8Array(2 * bytes);
  }
}

function readLength(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
