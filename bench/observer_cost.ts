// What observers cost: nanoseconds that a message of 64 bytes takes more, to and fro over loopback in one process, with an observer
// that hears of sessions only, and with one that hears of each message. In turns, the median of the rounds. Run it on each
// runtime: `node bench/observer_cost.ts`.

import { connect, serve, type ServiceObserver } from "@laster/net";

const ROUNDS = 15;
const BATCHES = 200;
const BATCH = 500;

let heard = 0;
const KINDS: Readonly<Record<string, readonly ServiceObserver[] | undefined>> = {
  none: undefined,
  sessions: [{ onOpened: () => heard++, onClosed: () => heard++ }],
  messages: [{ onMessageStart: () => heard++, onMessageEnd: () => heard++ }],
};

/** Nanoseconds a message. */
async function measure(observers: readonly ServiceObserver[] | undefined): Promise<number> {
  await using service = await serve({
    hostname: "127.0.0.1",
    port: 0,
    observers,
    onMessage: (session, payload) => session.send(payload),
  });
  let left = 0;
  let done = Promise.withResolvers<void>();
  await using session = await connect({
    port: service.port,
    onMessage: () => {
      if (--left === 0) done.resolve();
    },
  });
  const message = new Uint8Array(64);
  const startMs = performance.now();
  for (let batch = 0; batch < BATCHES; batch++) {
    left = BATCH;
    done = Promise.withResolvers<void>();
    for (let count = 0; count < BATCH; count++) session.send(message);
    await done.promise;
  }
  return ((performance.now() - startMs) / (BATCHES * BATCH)) * 1e6;
}

const times = new Map<string, number[]>(Object.keys(KINDS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, observers] of Object.entries(KINDS)) times.get(name)?.push(await measure(observers));
}
const none = times.get("none") ?? [];
for (const [name, all] of times) {
  const more = all.map((time, round) => time - none[round]).sort((left, right) => left - right);
  const sorted = all.toSorted((left, right) => left - right);
  const middle = Math.floor(ROUNDS / 2);
  console.log(`${name.padEnd(9)} ${sorted[middle].toFixed(0)} ns a message, ${more[middle].toFixed(0)} more`);
}
console.log(heard > 0 ? "heard" : "NOT HEARD");
