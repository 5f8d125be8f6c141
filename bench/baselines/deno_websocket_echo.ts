// Echo on Deno's own WebSocket server. Deno only.

import { announce, readPort } from "./command_line.ts";

const server = Deno.serve({ hostname: "127.0.0.1", port: readPort(), onListen: () => {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
});
announce(server.addr.port);
