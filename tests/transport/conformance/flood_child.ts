// A process that dials a port and writes without end. Its arguments are the port, and how many connections it opens: 1 unless
// it is told. Runtime neutral.

import { connect } from "node:net";

const bytes = new Uint8Array(262_144);

for (let count = Number(process.argv[3] ?? 1); count > 0; count--) {
  const socket = connect(Number(process.argv[2]), "127.0.0.1", () => writeOn());
  // Not read from: what comes back fills the buffers.
  socket.pause();
  socket.on("error", () => process.exit(0));
  const writeOn = () => {
    while (socket.write(bytes)) continue;
    socket.once("drain", writeOn);
  };
}
