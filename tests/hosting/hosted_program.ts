// A server for the tests of hosting, in a process of its own: echoes, counts what it was sent, and says at its end what it had.

import process from "node:process";
import { TcpService } from "@laster/net";
import { runService } from "@laster/net/hosting";
import { health, serveHttp } from "@laster/net/http";

const [drainMs = "0", port = "0"] = process.argv.slice(2);
// A second service of the process, which ends at once.
const other = { print: () => {}, onStopped: () => console.log("the other has stopped") };
if (process.argv.includes("--two")) await runService(new TcpService(), other);
let received = 0;
const service = new TcpService({
  listeners: [{ hostname: "127.0.0.1", port: Number(port) }],
  onMessage(session, payload) {
    received++;
    if (session.send(payload) === "congested") return session.drained();
  },
});
const hosted = await runService(service, {
  drainMs: Number(drainMs),
  onStopping: () => {
    if (process.argv.includes("--bad")) throw new Error("stopping is hard");
  },
  onStopped: async ({ abortedSessions }) => {
    console.log(`received ${received}, aborted ${abortedSessions}`);
    await server.close();
  },
});
const server = await serveHttp(health(hosted), { port: 0 });
console.log(`health on ${server.port}`);
