// Echoes bytes on `Deno.listen`, without frames. Deno only.

import { announce, readPort } from "./command_line.ts";
import { writeAll } from "./deno_frames.ts";

async function serve(socket: Deno.TcpConn): Promise<void> {
  socket.setNoDelay(true);
  const buffer = new Uint8Array(65_536);
  try {
    for (let count = await socket.read(buffer); count !== null; count = await socket.read(buffer)) {
      await writeAll(socket, buffer.subarray(0, count));
    }
  } catch {
    // The peer is gone.
  }
  socket.close();
}

const server = Deno.listen({ hostname: "127.0.0.1", port: readPort() });
announce((server.addr as Deno.NetAddr).port);
for await (const socket of server) serve(socket);
