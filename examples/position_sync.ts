// Position sync: a game server that sends the positions of all players to all, and bots that play. A player that does not read
// for a while gets only the newest position of each other player afterwards. Checks that; exits 0 only if it is so.
// `deno task positions`, `bun examples/position_sync.ts`, `node examples/position_sync.ts`.

import process from "node:process";
import { formatAddress } from "@laster/net";
import { parseArguments } from "./command_line.ts";
import { PositionBots, WORLD_SIZE } from "./position_bots.ts";
import { NOBODY, PositionWorld } from "./position_world.ts";

const LIVE_INTERVAL_MS = 250;
const LOG_INTERVAL_MS = 1_000;
const MAP_COLUMNS = 60;
const MAP_ROWS = 15;
/** Lines of the live view around the map, and one that stays free: a line break in the last one would scroll. */
const OTHER_ROWS = 10;
/** How long nothing may move before the last positions have reached everybody, and how often that is looked at. */
const SETTLE_LIMIT_MS = 5_000;
const SETTLE_LOOK_MS = 20;
/** The alternate screen without a cursor, and back. */
const ENTER_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE_SCREEN = "\x1b[?25h\x1b[?1049l";

const options = parseArguments({
  seconds: { value: 10, help: "how long, 0 until Ctrl-C", least: 0, most: 86_400 },
  bots: { value: 100, help: "players", least: 2, most: 1_000 },
  rate: { value: 30, help: "positions of a player a second", least: 1, most: 120 },
  slow: { value: 5, help: "players that stop reading now and then", least: 0, most: 1_000 },
});
const slow = Math.min(options.slow, options.bots);

const world = new PositionWorld({
  listeners: [{ hostname: "127.0.0.1", port: 0 }],
  maxPlayers: options.bots,
  rate: options.rate,
});
const server = world.service;

/** Shows the state: redrawn in a terminal, a line a second elsewhere. */
class PositionView {
  /** The most that was queued for one player when it was looked at. */
  largestQueueBytes = 0;
  readonly #bots: PositionBots;
  readonly #isTerminal = process.stdout.isTTY === true;
  readonly #startMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #last = server.stats();
  #lastMs = this.#startMs;

  constructor(bots: PositionBots) {
    this.#bots = bots;
    if (this.#isTerminal) process.stdout.write(ENTER_SCREEN);
    this.#timer = setInterval(() => this.#show(), this.#isTerminal ? LIVE_INTERVAL_MS : LOG_INTERVAL_MS);
  }

  /** Stops, and leaves the terminal as it was. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#isTerminal) process.stdout.write(LEAVE_SCREEN);
  }

  #show(): void {
    const nowMs = performance.now();
    const stats = server.stats();
    const last = this.#last;
    const perSecond = (now: number, before: number) => Math.round((1_000 * (now - before)) / (nowMs - this.#lastMs));
    let queuedBytes = 0;
    for (const session of server.sessions()) queuedBytes = Math.max(queuedBytes, session.queuedBytes);
    this.largestQueueBytes = Math.max(this.largestQueueBytes, queuedBytes);
    const rows: readonly (readonly [string, string])[] = [
      ["players", `${stats.sessions}, ${this.#bots.stalled} of ${slow} slow ones do not read`],
      [
        "messages/s",
        `${perSecond(stats.receivedFrames, last.receivedFrames)} in, ${
          perSecond(stats.sentFrames, last.sentFrames)
        } out`,
      ],
      [
        "bytes/s",
        `${perSecond(stats.receivedBytes, last.receivedBytes)} in, ${perSecond(stats.sentBytes, last.sentBytes)} out`,
      ],
      ["superseded", `${perSecond(stats.droppedSends, last.droppedSends)}/s, ${stats.droppedSends} in all`],
      ["queue", `${queuedBytes} bytes at the most`],
      ["memory", `${Math.round(process.memoryUsage().rss / 1_048_576)} MiB`],
    ];
    this.#last = stats;
    this.#lastMs = nowMs;
    const seconds = `${((nowMs - this.#startMs) / 1_000).toFixed(1)} s`;
    if (this.#isTerminal) this.#draw(seconds, rows);
    else console.log([seconds, ...rows.map((row) => row.join(" "))].join("  "));
  }

  #draw(seconds: string, rows: readonly (readonly [string, string])[]): void {
    // A terminal that does not know its size says 0.
    const columns = process.stdout.columns || 80;
    const lines = process.stdout.rows || 24;
    const width = Math.max(1, Math.min(MAP_COLUMNS, columns - 3));
    const height = Math.max(1, Math.min(MAP_ROWS, lines - OTHER_ROWS));
    const edge = `+${"-".repeat(width)}+`;
    const text = [
      `position sync  ${seconds}  (Ctrl-C ends it)`,
      edge,
      ...drawMap(this.#bots, width, height).map((line) => `|${line}|`),
      edge,
      ...rows.map(([name, value]) => `${name.padEnd(12)}${value}`),
    ];
    const clipped = text.slice(0, lines - 1).map((line) => `${line.slice(0, columns - 1)}\x1b[K\n`);
    process.stdout.write(`\x1b[H${clipped.join("")}\x1b[J`);
  }
}

/** Draws the world: `o` is a player, `z` one that does not read, a digit several. */
function drawMap(bots: PositionBots, width: number, height: number): string[] {
  const cells = Array.from({ length: height }, () => new Array<string>(width).fill(" "));
  for (const { data: { id, x, y } } of server.sessions()) {
    if (id === NOBODY) continue;
    const line = cells[Math.floor((y / WORLD_SIZE) * height)];
    const column = Math.floor((x / WORLD_SIZE) * width);
    const before = line[column];
    if (before === " ") line[column] = bots.isStalled(id) ? "z" : "o";
    else line[column] = String(Math.min(9, (Number(before) || 1) + 1));
  }
  return cells.map((line) => line.join(""));
}

/** Resolves after the time is up, or on a signal. */
function waitForEnd(): Promise<void> {
  return new Promise((resolve) => {
    process.on("SIGINT", () => resolve());
    if (process.platform !== "win32") process.on("SIGTERM", () => resolve());
    if (options.seconds > 0) setTimeout(resolve, options.seconds * 1_000);
  });
}

/**
 * Gives the last players time to come in, and the last positions to reach everybody: as long as anything moves, for a server
 * that is behind takes longer.
 */
async function settle(bots: PositionBots): Promise<void> {
  let moved = 0;
  let movedMs = performance.now();
  while (performance.now() - movedMs < SETTLE_LIMIT_MS) {
    const { sessions, receivedFrames, sentFrames } = server.stats();
    if (sessions === options.bots && bots.countBehind(true) + bots.countBehind(false) === 0) return;
    const now = sessions + receivedFrames + sentFrames;
    if (now !== moved) movedMs = performance.now();
    moved = now;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_LOOK_MS));
  }
}

