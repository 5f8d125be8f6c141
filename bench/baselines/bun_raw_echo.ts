// Echoes bytes on `Bun.listen`, without frames. Bun only.

import { Buffer } from "node:buffer";
import { bun } from "./bun_runtime.ts";
import { announce, readPort } from "./command_line.ts";

interface Peer {
  rest: Buffer | undefined;
}

const server = bun.listen<Peer>({
  hostname: "127.0.0.1",
  port: readPort(),
  socket: {
    open(socket) {
      socket.data = { rest: undefined };
    },
    data(socket, chunk) {
      const peer = socket.data;
      const count = peer.rest === undefined ? socket.write(chunk) : 0;
      if (count === chunk.length || count < 0) return;
      const left = chunk.subarray(count);
      peer.rest = peer.rest === undefined ? left : Buffer.concat([peer.rest, left]);
      socket.pause();
    },
    drain(socket) {
      const { rest } = socket.data;
      if (rest === undefined) return;
      const count = Math.max(socket.write(rest), 0);
      socket.data.rest = count < rest.length ? rest.subarray(count) : undefined;
      if (socket.data.rest === undefined) socket.resume();
    },
  },
});
announce(server.port);
