// A process that dials a port and writes without end. Its argument is the port. Runtime neutral.

import { connect } from "node:net";

const bytes = new Uint8Array(262_144);
const socket = connect(Number(process.argv[2]), "127.0.0.1", () => writeOn());
socket.on("error", () => process.exit(0));

function writeOn(): void {
  while (socket.write(bytes)) continue;
  socket.once("drain", writeOn);
}
