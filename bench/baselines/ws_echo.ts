// Echo on the npm package `ws`, which bench/micro installs. Runs on Node and Bun.

import { createRequire } from "node:module";
import { announce, readPort } from "./command_line.ts";

interface WebSocket {
  on(event: "message", listener: (data: Uint8Array) => void): void;
  on(event: "error", listener: () => void): void;
  send(data: Uint8Array): void;
  terminate(): void;
}
interface WebSocketServer {
  on(event: "connection", listener: (socket: WebSocket) => void): void;
  on(event: "listening", listener: () => void): void;
  address(): { port: number };
}
type Options = { host: string; port: number; perMessageDeflate: boolean };
type Package = { WebSocketServer: new (options: Options) => WebSocketServer };

// By its path: Bun puts a server of its own in the place of the bare name.
const require = createRequire(import.meta.url);
const { WebSocketServer } = require("../micro/node_modules/ws/index.js") as Package;
const server = new WebSocketServer({ host: "127.0.0.1", port: readPort(), perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("message", (data) => socket.send(data));
  socket.on("error", () => socket.terminate());
});
server.on("listening", () => announce(server.address().port));
