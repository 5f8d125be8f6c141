// What the compiler must take of an application, and what it must refuse: checked, not run. `deno check` does, and so does
// tests/types/matrix_test.ts, by several versions of TypeScript.

import {
  type AnySession,
  connect,
  lengthPrefixed,
  serve,
  type Session,
  TcpService,
  type TcpServiceOptions,
  tick,
} from "@laster/net";
import { keepConnected } from "@laster/net/client";
import { Players } from "@laster/net/players";
import { FakeClock, memoryTransport } from "@laster/net/testing";

interface Player {
  readonly name: string;
  score: number;
}

// Data comes of `createData`, without an annotation.
const service = await serve({
  port: 11110,
  createData: () => ({ name: "nobody", score: 0 }),
  onMessage(session, payload) {
    session.data.score += payload.length;
    service.group("world").join(session);
    return session.send(payload);
  },
});
for (const session of service.sessions()) session.data.name.toUpperCase();

// A service that mentions itself in its handlers.
const game = new TcpService<Player>({
  listeners: [{ port: 1 }],
  createData: () => ({ name: "nobody", score: 0 }),
  onOpen: (session): void => {
    game.broadcast(new Uint8Array(1), { except: session });
  },
});

// Without `createData` there is no data.
new TcpService();
new TcpService({ codec: lengthPrefixed() });
new TcpService<Player | undefined>({ port: undefined } as TcpServiceOptions<Player | undefined>);
// @ts-expect-error: a session's data would be undefined.
new TcpService<Player>({ listeners: [{ port: 1 }] });
// @ts-expect-error: likewise.
await serve<Player>({ port: 1 });
// @ts-expect-error: likewise.
await connect<Player>({ port: 1 });
// @ts-expect-error: likewise.
keepConnected<Player>({ port: 1 });

// Helpers take any session.
const kick = (session: AnySession, why: string) => session.close({ detail: why, timeoutMs: 1_000 });
for (const session of game.sessions()) await kick(session, "away");
const plain: Session = await connect({ port: 1 });
await kick(plain, "bye");

// What a loop and `receive()` give is taken by the web's interfaces.
for await (const payload of plain) {
  await crypto.subtle.digest("SHA-256", payload);
  new Blob([payload]);
}
const one = await plain.receive();
if (one !== undefined) new Blob([one]);

// Options may be undefined, as a program that passes its own on has them.
const maybe: { timeoutMs?: number; port?: number } = {};
await serve({ port: maybe.port, idleTimeoutMs: maybe.timeoutMs, heartbeat: undefined, codec: undefined });
await connect({ port: maybe.port, timeoutMs: maybe.timeoutMs });
plain.send(new Uint8Array(1), { whenFull: undefined, key: undefined, flush: undefined });
await plain.close({ detail: undefined, message: undefined, timeoutMs: undefined });

// Names that are none, and values of another type.
// @ts-expect-error: did you mean idleTimeoutMs?
new TcpService({ idleTimeout: 5 });
// @ts-expect-error: a number.
new TcpService({ idleTimeoutMs: "5" });
// @ts-expect-error: no policy.
plain.send(new Uint8Array(1), { whenFull: "drop" });
// @ts-expect-error: a text is no payload.
plain.send("hello");

const players = new Players<number, Player>();
for (const session of game.sessions()) await players.claim(1, session);
tick(game, { hz: 20 }, ({ index }) => void index);
await serve({ port: 1, transport: memoryTransport(), clock: new FakeClock() });
