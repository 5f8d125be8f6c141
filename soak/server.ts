// The server of a soak: echoes, groups, a guard; prints a line of figures every few seconds, and one when it has stopped. It ends on
// SIGTERM, and only if nothing keeps the event loop. Runtime neutral.

import process from "node:process";
import { formatAddress, simpleBinary, TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { CountingClock } from "./counting_clock.ts";
import { ECHO, GROUPS, JOIN, LEAVE, PUSH } from "./messages.ts";
import type { ServerFigures } from "./judge.ts";

const SAMPLE_MS = 5_000;
const PUSH_MS = 100;
/** Peers that do not read are closed after this, so that many of them come and go in a soak. */
const IDLE_TIMEOUT_MS = 30_000;
/** No timer that only looks whether there are sessions takes longer. */
const LONGEST_LOOK_MS = 2_000;
const PUSHED = new Uint8Array(64).fill(PUSH);

const clock = new CountingClock();
const guarded = guard({ clock, load: false });
const groupOf = (number: number) => service.group(`room ${number % GROUPS}`);

const service = new TcpService({
  clock,
  codec: simpleBinary(),
  listeners: [{ hostname: "127.0.0.1", port: 0 }],
  idleTimeoutMs: IDLE_TIMEOUT_MS,
  admission: guarded.admission,
  observers: guarded.observers,
  onMessage: guarded.protect((session, payload) => {
    if (payload[0] === ECHO) return session.send(payload) === "congested" ? session.drained() : undefined;
    if (payload[0] === JOIN) groupOf(payload[1]).join(session);
    else if (payload[0] === LEAVE) groupOf(payload[1]).leave(session);
  }),
});

let turn = 0;
await service.start();
for (const address of service.stats().listeners) console.log(`listening on ${formatAddress(address)}`);
const pushing = setInterval(() => groupOf(turn++).broadcast(PUSHED), PUSH_MS);
const parent = process.ppid;
const sampling = setInterval(() => {
  if (process.ppid !== parent) process.exit(1); // Whoever started it is gone.
  print("sample");
}, SAMPLE_MS);
process.once("SIGTERM", async () => {
  clearInterval(pushing);
  clearInterval(sampling);
  await service.stop({ timeoutMs: 5_000 });
  await looksEnded();
  print("stopped");
});

/** What looks at sessions now and then finds none at its next look, and is not set again. */
async function looksEnded(): Promise<void> {
  const endMs = clock.now() + LONGEST_LOOK_MS;
  while (clock.timerCount > 0 && clock.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 10));
}

function print(what: "sample" | "stopped"): void {
  collectGarbage();
  const { sessions, openedSessions, closedSessions, receivedFrames, pool } = service.stats();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const figures: ServerFigures = {
    heapBytes: heapUsed,
    arrayBufferBytes: arrayBuffers,
    timers: clock.timerCount,
    sessions,
    openedSessions,
    idleTimeouts: closedSessions["idle-timeout"] ?? 0,
    heldUp: guarded.messages?.stats.waited ?? 0,
    receivedFrames,
    groups: [...service.groupNames()].length,
    poolOutstanding: pool.outstanding,
    poolOutstandingBytes: pool.outstandingBytes,
    poolFreeBytes: pool.freeBytes,
  };
  console.log(`${what} ${JSON.stringify(figures)}`);
}

/** `--expose-gc` on Deno and Node. */
function collectGarbage(): void {
  const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(isSync: boolean): void } };
  if (Bun !== undefined) Bun.gc(true);
  else gc?.();
}
