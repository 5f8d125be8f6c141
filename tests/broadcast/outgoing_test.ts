// The outgoing side, whole: random mixes of all that a service can send, and what can happen meanwhile. Each receiver gets
// exactly what the model says, every invariant holds after each step, and reading a figure changes nothing.
//
// LASTER_LONG=1 has the ten cases take more than a million steps; LASTER_SEED=n repeats a run.

import test from "node:test";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { printedRandom } from "../random.ts";
import { shareOf } from "../share.ts";
import type { FullPolicy } from "@laster/net";
import { type Life, OutgoingWorld } from "./outgoing_world.ts";

const STEPS = process.env.LASTER_LONG === "1" ? 105_000 : shareOf(6_000);
/** Both codecs take it, and a batch of broadcasts does not. */
const LONGEST_BYTES = 65_535;
const MOST_SESSIONS = 8;
const GROUPS = ["red", "blue"] as const;
const KEYS = ["x", "y", "z"] as const;
const POLICIES: readonly FullPolicy[] = ["refuse", "latest-per-key", "drop-oldest", "close"];
/** Most that a session may send from inside of handlers, one within the other. */
const MOST_DEPTH = 3;
const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const FORMS = {
  "as on Node and Bun": { options: {}, traits: {} },
  "with nobody to hear of what is sent": { options: {}, traits: {} },
  "to the latest of each key": { options: { whenFull: "latest-per-key" }, traits: {} },
  "to the latest of each key, as on Deno": {
    options: { whenFull: "latest-per-key" },
    traits: { batchedReads: true, asyncWrites: true },
  },
  "as on Deno": { options: {}, traits: { batchedReads: true, asyncWrites: true } },
  "with a policy for each message": { options: {}, traits: {} },
  "to peers that have much to read": { options: { maxInFlightBytes: 3_000 }, traits: {} },
  "to the latest of each key, with little in flight, as on Deno": {
    options: { maxInFlightBytes: 3_000, whenFull: "latest-per-key" },
    traits: { batchedReads: true, asyncWrites: true },
  },
  "at an interval": { options: { flushIntervalMs: 5 }, traits: {} },
  "behind the poll": { options: {}, traits: {} },
} as const;

