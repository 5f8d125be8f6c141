// Framed echo on `Deno.listen` as most people write it: a concat a read, two writes a frame. Deno only.

import { announce, readPort } from "./command_line.ts";

async function serve(socket: Deno.TcpConn): Promise<void> {
  let received = new Uint8Array(0);
  const buffer = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await socket.read(buffer);
      if (count === null) break;
      const joined = new Uint8Array(received.length + count);
      joined.set(received);
      joined.set(buffer.subarray(0, count), received.length);
      received = joined;
      while (received.length >= 4) {
        const length = new DataView(received.buffer, received.byteOffset).getUint32(0, true);
        if (received.length < 4 + length) break;
        const header = new Uint8Array(4);
        new DataView(header.buffer).setUint32(0, length, true);
        await writeAll(socket, header);
        await writeAll(socket, received.subarray(4, 4 + length));
        received = received.subarray(4 + length);
      }
    }
  } catch {
    // The peer is gone.
  }
  socket.close();
}

async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

const server = Deno.listen({ hostname: "127.0.0.1", port: readPort() });
announce((server.addr as Deno.NetAddr).port);
for await (const socket of server) serve(socket);
