// Fan-out on `Deno.listen`, by hand: what came is encoded once, one write a receiver and chunk; a receiver whose write
// is under way gets what came meanwhile in the next one. Deno only.

import { announce, readPort } from "./command_line.ts";
import { answerFrames, roomFor, writeAll } from "./deno_frames.ts";

const READ_BYTES = 65_536;
/** A receiver that is so many chunks behind is cut off. */
const MOST_WAITING = 1_024;

class Receiver {
  readonly #socket: Deno.TcpConn;
  #isWriting = false;
  #waiting: Uint8Array<ArrayBuffer>[] = [];

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  send(block: Uint8Array<ArrayBuffer>): void {
    if (!this.#isWriting) this.#write(block);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(block);
    else receivers.delete(this);
  }

  async #write(first: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#isWriting = true;
    try {
      await writeAll(this.#socket, first);
      while (this.#waiting.length > 0) {
        const waiting = this.#waiting;
        this.#waiting = [];
        await writeAll(this.#socket, waiting.length === 1 ? waiting[0] : join(waiting));
      }
      this.#isWriting = false;
    } catch {
      receivers.delete(this); // The peer is gone.
    }
  }
}

const receivers = new Set<Receiver>();

async function serve(socket: Deno.TcpConn): Promise<void> {
  socket.setNoDelay(true);
  const receiver = new Receiver(socket);
  receivers.add(receiver);
  let input = new Uint8Array(READ_BYTES);
  let used = 0;
  try {
    for (;;) {
      const count = await socket.read(used === 0 ? input : input.subarray(used));
      if (count === null) break;
      used += count;
      // A receiver may keep the block: it is not used again.
      const out = new Uint8Array(used);
      const answered = answerFrames(input, used, out);
      if (answered < 0) break;
      const block = out.subarray(0, answered);
      if (answered > 0) { for (const each of receivers) each.send(block); }
      if (answered > 0 && answered < used) input.copyWithin(0, answered, used);
      used -= answered;
      if (used > 0) input = roomFor(input, used);
    }
  } catch {
    // The peer is gone.
  }
  receivers.delete(receiver);
  socket.close();
}

function join(blocks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}

const server = Deno.listen({ hostname: "127.0.0.1", port: readPort() });
announce((server.addr as Deno.NetAddr).port);
for await (const socket of server) serve(socket);
