// Ours of the TLS rows: examples/echo_server.ts, over TLS.

import { simpleBinary, TcpService } from "@laster/net";
import { CERTIFICATE, KEY } from "../attack/servers/certificate.ts";
import { parseArguments, runServer } from "../examples/command_line.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

const tls = { cert: CERTIFICATE, key: KEY, maxHandshakes: 4_000 };
const service = new TcpService({
  codec: simpleBinary(),
  listeners: [{ hostname: options.host, port: options.port, tls }],
  onMessageRange(session, buffer, offset, length) {
    if (session.sendRange(buffer, offset, length) === "congested") return session.drained();
  },
});

await runServer(service);
