// A player who looks away for 160 steps, eight seconds: fifty of them at 20 Hz on real sockets. What it gets then is what was in
// flight, the latest position of each other player, and all that was said.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { lengthPrefixed, type Session, TcpService, tick } from "@laster/net";
import { ByteReader, ByteWriter } from "@laster/net/buffer";
import { socketTransportsHere, until, within } from "../support.ts";

const PLAYERS = 50;
const HZ = 20;
const SLEEP_STEPS = 160;
const IN_FLIGHT_MS = 300;
const POSITION = 1;
const CHAT = 2;
/** A player says something every so many steps. */
const CHAT_STEPS = 10;

const [{ name, make }] = socketTransportsHere();

test(`a sleeper wakes to ${IN_FLIGHT_MS} ms of positions, the latest of each, and all of the chat, over ${name}`, async () => {
  const transport = make();
  const codec = lengthPrefixed({ controlFrames: true });
  const refused: unknown[] = [];
  await using server = new TcpService({
    transport,
    codec,
    listeners: [{ hostname: "127.0.0.1", port: 0 }],
    flush: "manual",
    maxInFlightMs: IN_FLIGHT_MS,
    onOpen(session): void {
      server.group("world").join(session);
    },
    onRefused: (_session, _payload, result) => refused.push(result),
  });
  await server.start();

  /** What the sleeper has heard, in order: who, or what, and in which step. */
  const heard: { readonly kind: number; readonly who: number; readonly step: number }[] = [];
  const awake = Promise.withResolvers<void>();
  let sleeper: Session | undefined;
  const reader = new ByteReader(new Uint8Array());
  await using clients = new TcpService({
    transport,
    codec,
    onMessage(session, payload) {
      if (session !== sleeper) return;
      reader.reset(payload);
      heard.push({ kind: reader.readUint8(), who: reader.readUint8(), step: reader.readUint32LE() });
      return awake.promise;
    },
  });
  await clients.start();
  for (let count = 0; count < PLAYERS; count++) {
    const session = await clients.connect({ port: server.port });
    if (count === 0) sleeper = session;
  }
  await until(() => server.sessionCount === PLAYERS, "all are in");

  let step = 0;
  let wakeStep = Infinity;
  const slept = Promise.withResolvers<void>();
  let said = 0;
  const writer = new ByteWriter();
  const message = (kind: number, who: number) => {
    writer.reset();
    writer.writeUint8(kind);
    writer.writeUint8(who);
    writer.writeUint32LE(step);
    writer.writeBytes(new Uint8Array(10)); // As many bytes as positions have.
    return writer.written;
  };
  using running = tick(server, { hz: HZ, maxCatchUp: 0 }, () => {
    step++;
    if (step === wakeStep) slept.resolve();
    for (let who = 1; who < PLAYERS; who++) {
      server.group("world").broadcast(message(POSITION, who), { whenFull: "latest-per-key", key: who });
    }
    if (step % CHAT_STEPS === 0) said += server.group("world").broadcast(message(CHAT, 0)).accepted > 0 ? 1 : 0;
  });
  await until(() => heard.length > 0, "the sleeper has heard something, and sleeps");
  // Counted in steps, as a busy machine makes fewer of them in a second.
  wakeStep = step + SLEEP_STEPS;
  await within(slept.promise, "the steps of its sleep", 60_000);
  const wokeAt = step;
  awake.resolve();
  await within(until(() => (heard.at(-1)?.step ?? 0) >= wokeAt + 5, "the sleeper is back"), "the sleeper");
  running.stop();
  await until(() => [...server.sessions()].every(({ queuedBytes }) => queuedBytes === 0), "all is sent");
  const last = step - step % CHAT_STEPS;
  await until(() => heard.some(({ kind, step }) => kind === CHAT && step === last), "the last of the chat is there");

  const others = PLAYERS - 1;
  const stale = heard.filter(({ kind, step }) => kind === POSITION && step < wokeAt - 1);
  const inFlight = others * Math.ceil((IN_FLIGHT_MS / 1_000) * HZ);
  // One step on either side: the first is under way when it falls asleep, and a position may be a step old when it wakes.
  assert(stale.length <= others + inFlight + 2 * others, `${stale.length} positions were stale`);
  assertEquals(
    heard.filter(({ kind }) => kind === CHAT).map(({ step }) => step),
    Array.from({ length: said }, (_, index) => (index + 1) * CHAT_STEPS),
  );
  for (let who = 1; who < PLAYERS; who++) {
    assert(heard.some((one) => one.who === who && one.step >= wokeAt), `the latest of ${who} is there`);
  }
  assertEquals(refused, []);
  console.log(`# ${name}: ${stale.length} of ${others * wokeAt} positions were stale, ${said} lines of chat`);
});
