// An echo server on a socket that it was handed, as by systemd. `tls CERT KEY`: it speaks TLS.

import { readFileSync } from "node:fs";
import process from "node:process";
import { simpleBinary, TcpService } from "@laster/net";
import { runService } from "@laster/net/hosting";
import { nodeTransport } from "@laster/net/transport";

const [cert, key] = process.argv.slice(2);
const tls = cert === undefined ? undefined : { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
await runService(
  new TcpService({
    codec: simpleBinary(),
    listeners: [{ port: 11_110, transport: nodeTransport({ fd: 3 }), tls }],
    onMessage: (session, payload) => session.send(payload),
  }),
);
