// Framed echo on `node:net`, by hand: one write a read. Runs on Node, Bun and Deno.

import type { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { announce, readPort, readTls } from "./command_line.ts";
import { Answers, FrameParser } from "./hand_frames.ts";

const answers = new Answers();

function serve(socket: Socket): void {
  const parser = new FrameParser();
  socket.on("data", (chunk: Buffer) => {
    answers.length = 0;
    if (!parser.answer(chunk, answers)) return socket.destroy();
    if (answers.length === 0) return;
    const hasRoom = socket.write(answers.bytes.subarray(0, answers.length));
    // Else the system has taken all, and the array may be used again.
    if (socket.writableLength > 0) answers.replace();
    if (!hasRoom) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
}

const tls = readTls();
const server = tls === undefined
  ? createServer({ noDelay: true }, serve)
  : createTlsServer({ ...tls, noDelay: true }, serve);
server.listen(readPort(), "127.0.0.1", () => announce((server.address() as AddressInfo).port));
