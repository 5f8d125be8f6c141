// What a message costs whose level is switched off: nanoseconds, against code without a logger, which makes not even the
// properties; and with the level on, for comparison. Nothing is formatted of what is off: a property counts how often it is. In
// turns, the median of the rounds. Run it on each runtime: `node bench/log_cost.ts`.

import { LeveledLogger } from "@laster/config";
import { consoleLogger, type Logger, silentLogger } from "@laster/net";
import { configure, getLogger, type LogRecord } from "@logtape/logtape";

const ROUNDS = 31;
const MESSAGES = 200_000;
/** Of what is on: one takes microseconds. */
const FEW_MESSAGES = 2_000;

let formatted = 0;
/** Stands for what is expensive to format. */
const player = {
  toString(): string {
    formatted++;
    return "player 5";
  },
};

await configure({
  sinks: { text: ({ message }: LogRecord) => void message.map(String).join("") },
  loggers: [
    { category: "off", lowestLevel: "error", sinks: ["text"] },
    { category: "on", lowestLevel: "debug", sinks: ["text"] },
    { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
  ],
});

/** As `consoleLogger()` does, but for the console. */
const toText = (message: string, properties: Record<string, unknown> = {}) =>
  void message.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => String(properties[name]));

interface Kind {
  readonly logger: Logger | undefined;
  readonly messages: number;
}

const off = (logger: Logger | undefined): Kind => ({ logger, messages: MESSAGES });
const on = (logger: Logger): Kind => ({ logger, messages: FEW_MESSAGES });
const KINDS: Readonly<Record<string, Kind>> = {
  "no logger": off(undefined),
  "silentLogger(), off": off(silentLogger()),
  "LeveledLogger, off": off(new LeveledLogger(consoleLogger(), "error")),
  "LogTape, off": off(getLogger("off")),
  "LeveledLogger, on": on(new LeveledLogger({ ...silentLogger(), debug: toText }, "debug")),
  "LogTape, on": on(getLogger("on")),
};

/** Nanoseconds a message. */
function measure({ logger, messages }: Kind): number {
  const startMs = performance.now();
  for (let id = 0; id < messages; id++) {
    logger?.debug("Session {id} of {player} moves to {x}", { id, player, x: 2 * id });
  }
  return ((performance.now() - startMs) / messages) * 1e6;
}

const times = new Map<string, number[]>(Object.keys(KINDS).map((name) => [name, []]));
const counts = new Map<string, number>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, kind] of Object.entries(KINDS)) {
    const before = formatted;
    times.get(name)?.push(measure(kind));
    counts.set(name, (counts.get(name) ?? 0) + formatted - before);
  }
}
const none = times.get("no logger") ?? [];
const median = (values: readonly number[]) => values.toSorted((left, right) => left - right)[Math.floor(ROUNDS / 2)];
for (const [name, all] of times) {
  const more = median(all.map((time, round) => time - none[round]));
  console.log(`${name.padEnd(20)} ${more.toFixed(1)} ns a message more, ${counts.get(name)} formatted`);
}
const isSound = [...counts].every(([name, count]) => count === (name.endsWith("on") ? ROUNDS * FEW_MESSAGES : 0));
console.log(isSound ? "nothing was formatted of what is off" : "WRONG: something was");
