// The client that is killed: opens some sessions, notes everything, and ends once they are over; on SIGTERM it closes them in order.
// Runtime neutral.
//
//   ledger_client_program.ts LEDGER SEED PORT ROUND SESSIONS

import process from "node:process";
import { ConnectError, silentLogger, TcpService } from "@laster/net";
import { LedgerWriter } from "./ledger_file.ts";
import { LedgerSession } from "./ledger_session.ts";

const [path, ...numbers] = process.argv.slice(2);
const [seed, port, round, sessions] = numbers.map(Number);
const ledger = new LedgerWriter(path);
const service = new TcpService<LedgerSession>({
  logger: silentLogger(),
  createData: () => new LedgerSession(ledger, "client", seed),
  onMessage: (session, payload) => session.data.receive(session, payload),
  onClose: ({ data }, event) => data.close(event),
});

async function live(index: number): Promise<void> {
  const session = await service.connect({ port }).catch((error: unknown) => {
    if (!(error instanceof ConnectError)) throw error; // The server is killed, or this service stops.
  });
  if (session === undefined) return;
  session.data.begin(session, `${round}.${index}`);
  await session.closed;
}

await service.start();
process.on("SIGTERM", () => void service.stop());
console.log("may be stopped");
await Promise.all(Array.from({ length: sessions }, (_, index) => live(index)));
await service.stop();
const { sessions: left, pool } = service.stats();
console.log(`left ${left} sessions, ${pool.outstanding} buffers`);
process.exit(0); // The handler stays: a signal that comes this late must not end the process in its place.
