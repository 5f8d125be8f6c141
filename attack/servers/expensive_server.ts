// An echo server whose handler takes its time: half a millisecond of work a message. For the row `expensive`.

import { simpleBinary, TcpService } from "@laster/net";
import { parseArguments, runServer } from "../../examples/command_line.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

const WORK_MS = 0.5;

const service = new TcpService({
  codec: simpleBinary(),
  listeners: [{ hostname: options.host, port: options.port }],
  onMessageRange(session, buffer, offset, length) {
    const endMs = performance.now() + WORK_MS;
    while (performance.now() < endMs);
    if (session.sendRange(buffer, offset, length) === "congested") return session.drained();
  },
});

await runServer(service);