/** Plays one game. */
async function play(random: () => number, form: keyof typeof FORMS, steps: number): Promise<void> {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)];
  const openLives = () => world.lives.filter(({ core }) => core.state === "open");
  const afterPolls: (() => void)[] = [];
  let number = 0;
  let depth = 0;

  const isOfEach = form === "with a policy for each message";
  const isKeyed = "whenFull" in FORMS[form].options || isOfEach;
  const isCounted = !isKeyed && !("maxInFlightBytes" in FORMS[form].options); // Pings are queued as well.
  const pickPolicy = () => isOfEach && random() < 0.6 ? pick(POLICIES) : undefined;
  /** A message under a policy that has no keys is never left out, whatever its key. */
  const pickKey = () => isKeyed && random() < 0.5 ? pick(KEYS) : undefined;
  const keyFor = (key: unknown, whenFull: FullPolicy | undefined) =>
    !isOfEach || whenFull === "latest-per-key" ? key : undefined;

  const message = () => {
    const size = random() < 0.98 ? random() * 60 : pick([3_000, 8_193, 20_000, 49_150, LONGEST_BYTES]);
    const payload = new Uint8Array(Math.min(LONGEST_BYTES, Math.floor(size) + (isKeyed ? 4 : 0)));
    if (isKeyed) new DataView(payload.buffer).setUint32(0, number); // The frames of a key are told apart.
    for (let index = isKeyed ? 4 : 0; index < payload.length; index++) payload[index] = (number * 7 + index * 13) & 255;
    number++;
    return payload;
  };
  const send = ({ core: { session }, connection }: Life) => {
    const payload = message();
    const [key, whenFull] = [pickKey(), pickPolicy()];
    connection.expect(payload, keyFor(key, whenFull)); // Before, as it may be written at once.
    const result = key === undefined && whenFull === undefined && random() < 0.3
      ? session.sendRange(new Uint8Array([1, ...payload, 2]), 1, payload.length)
      : session.send(payload, { key, whenFull, ...(random() < 0.1 ? { flush: "now" } : {}) });
    assert(result === "queued" || result === "congested" || result === "sent", result);
  };
  const broadcast = () => {
    const payload = message();
    const group = random() < 0.5 ? undefined : pick(GROUPS);
    const except = random() < 0.4 ? world.lives.slice(0, 2).map(({ core }) => core.session) : [];
    const audience = world.audience(group, except);
    const [key, whenFull] = [pickKey(), pickPolicy()];
    for (const { connection } of audience) connection.expect(payload, keyFor(key, whenFull));
    const { accepted } = group === undefined
      ? world.messaging.broadcastToAll(payload, { except, key, whenFull })
      : world.messaging.broadcast(group, payload, { except, key, whenFull });
    assertEquals(accepted, audience.length);
  };
  /** Reading every figure, twice: nothing moves, and nothing changes. */
  const look = () => {
    const writes = () => world.lives.map(({ connection }) => connection.writes);
    const read = () => world.lives.map(({ core }) => [core.session.stats, core.session.queuedBytes, core.heldBytes]);
    const [before, first] = [writes(), read()];
    assertEquals([read(), writes()], [first, before]);
    for (const { core: { queue, state }, connection: { owedBytes, owedFrames = queue.queuedFrames } } of world.lives) {
      if (state === "open" && isCounted) assertEquals([queue.queuedBytes, queue.queuedFrames], [owedBytes, owedFrames]);
    }
  };
  /** What an application may do at any time, in each of its handlers too. */
  const act = () => {
    const [kind, life] = [random(), pick(openLives())];
    if (kind < 0.25) broadcast();
    else if (kind < 0.28) look();
    else if (life === undefined) return;
    else if (kind < 0.7) { for (let count = random() < 0.1 ? 20 : 1; count > 0; count--) send(life); }
    else if (kind < 0.78) world.messaging.join(pick(GROUPS), life.core.session);
    else if (kind < 0.82) world.messaging.leave(pick(GROUPS), life.core.session);
    else if (kind < 0.9) life.core.session.flush();
    else if (kind < 0.95) world.switchCodec(life);
    else if (kind < 0.96) life.core.session.close();
    else if (kind < 0.965) life.core.session.abort();
  };
  const react = () => {
    if (depth >= MOST_DEPTH || random() < 0.5) return;
    depth++;
    act();
    depth--;
  };
  /** What happens to a service from outside. */
  const happen = async () => {
    const [kind, life] = [random(), pick(world.lives)];
    if (life === undefined || (kind < 0.05 && world.lives.length < MOST_SESSIONS)) world.open();
    else if (kind < 0.35) life.connection.deliver();
    else if (kind < 0.5) life.connection.isTaking = false;
    else if (kind < 0.8) {
      life.connection.isTaking = random() < 0.7;
      life.connection.drain(random() < 0.3 ? 5 : 1_000_000);
      life.connection.answer();
    } else if (kind < 0.81) life.connection.die();
    else if (kind < 0.9) { for (const callback of afterPolls.splice(0)) callback(); }
    else {
      await undefined;
      if (kind > 0.995) await world.clock.advance(5);
    }
  };

  const { options, traits } = FORMS[form];
  const behindPoll = form === "behind the poll" ? { afterPoll: (then: () => void) => void afterPolls.push(then) } : {};
  const onSend = form === "with nobody to hear of what is sent" ? undefined : react;
  const handlers = { onOpen: react, onMessage: react, onSend, onClose: react };
  const world = new OutgoingWorld({ ...options, ...handlers, logger: QUIET }, { ...traits, ...behindPoll });
  for (let step = 0; step < steps; step++) {
    if (random() < 0.6) act();
    else await happen();
    world.check();
    world.sweep();
  }
  for (let round = 0; round < 100 && world.lives.length > 0; round++) {
    for (const { core, connection } of world.lives) {
      connection.isTaking = true;
      connection.drain(1_000_000_000);
      core.close("local-closing");
    }
    for (const callback of afterPolls.splice(0)) callback();
    await world.clock.advance(10);
    world.sweep();
  }
  await world.clock.advance(10); // What was sent last may still wait for its interval.
  assertEquals(world.lives.length, 0, "all are over, and got everything before");
  assertEquals(world.context.pool.outstanding, 0);
}

for (const form of Object.keys(FORMS) as (keyof typeof FORMS)[]) {
  test(`Each session gets exactly what it was sent, in order, ${form}, whatever happens`, async () => {
    await play(printedRandom(`outgoing, ${form}`), form, STEPS);
  });
}
