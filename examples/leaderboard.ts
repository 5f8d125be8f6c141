// A leaderboard that outlives its server: players send scores as lines, as `nc` does, and SQLite keeps the best of each player.
// `deno task leaderboard`, `bun examples/leaderboard.ts`, `node examples/leaderboard.ts`. Then `nc 127.0.0.1 11110`:
//
//   score ann 300     best ann 300     the answer means that it is on the disk
//   score ann 200     best ann 300
//   top               top ann 300

import { QueryError, QueryQueue, sqliteDriver } from "@laster/database";
import { delimited, type Session, TcpService } from "@laster/net";
import { runService } from "@laster/net/hosting";
import { exitWith, parseArguments } from "./command_line.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
  file: { value: "leaderboard.db", help: "file of the database" },
});
const SCORE = /^score (\w{1,16}) (\d{1,9})$/;

const queries = new QueryQueue({
  driver: sqliteDriver({ path: options.file }),
  onConnectionFault: (error) => console.error(error instanceof Error ? error.message : error),
});
try {
  await queries.query("create table if not exists players (name text primary key, best integer not null)");
  await queries.query("create index if not exists by_best on players (best desc, name)");
} catch (error) {
  exitWith(1, error instanceof Error ? error.message : String(error));
}

const service = new TcpService({
  listeners: [{ hostname: options.host, port: options.port }],
  codec: delimited(),
  async onMessage(session, payload) {
    try {
      answer(session, await obey(new TextDecoder().decode(payload)));
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      answer(session, `sorry ${error.code}`); // The player may send it again: keeping a score twice changes nothing.
    }
  },
});
// On SIGTERM: no more players, then the answers of those that are there, then the end of the database.
await runService(service, { onStopped: () => queries.close() });

async function obey(line: string): Promise<string> {
  if (line === "top") {
    const rows = await queries.query("select name, best from players order by best desc, name limit 10");
    return ["top", ...rows.map(({ name, best }) => `${name} ${best}`)].join(" ");
  }
  const [, name, points] = SCORE.exec(line) ?? [];
  if (name === undefined) return "expected: score NAME POINTS, or top";
  const [{ best }] = await queries.query(
    `insert into players values ($1, $2)
     on conflict (name) do update set best = max(best, excluded.best) returning best`,
    [name, Number(points)],
    { key: name, isRepeatable: true }, // One player's scores in their order, however many connections send them.
  );
  return `best ${name} ${best}`;
}

function answer(session: Session, text: string): void {
  session.send(new TextEncoder().encode(text));
}
