// How long an answer takes on a service with a 30 Hz tick, by the way it is flushed: answered in the handler, one message at a
// time, over loopback. Prints p50 and p99 in milliseconds. Run it on each runtime: `node bench/answer_latency.ts`.

import { connect, type FlushMode, serve, tick } from "@laster/net";

const MESSAGES = 2_000;
const SLOW_MESSAGES = 100;
const HZ = 30;

async function measure(flush: FlushMode): Promise<readonly number[]> {
  await using service = await serve({
    hostname: "127.0.0.1",
    port: 0,
    flush,
    ...(flush === "interval" ? { flushIntervalMs: Math.round(1_000 / HZ) } : {}),
    onMessage: (session, payload) => session.send(payload),
  });
  using _running = tick(service, { hz: HZ }, () => service.broadcast(new Uint8Array(16)));
  await using session = await connect({ port: service.port });
  const times: number[] = [];
  const message = new Uint8Array(32);
  for (let count = 0; count < (flush === "interval" ? SLOW_MESSAGES : MESSAGES); count++) {
    const startMs = performance.now();
    session.send(message);
    while ((await session.receive())?.length !== message.length); // The tick's broadcasts are passed by.
    times.push(performance.now() - startMs);
  }
  return times.sort((left, right) => left - right);
}

for (const flush of ["manual", "turn", "interval"] as const) {
  const times = await measure(flush);
  const [p50, p99] = [0.5, 0.99].map((part) => times[Math.floor(times.length * part)].toFixed(2));
  console.log(`${flush.padEnd(9)} p50 ${p50} ms, p99 ${p99} ms`);
}