await server.start();
const [address] = server.stats().listeners;
const bots = new PositionBots({
  hostname: "127.0.0.1",
  port: address.kind === "tcp" ? address.port : 0,
  bots: options.bots,
  slow,
  rate: options.rate,
});
await bots.start();
const startMs = performance.now();
const ended = waitForEnd();
console.log(`a world on ${formatAddress(address)}, ${options.bots} players, ${options.rate} positions a second each`);
const view = new PositionView(bots);
await ended;
bots.finish();
await settle(bots);
view.close();
const seconds = (performance.now() - startMs) / 1_000;
const stats = server.stats();
const behind = { steady: bots.countBehind(false), slow: bots.countBehind(true) };
const droppedForSlow = [...server.sessions()].filter(({ data }) => data.id < slow)
  .reduce((sum, session) => sum + session.stats.dropped.superseded, 0);
await bots.stop();
await server.stop();

const rows: readonly (readonly [string, string])[] = [
  ["players", `${stats.sessions}, ${slow} of them slow, ${seconds.toFixed(1)} s`],
  ["in", `${stats.receivedFrames} messages (${Math.round(stats.receivedFrames / seconds)} a second)`],
  [
    "out",
    `${stats.sentFrames} messages (${Math.round(stats.sentFrames / seconds)} a second), ${stats.sentBytes} bytes`,
  ],
  ["superseded", `${droppedForSlow} for slow players, ${stats.droppedSends - droppedForSlow} for others`],
  ["queue", `${view.largestQueueBytes} bytes at the most`],
  ["age", `news for players that are not slow was ${bots.worstAge} steps old at the most`],
];
for (const [name, value] of rows) console.log(`${name.padEnd(12)}${value}`);

const faults: readonly (readonly [number, string])[] = [
  [bots.wrong, "messages said what cannot be"],
  [bots.outOfOrder, "messages were no newer than one before"],
  [behind.steady, "newest positions never came to a player that is not slow"],
  [behind.slow, "newest positions never came to a slow player"],
  [world.refused, "messages were refused by a queue"],
  [bots.failures, "sends were refused, or sessions ended by themselves"],
  [options.bots - stats.sessions, "players are missing at the end"],
];
const found = faults.filter(([count]) => count !== 0);
for (const [count, what] of found) console.error(`${count} ${what}`);
console.log(found.length === 0 ? "everybody knows where everybody is" : "SOMETHING WAS WRONG");
process.exit(found.length === 0 ? 0 : 1);
