// Framed echo on `Bun.listen`, by hand: one write a read. Bun only.

import { Buffer } from "node:buffer";
import { bun, type BunSocket } from "./bun_runtime.ts";
import { announce, readPort, readTls } from "./command_line.ts";
import { Answers, FrameParser } from "./hand_frames.ts";

class Peer {
  readonly parser = new FrameParser();
  /** What the socket did not take; nothing is read until it is gone. */
  rest: Buffer | undefined = undefined;
  restOffset = 0;
}

const answers = new Answers();

const server = bun.listen<Peer>({
  hostname: "127.0.0.1",
  port: readPort(),
  tls: readTls(),
  socket: {
    open(socket) {
      socket.data = new Peer();
    },
    data(socket, chunk) {
      answers.length = 0;
      if (!socket.data.parser.answer(chunk, answers)) return socket.terminate();
      if (answers.length > 0) send(socket);
    },
    drain(socket) {
      const peer = socket.data;
      if (peer.rest === undefined) return;
      const count = socket.write(peer.rest, peer.restOffset, peer.rest.length - peer.restOffset);
      if (count > 0) peer.restOffset += count;
      if (peer.restOffset < peer.rest.length) return;
      peer.rest = undefined;
      socket.resume();
    },
  },
});
announce(server.port);

function send(socket: BunSocket<Peer>): void {
  const peer = socket.data;
  if (peer.rest !== undefined) { // A chunk that was on its way when reading stopped.
    const rest = peer.rest.subarray(peer.restOffset);
    peer.rest = Buffer.concat([rest, answers.bytes.subarray(0, answers.length)]);
    peer.restOffset = 0;
    return;
  }
  const count = socket.write(answers.bytes, 0, answers.length);
  if (count === answers.length || count < 0) return;
  peer.rest = Buffer.from(answers.bytes.subarray(count, answers.length));
  peer.restOffset = 0;
  socket.pause();
}
