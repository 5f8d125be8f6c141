// Framed echo on `Bun.listen` as most people write it: a concat a read, two writes a frame. Bun only.

import { Buffer } from "node:buffer";
import { bun, type BunSocket } from "./bun_runtime.ts";
import { announce, readPort } from "./command_line.ts";

interface Peer {
  received: Buffer;
  unsent: Buffer;
}

const server = bun.listen<Peer>({
  hostname: "127.0.0.1",
  port: readPort(),
  socket: {
    open(socket) {
      socket.data = { received: Buffer.alloc(0), unsent: Buffer.alloc(0) };
    },
    data(socket, chunk) {
      let received = Buffer.concat([socket.data.received, chunk]);
      while (received.length >= 4) {
        const length = received.readUInt32LE(0);
        if (received.length < 4 + length) break;
        const header = Buffer.alloc(4);
        header.writeUInt32LE(length);
        send(socket, header);
        send(socket, received.subarray(4, 4 + length));
        received = received.subarray(4 + length);
      }
      socket.data.received = received;
    },
    drain(socket) {
      const { unsent } = socket.data;
      socket.data.unsent = Buffer.alloc(0);
      send(socket, unsent);
    },
  },
});
announce(server.port);

function send(socket: BunSocket<Peer>, bytes: Buffer): void {
  const peer = socket.data;
  const count = peer.unsent.length > 0 ? 0 : socket.write(bytes);
  if (count >= 0 && count < bytes.length) peer.unsent = Buffer.concat([peer.unsent, bytes.subarray(count)]);
}
