// The server that is killed: notes everything, stops in order on SIGTERM, and says what it has left. Runtime neutral.
//
//   ledger_server_program.ts LEDGER SEED

import process from "node:process";
import { formatAddress, silentLogger, TcpService } from "@laster/net";
import { LedgerWriter } from "./ledger_file.ts";
import { LedgerSession } from "./ledger_session.ts";

const [path, seed] = process.argv.slice(2);
const ledger = new LedgerWriter(path);
const service = new TcpService<LedgerSession>({
  listeners: [{ hostname: "127.0.0.1", port: 0 }],
  logger: silentLogger(),
  createData: () => new LedgerSession(ledger, "server", Number(seed)),
  onMessage: (session, payload) => session.data.receive(session, payload),
  onClose: ({ data }, event) => data.close(event),
});
await service.start();
process.once("SIGTERM", async () => {
  await service.stop();
  const { sessions, pool } = service.stats();
  console.log(`left ${sessions} sessions, ${pool.outstanding} buffers`);
});
for (const address of service.stats().listeners) console.log(`listening on ${formatAddress(address)}`);
