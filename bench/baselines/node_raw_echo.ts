// Echoes bytes on `node:net`, without frames. Runs on Node, Bun and Deno.

import type { Buffer } from "node:buffer";
import { type AddressInfo, createServer } from "node:net";
import { announce, readPort } from "./command_line.ts";

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", (chunk: Buffer) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
});
server.listen(readPort(), "127.0.0.1", () => announce((server.address() as AddressInfo).port));
