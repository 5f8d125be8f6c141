// sqliteDriver() at its edges: texts without a statement, U+0000, columns with odd names, and tables altered from outside.

import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { QueryQueue, sqliteDriver } from "@laster/database";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";

/** The rows of a query, or why there are none: the part behind "as". */
const outcome = (promise: Promise<unknown>) =>
  promise.catch((error: unknown) => String(error).replace(/.*Cannot (?:run|bind) /, ""));

test("sqliteDriver() refuses a text without a statement, and takes semicolons behind one", async () => {
  const queries = new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }) });
  for (const text of ["", ";", " ; ;", "/* c */;", "-- c\n;", "select 1;;", "; select 1; -- c\n ;"]) {
    const expected = text.includes("select") ? [{ 1: 1 }] : "query as it must be a statement: current value is empty";
    assertEquals(await outcome(queries.query(text)), expected, text);
  }
  await queries.close();
});

test("sqliteDriver() refuses U+0000 in statements and texts, as runtimes read them up to it", async () => {
  const queries = new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }) });
  for (const text of ["\0", "\0select 1", "select 1\0", "select '\0'"]) {
    assertEquals(await outcome(queries.query(text)), "query as its text must have no U+0000", JSON.stringify(text));
  }
  for (const value of ["\0", "bob\0x"]) {
    assertEquals(
      await outcome(queries.query("select ? a", [value])),
      "parameter 1 as a text must have no U+0000: current value has one",
    );
  }
  assertEquals(await queries.query("select ? a", [new Uint8Array(2)]), [{ a: new Uint8Array(2) }]);
  await queries.close();
});

test("sqliteDriver() gives a column the name that it has, whatever that is", async () => {
  const queries = new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }) });
  const [row] = await queries.query(`select 1 as "__proto__", 2 as "constructor"`);
  assertEquals(Object.entries(row), [["__proto__", 1], ["constructor", 2]]);
  await queries.close();
});

test("sqliteDriver() gives rows the columns that their table has after it was altered from outside", async () => {
  using folder = new TemporaryFolder();
  const queries = new QueryQueue({ driver: sqliteDriver({ path: folder.file("game.db") }) });
  await queries.query("create table players (name, banned, gold)");
  await queries.query("insert into players values ('ann', 0, 77)");
  const all = () => queries.query("select * from players");
  assertEquals(await all(), [{ name: "ann", banned: 0, gold: 77 }]);
  const other = new DatabaseSync(folder.file("game.db"));
  other.exec("alter table players drop column banned");
  assertEquals(await all(), [{ name: "ann", gold: 77 }]);
  other.exec("alter table players rename column gold to coins");
  assertEquals(await Promise.all([all(), all()]), Array(2).fill([{ name: "ann", coins: 77 }]));
  other.close();
  await queries.close();
});
