// Sends messages of mixed sizes to the secure echo server and checks every byte that comes back. `deno task secure:client`.

import { randomBytes, randomInt } from "node:crypto";
import process from "node:process";
import { type CloseEvent, ConnectError, type Session, TcpService } from "@laster/net";
import { exitWith, parseArguments } from "./command_line.ts";
import {
  Handshake,
  HANDSHAKE_CODEC,
  HELLO_DEADLINE_MS,
  LEAST_SECRET_LENGTH,
  MAX_MESSAGE_BYTES,
} from "./secure_session.ts";

/** Messages on the way at the same time: enough to keep both sides busy, and less than a queue takes. */
const DEPTH = 8;

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address of the server" },
  port: { value: 11_113, help: "port of the server", least: 1, most: 65_535 },
  secret: { value: "only-for-a-try-out", help: `what both sides know, ${LEAST_SECRET_LENGTH} characters or more` },
  messages: { value: 1_000, help: "messages to send", least: 1, most: 1_000_000_000 },
  size: { value: 60_000, help: "bytes of the longest message", least: 0, most: MAX_MESSAGE_BYTES },
  "hello-ms": { value: HELLO_DEADLINE_MS, help: "milliseconds for the handshake", least: 1, most: 600_000 },
});
if (options.secret.length < LEAST_SECRET_LENGTH) {
  exitWith(2, `Cannot use a secret of less than ${LEAST_SECRET_LENGTH} characters`);
}

/** The messages on their way, the oldest first: at most `DEPTH`. */
const expected: Uint8Array[] = [];
let sent = 0;
let received = 0;
let receivedBytes = 0;
let wrong = 0;
const closed = Promise.withResolvers<CloseEvent>();

const service = new TcpService<Handshake>({
  codec: HANDSHAKE_CODEC,
  createData: () => new Handshake(options.secret, options["hello-ms"]),
  onOpen: (session) => session.data.begin(session),
  onMessage(session, payload) {
    if (session.data.isDone) checkEcho(payload);
    else session.data.advance(session, payload);
    if (session.data.isDone) sendMore(session);
  },
  onClose(session, event) {
    session.data.end();
    closed.resolve(event);
  },
  logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
});

await service.start();
const startMs = performance.now();
try {
  await service.connect({ hostname: options.host, port: options.port });
} catch (error) {
  exitWith(1, error instanceof ConnectError ? error.message : String(error));
}
const { reason, detail } = await closed.promise;
const seconds = (performance.now() - startMs) / 1_000;
await service.stop();
if (received < options.messages) {
  const hint = detail === "tampered" ? ": the secrets differ, or somebody changes what is sent" : "";
  exitWith(1, `the session ended by ${detail ?? reason} after ${received} of ${options.messages} messages${hint}`);
}
console.log(
  `${received} of ${options.messages} messages, ${receivedBytes} bytes in ${seconds.toFixed(2)} s, ${wrong} wrong`,
);
process.exit(wrong === 0 ? 0 : 1);

function sendMore(session: Session<Handshake>): void {
  for (; sent < options.messages && sent - received < DEPTH; sent++) {
    const message = makeMessage(sent);
    expected.push(message);
    session.send(message);
  }
  if (received === options.messages) session.close();
}

function checkEcho(payload: Uint8Array): void {
  const message = expected.shift(); // Has at most `DEPTH` elements.
  received++;
  receivedBytes += payload.length;
  if (message === undefined || !areEqual(message, payload)) wrong++;
}

/** Makes a message of random size, the shortest and the longest first; every other one compresses well. */
function makeMessage(index: number): Uint8Array {
  const sizes = [0, options.size, Math.min(1, options.size), randomInt(options.size + 1)];
  const size = sizes[Math.min(index, 3)];
  if (index % 2 === 0) return randomBytes(size);
  return Uint8Array.from({ length: size }, (_, place) => (place >>> 6) + index);
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
