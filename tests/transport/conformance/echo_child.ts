// A process that echoes, to be run with few descriptors. Its argument is the adapter; "free" on its input lets it close
// what it has accepted. Runtime neutral.

import { writeSync } from "node:fs";
import { defaultTransport } from "../../../src/transport/default.ts";
import { nodeTransport } from "../../../src/transport/node.ts";
import type { Connection, TcpAddress } from "../../../src/transport/mod.ts";

const say = (line: string) => writeSync(1, `${line}\n`);
const transport = process.argv[2] === "node" ? nodeTransport() : defaultTransport();
const accepted = new Set<Connection>();
const listener = await transport.listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, {
  onConnection(connection) {
    accepted.add(connection);
    connection.start({
      onData: (buffer, length) => void connection.write(buffer.slice(0, length), 0, length),
      onEnd: () => connection.close(),
      onDrain: () => {},
      onClose: () => accepted.delete(connection),
    });
    const { hostname } = connection.remoteAddress as TcpAddress;
    say(hostname === "" ? "nameless" : `accepted ${accepted.size}`);
  },
  onAcceptError: (error) => say(`error ${error.code}`),
});
// As every server does. Without it Deno 2.9.6 panics when it wants a pipe for signals half a second after the start.
process.on("SIGTERM", () => process.exit(0));
process.stdin.on("data", () => {
  for (const connection of accepted) connection.abort();
  say("freed");
});
say(`port ${(listener.address as TcpAddress).port}`);
