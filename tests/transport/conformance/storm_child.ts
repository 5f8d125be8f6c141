// A process that dials a port over and over, and closes each connection as soon as it stands. Its arguments are the port,
// and "close" or "reset". Runtime neutral.

import { writeSync } from "node:fs";
import { connect } from "node:net";

/** Dials side by side. */
const DIALS = 64;

/** So often it says how it gets on. */
const DIALS_A_LINE = 200;

let dialled = 0;
const [, , port, ending] = process.argv;

function dial(): void {
  const socket = connect(Number(port), "127.0.0.1", () => {
    if (ending === "reset") socket.resetAndDestroy();
    else socket.destroy();
    if (++dialled % DIALS_A_LINE === 0) writeSync(1, `dialled ${dialled}\n`);
  });
  socket.on("error", () => {});
  socket.on("close", dial);
  socket.resume();
}

for (let count = 0; count < DIALS; count++) dial();
