// A process that dials, listens and serves HTTP, or dials and listens over TLS if it is given a certificate, and says how that
// went. Runtime neutral.

import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ConnectError, ListenError } from "../../../src/errors.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { type Address, defaultTransport } from "../../../src/transport/mod.ts";

const say = (line: string) => writeSync(1, `${line}\n`);
const [identity] = process.argv.slice(2);
const tls = identity === undefined ? undefined : JSON.parse(identity);
const all: readonly Address[] = [
  { kind: "tcp", hostname: "127.0.0.1", port: 9 },
  { kind: "tcp", hostname: "localhost", port: 9 },
  { kind: "unix", path: join(tmpdir(), "laster-no-rights.sock") },
];
const addresses = all.filter(({ kind }) => tls === undefined || kind === "tcp");
const transport = defaultTransport();

for (const address of addresses) {
  await tell("dial", transport.connect(address, { tls: tls && {} }));
  await tell("listen", transport.listen(address, { onConnection: () => {}, onAcceptError: () => {} }, { tls }));
}
for (const hostname of tls === undefined ? ["127.0.0.1", "localhost"] : []) {
  await tell("serve", serveHttp(() => new Response(), { hostname, port: 9 }));
}
// What nobody has caught ends the process before.
setTimeout(() => say("end"), 50);

async function tell(what: string, outcome: Promise<unknown>): Promise<void> {
  try {
    await outcome;
    say(`${what} done`);
  } catch (error) {
    const { name, code } = error as ConnectError | ListenError;
    say(`${what} ${name} ${code}`);
  }
}
