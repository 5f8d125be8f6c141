// A process that dials a port over and over, and closes each connection as soon as it stands. Its arguments are the port,
// and "close" or "reset". Runtime neutral.

import { connect } from "node:net";

/** Dials side by side. */
const DIALS = 64;

const [, , port, ending] = process.argv;

function dial(): void {
  const socket = connect(Number(port), "127.0.0.1", () => {
    if (ending === "reset") socket.resetAndDestroy();
    else socket.destroy();
  });
  socket.on("error", () => {});
  socket.on("close", dial);
  socket.resume();
}

for (let count = 0; count < DIALS; count++) dial();
