// The leaderboard: what it answers, and that a score which it has answered is there after it was stopped, and after it was killed.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, delimited, type Session, SessionClosedError, silentLogger } from "@laster/net";
import { bytes, text, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { ownRuntime, Program } from "./program.ts";

const PLAYERS = 20;
/** More than the server has answered by the time that it is ended. */
const SCORES = 50_000;
const ENOUGH = 500;

const start = (file: string) =>
  new Program(ownRuntime(), "leaderboard.ts", ["--port", "0", "--file", file], ["--allow-read", "--allow-write"]);

async function dial(program: Program): Promise<Session> {
  const port = Number(await program.port());
  return connect({ port, codec: delimited(), logger: silentLogger() });
}

async function ask(session: Session, line: string): Promise<string> {
  session.send(bytes(line));
  return text(await within(session.receive(), `an answer to ${line}`) ?? bytes("nothing"));
}

/** Sends rising scores of a player until the server is gone, and keeps what it answers. */
async function play(program: Program, name: string, first: number, best: Map<string, number>): Promise<void> {
  await using session = await dial(program);
  for (let score = first; score < first + SCORES; score++) {
    if (session.send(bytes(`score ${name} ${score}`)) === "closed") return;
    const payload = await session.receive().catch(ignoreReset);
    if (payload === undefined) return;
    assertEquals(text(payload), `best ${name} ${score}`);
    best.set(name, score);
  }
}

/** A server that was killed resets its connections. */
function ignoreReset(error: unknown): undefined {
  assert(error instanceof SessionClosedError && error.reason === "reset", String(error));
}

test("the leaderboard answers with the best of a player, and the ten best", async () => {
  using folder = new TemporaryFolder();
  await using program = start(folder.file("game.db"));
  await using session = await dial(program);
  assertEquals(await ask(session, "top"), "top");
  assertEquals(await ask(session, "score ann 300"), "best ann 300");
  assertEquals(await ask(session, "score ann 200"), "best ann 300");
  for (const wrong of ["score ann", "score ann -1", "score a'b 1", "hello"]) {
    assertEquals(await ask(session, wrong), "expected: score NAME POINTS, or top");
  }
  for (let index = 0; index < 12; index++) await ask(session, `score p${index} ${index}`);
  assertEquals(await ask(session, "top"), "top ann 300 p11 11 p10 10 p9 9 p8 8 p7 7 p6 6 p5 5 p4 4 p3 3");
});

for (const how of ["stopped", "killed"] as const) {
  test(`a leaderboard that is ${how} has every score that it answered`, async () => {
    using folder = new TemporaryFolder();
    const file = folder.file("game.db");
    const best = new Map<string, number>();
    for (let round = 0; round < 2; round++) {
      await using program = start(file);
      const before = [...best.values()].reduce((sum, score) => sum + score, 0);
      const players = Array.from({ length: PLAYERS }, (_, index) => {
        const name = `player${index}`;
        return play(program, name, (best.get(name) ?? 0) + 1, best);
      });
      const all = Promise.all(players);
      all.catch(() => {}); // It is awaited below.
      const added = () => [...best.values()].reduce((sum, score) => sum + score, 0) - before;
      await Promise.race([until(() => added() >= ENOUGH, "they have played"), all]);
      const code = how === "stopped" ? await program.stop() : await program.kill();
      assertEquals(code === 0, how === "stopped", `${code}: ${program.output}`);
      await within(all, "the players");
      assert(added() >= ENOUGH && added() < PLAYERS * SCORES, `it was ${how} while they played`);
    }
    await using program = start(file);
    await using session = await dial(program);
    for (const [name, score] of best) {
      const [, , there] = (await ask(session, `score ${name} 0`)).split(" ");
      // One score of each may be there whose answer was not heard.
      assert(Number(there) === score || Number(there) === score + 1, `${name} has ${there}, and was told of ${score}`);
    }
  });
}
