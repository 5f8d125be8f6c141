// Framed echo on `node:net` as most people write it: a concat a read, two writes a frame. Runs on Node, Bun and Deno.

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer } from "node:net";
import { announce, readPort } from "./command_line.ts";

const server = createServer((socket) => {
  let received: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 4) {
      const length = received.readUInt32LE(0);
      if (received.length < 4 + length) break;
      const header = Buffer.alloc(4);
      header.writeUInt32LE(length);
      socket.write(header);
      socket.write(received.subarray(4, 4 + length));
      received = received.subarray(4 + length);
    }
  });
  socket.on("error", () => socket.destroy());
});
server.listen(readPort(), "127.0.0.1", () => announce((server.address() as AddressInfo).port));
