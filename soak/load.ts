// The clients of a soak, in one process: players that talk, leave and come back, peers that never read, and peers that flood. On
// SIGTERM they all go, and it prints what they saw. Runtime neutral; `deno task soak` runs it on Node, or on Deno where there is none.
//
//   node soak/load.ts PORT CLIENTS NEVER_READ FLOOD

import { connect as dial, type Socket } from "node:net";
import process from "node:process";
import { ConnectError, type Session, silentLogger, simpleBinary, TcpService } from "@laster/net";
import type { LoadFigures } from "./judge.ts";
import { ECHO, GROUPS, JOIN, LEAVE, PUSH } from "./messages.ts";

const [port, clients, neverRead, flood] = process.argv.slice(2).map(Number);
const players = clients - neverRead - flood;
/** A player says something this often, stays this long, and is away this long: milliseconds, evenly spread. */
const TALK_MS = [500, 1_500] as const;
const STAY_MS = [10_000, 90_000] as const;
const AWAY_MS = [0, 2_000] as const;
/** A peer that never reads, or floods, comes back after this long: far apart, so that they do not come and go in waves. */
const RETURN_MS = [0, 20_000] as const;
/** All come within this time. */
const ARRIVAL_MS = 10_000;
/** What a peer that never reads sends at most: more than the system and the server hold for it. */
const MOST_UNREAD_BYTES = 8_000_000;
/** After that it sends a little now and then: one that neither reads nor writes does not hear that it was cut. */
const TRICKLE_MS = 5_000;
const LONGEST_BYTES = 300;
/** One in so many leaves without a word. */
const ABORTS = 5;
const STALLED_FRAME = frameOf(16_384);
const SMALL_FRAME = frameOf(64);
const FLOOD_CHUNK = manyOf(SMALL_FRAME, 1_024);

let isOver = false;
const sleepers = new Set<() => void>();
const sockets = new Set<Socket>();
const troubles: Record<string, number> = {};
const figures: { -readonly [Name in keyof LoadFigures]: LoadFigures[Name] } = {
  visits: 0,
  sent: 0,
  echoed: 0,
  pushed: 0,
  mismatches: 0,
  troubles,
};

/** A player, as long as it is there. */
class Visit {
  /** What has to be echoed, oldest first. */
  readonly expected: Uint8Array[] = [];

  talk(session: Session<Visit>): void {
    const message = new Uint8Array(between([2, LONGEST_BYTES])).map(() => Math.random() * 256);
    message[0] = ECHO;
    if (session.send(message) === "closed") return;
    this.expected.push(message);
    figures.sent++;
  }

  hear(payload: Uint8Array): void {
    if (payload[0] === PUSH) return void figures.pushed++;
    const expected = this.expected.shift();
    const isRight = expected?.length === payload.length && expected.every((byte, index) => byte === payload[index]);
    if (isRight) figures.echoed++;
    else figures.mismatches++;
  }
}

const service = new TcpService<Visit>({
  codec: simpleBinary(),
  logger: silentLogger(),
  maxDials: clients,
  createData: () => new Visit(),
  onMessage: ({ data }, payload) => data.hear(payload),
  onClose: (_session, { reason }) => {
    if (reason !== "local-closing" && reason !== "local-abort" && reason !== "shutdown") countTrouble(reason);
  },
});

function countTrouble(what: string): void {
  troubles[what] = (troubles[what] ?? 0) + 1;
}

async function play(): Promise<void> {
  await sleep([0, ARRIVAL_MS]);
  while (!isOver) {
    await visit();
    await sleep(AWAY_MS);
  }
}

async function visit(): Promise<void> {
  const session = await service.connect({ port }).catch((error: unknown) => {
    if (!(error instanceof ConnectError)) throw error;
    if (!isOver) countTrouble(`dial: ${error.code}`);
  });
  if (session === undefined) return;
  figures.visits++;
  const room = between([0, GROUPS - 1]);
  session.send(new Uint8Array([JOIN, room]));
  const untilMs = performance.now() + between(STAY_MS);
  while (performance.now() < untilMs && !isOver && session.state === "open") {
    session.data.talk(session);
    await sleep(TALK_MS);
  }
  if (Math.random() < 0.5) session.send(new Uint8Array([LEAVE, room]));
  if (between([1, ABORTS]) === 1) session.abort();
  else await session.close();
}

/** A peer that sends one chunk after the other, as fast as the system takes them, and comes back when it is cut. */
async function press(chunk: Uint8Array, reads: boolean): Promise<void> {
  await sleep(RETURN_MS);
  while (!isOver) {
    await new Promise<void>((resolve) => {
      const socket = dial({ host: "127.0.0.1", port });
      sockets.add(socket);
      const mostBytes = reads ? Infinity : MOST_UNREAD_BYTES;
      const write = () => {
        while (socket.bytesWritten < mostBytes && socket.write(chunk));
      };
      socket.on("connect", write).on("drain", write);
      socket.on("error", () => {}); // It was cut: "close" follows.
      const trickle = setInterval(() => socket.write(SMALL_FRAME), TRICKLE_MS);
      socket.on("close", () => {
        clearInterval(trickle);
        sockets.delete(socket);
        resolve();
      });
      if (reads) socket.resume();
      else socket.pause();
    });
    await sleep(RETURN_MS);
  }
}

function sleep(range: readonly [number, number]): Promise<void> {
  return new Promise((resolve) => {
    if (isOver) return resolve();
    const wake = () => {
      clearTimeout(timer);
      sleepers.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, between(range));
    sleepers.add(wake);
  });
}

function between([least, most]: readonly [number, number]): number {
  return least + Math.floor(Math.random() * (most - least + 1));
}

function frameOf(length: number): Uint8Array {
  const frame = new Uint8Array(4 + length).fill(ECHO);
  new DataView(frame.buffer).setUint32(0, length, true);
  return frame;
}

function manyOf(frame: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(frame.length * count);
  for (let index = 0; index < count; index++) all.set(frame, index * frame.length);
  return all;
}

process.once("SIGTERM", () => {
  isOver = true;
  for (const wake of sleepers) wake();
  for (const socket of sockets) socket.destroy();
});

const parent = process.ppid;
const looking = setInterval(() => {
  if (process.ppid !== parent) process.exit(1); // Whoever started it is gone.
}, ARRIVAL_MS);
await service.start();
await Promise.all([
  ...Array.from({ length: players }, play),
  ...Array.from({ length: neverRead }, () => press(STALLED_FRAME, false)),
  ...Array.from({ length: flood }, () => press(FLOOD_CHUNK, true)),
]);
await service.stop();
clearInterval(looking);
console.log(JSON.stringify(figures));
