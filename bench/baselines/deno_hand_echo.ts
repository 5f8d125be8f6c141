// Framed echo on `Deno.listen`, by hand: a read buffer of 64 KiB a connection, parsed in place, and one awaited write a
// read. Deno only.

import { announce, readPort, readTls } from "./command_line.ts";
import { answerFrames, OutBuffers, roomFor, writeAll } from "./deno_frames.ts";

const READ_BYTES = 65_536;
const buffers = new OutBuffers();

async function serve(socket: Deno.TcpConn | Deno.TlsConn): Promise<void> {
  if ("setNoDelay" in socket) socket.setNoDelay(true);
  let input = new Uint8Array(READ_BYTES);
  let used = 0;
  try {
    for (;;) {
      const count = await socket.read(used === 0 ? input : input.subarray(used));
      if (count === null) break;
      used += count;
      const out = buffers.take(used);
      const answered = answerFrames(input, used, out);
      if (answered < 0) break;
      if (answered > 0) await writeAll(socket, out.subarray(0, answered));
      buffers.give(out);
      // An echo is as long as what it answers: so many bytes of the input are spent.
      if (answered > 0 && answered < used) input.copyWithin(0, answered, used);
      used -= answered;
      if (used > 0) input = roomFor(input, used);
    }
  } catch {
    // The peer is gone.
  }
  socket.close();
}

const tls = readTls();
const where = { hostname: "127.0.0.1", port: readPort() };
const server = tls === undefined ? Deno.listen(where) : Deno.listenTls({ ...where, ...tls });
announce((server.addr as Deno.NetAddr).port);
for await (const socket of server) serve(socket);
