// Echo on Bun's own WebSocket server. Bun only.

import { bun } from "./bun_runtime.ts";
import { announce, readPort } from "./command_line.ts";

const server = bun.serve({
  hostname: "127.0.0.1",
  port: readPort(),
  fetch: (request, server) => server.upgrade(request) ? undefined : new Response("WebSocket only", { status: 400 }),
  websocket: {
    message(socket, message) {
      socket.send(message);
    },
    perMessageDeflate: false,
  },
});
announce(server.port);
