// Fan-out on `node:net`, by hand: what came is encoded once, one write a receiver and chunk. Runs on Node, Bun and Deno.

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { announce, readPort } from "./command_line.ts";
import { Answers, FrameParser } from "./hand_frames.ts";

/** A receiver that is so far behind is cut off. */
const MOST_QUEUED_BYTES = 1_048_576;

const answers = new Answers();
const sockets = new Set<Socket>();

const server = createServer({ noDelay: true }, (socket) => {
  const parser = new FrameParser();
  sockets.add(socket);
  socket.on("data", (chunk: Buffer) => {
    answers.length = 0;
    if (!parser.answer(chunk, answers)) return socket.destroy();
    if (answers.length === 0) return;
    // A receiver that is behind keeps the array: it must not be used again.
    const block = Buffer.from(answers.bytes.subarray(0, answers.length));
    for (const receiver of sockets) {
      receiver.write(block);
      if (receiver.writableLength > MOST_QUEUED_BYTES) receiver.destroy();
    }
  });
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => socket.destroy());
});
server.listen(readPort(), "127.0.0.1", () => announce((server.address() as AddressInfo).port));
