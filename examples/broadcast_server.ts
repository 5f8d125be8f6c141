// Sends every message to every session, the sender too. `deno task broadcast`, `bun examples/broadcast_server.ts`.

import { simpleBinary, TcpService } from "@laster/net";
import { parseArguments, runServer } from "./command_line.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

const service = new TcpService({
  codec: simpleBinary(),
  listeners: [{ hostname: options.host, port: options.port }],
  // A receiver that never sends is no dead peer here.
  idleTimeoutMs: 0,
  onMessage(_session, payload): Promise<void> | undefined {
    // A sender that is faster than its receivers waits for them, but not for those that do not read at all.
    return service.broadcast(payload).congested > 0 ? service.drained() : undefined;
  },
});

await runServer(service);
