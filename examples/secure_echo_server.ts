// Echoes every message to its sender, encrypted. `deno task secure`, `bun examples/secure_echo_server.ts`.

import { TcpService } from "@laster/net";
import { exitWith, parseArguments, runServer } from "./command_line.ts";
import { Handshake, HANDSHAKE_CODEC, HELLO_DEADLINE_MS, LEAST_SECRET_LENGTH } from "./secure_session.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_113, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
  secret: { value: "only-for-a-try-out", help: `what both sides know, ${LEAST_SECRET_LENGTH} characters or more` },
  "hello-ms": { value: HELLO_DEADLINE_MS, help: "milliseconds for the handshake", least: 1, most: 600_000 },
});
if (options.secret.length < LEAST_SECRET_LENGTH) {
  exitWith(2, `Cannot use a secret of less than ${LEAST_SECRET_LENGTH} characters`);
}

const service = new TcpService<Handshake>({
  codec: HANDSHAKE_CODEC,
  listeners: [{ hostname: options.host, port: options.port }],
  createData: () => new Handshake(options.secret, options["hello-ms"]),
  onOpen: (session) => session.data.begin(session),
  onMessage(session, payload) {
    if (!session.data.isDone) return session.data.advance(session, payload);
    // A peer that does not read its echoes is not read from either, until it has caught up.
    if (session.send(payload) === "congested") return session.drained();
  },
  onClose: (session) => session.data.end(),
});

await runServer(service);
