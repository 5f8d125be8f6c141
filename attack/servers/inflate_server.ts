// An echo server that inflates what comes and deflates what goes. For the row `inflate`.

import { simpleBinary, TcpService } from "@laster/net";
import { compression, staged } from "@laster/net/stages";
import { parseArguments, runServer } from "../../examples/command_line.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

const service = new TcpService({
  codec: staged(simpleBinary(), [compression()]),
  listeners: [{ hostname: options.host, port: options.port }],
  onMessageRange(session, buffer, offset, length) {
    if (session.sendRange(buffer, offset, length) === "congested") return session.drained();
  },
});

await runServer(service);
