// Echoes every message to its sender. `deno task echo`, `bun examples/echo_server.ts`, `node examples/echo_server.ts`.

import { raw, simpleBinary, TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { parseArguments, runServer } from "./command_line.ts";
import { readTlsFiles } from "./tls_files.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
  codec: { value: "simple", help: "how messages are framed", choices: ["simple", "raw"] },
  "max-payload": { value: 65_536, help: "longest message in bytes", least: 1, most: 2 ** 30 },
  guard: { value: "on", help: "bounds for connections, load, and slow peers", choices: ["on", "off"] },
  cert: { value: "", help: "file with a certificate, to speak TLS" },
  key: { value: "", help: "file with its key" },
  "client-ca": { value: "", help: "file with the authorities of clients' certificates, which clients need then" },
});

const codec = options.codec === "raw" ? raw : simpleBinary;
// How many messages a player sends is known to a game, but not here.
const guarded = options.guard === "on" ? guard({ messages: false }) : undefined;
const service = new TcpService({
  codec: codec({ maxPayloadBytes: options["max-payload"] }),
  listeners: [{ hostname: options.host, port: options.port, tls: readTlsFiles(options) }],
  admission: guarded?.admission,
  observers: guarded?.observers,
  onMessageRange(session, buffer, offset, length) {
    // A peer that does not read its echoes is not read from either, until it has caught up.
    if (session.sendRange(buffer, offset, length) === "congested") return session.drained();
  },
});

await runServer(service);
