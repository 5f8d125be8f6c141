// An echo server as it stands on the open internet, for the rows that attack its guard: with a plain listener, one with TLS, and two
// behind proxies, of which one trusts nobody here. Loopback is counted, since the attackers come from there. At its end it says why
// connections were refused and closed.

import process from "node:process";
import { ConnectionError, simpleBinary, TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { parseArguments, runServer } from "../../examples/command_line.ts";
import { CERTIFICATE, KEY } from "./certificate.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 0, help: "first port to listen on, 0 for free ones", least: 0, most: 65_532 },
  "per-second": { value: 2_000, help: "new connections a second, of all addresses", least: 1 },
});

const [plain, secure, proxied, elsewhere] = [0, 1, 2, 3].map((index) => ({
  hostname: options.host,
  port: options.port === 0 ? 0 : options.port + index,
}));
const counted = { countLoopback: true };
const guarded = guard({
  connections: { ...counted, perSecond: options["per-second"] },
  slowPeers: { ...counted, firstMessageMs: 1_000 },
  messages: false, // The honest clients' own pace is not the matter here.
});
const closed: Record<string, number> = {};

const service = new TcpService({
  codec: simpleBinary(),
  listeners: [
    plain,
    { ...secure, tls: { cert: CERTIFICATE, key: KEY, handshakeTimeoutMs: 1_000 } },
    { ...proxied, proxyProtocol: { trusted: ["127.0.0.0/8"] } },
    { ...elsewhere, proxyProtocol: { trusted: ["192.0.2.0/24"] } },
  ],
  admission: guarded.admission,
  observers: guarded.observers,
  onMessageRange(session, buffer, offset, length) {
    if (session.sendRange(buffer, offset, length) === "congested") return session.drained();
  },
  onClose(_session, { reason, detail, error }) {
    const why = detail ?? (error instanceof ConnectionError ? error.code : reason);
    closed[why] = (closed[why] ?? 0) + 1;
  },
});

process.on("exit", () => console.log(`reasons ${JSON.stringify({ ...closed, ...service.stats().refusals })}`));
await runServer(service);
