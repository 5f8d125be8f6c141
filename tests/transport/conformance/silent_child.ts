// A process that listens and never accepts: its queue fills, and then a dial gets no answer. Runtime neutral.

import { createServer } from "node:net";
import { writeSync } from "node:fs";

const server = createServer();
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  writeSync(1, `port ${(server.address() as { port: number }).port}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
