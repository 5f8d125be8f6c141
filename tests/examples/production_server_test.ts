// The production server: it serves, its pages have metrics and a dashboard, it follows its file, keeps visits, and ends in order.

import { renameSync, writeFileSync } from "node:fs";
import process from "node:process";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, lengthPrefixed, serve, silentLogger } from "@laster/net";
import { TemporaryFolder } from "../temporary_folder.ts";
import { bytes, text, until, within } from "../support.ts";
import { ownRuntime, Program } from "./program.ts";

const ask = async (port: string, path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, page: await response.text() };
};

const TOKEN = "open sesame 1";
process.env.DASHBOARD_TOKEN = TOKEN; // The server inherits it.

test("the production server serves, tells, follows its settings, and ends", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("settings.jsonc");
  const write = (settings: object) => {
    writeFileSync(`${path}.new`, `// Changed.\n${JSON.stringify(settings)}`);
    renameSync(`${path}.new`, path);
  };
  const listener = { name: "players", hostname: "127.0.0.1", port: 0 };
  write({ listeners: [listener], http: { port: 0 } });
  await using program = new Program(ownRuntime(), "production_server.ts", ["--settings", path], [
    "--allow-read",
    "--allow-env",
  ]);
  const port = Number(await program.port());
  await until(() => /^http on .*:(\d+)$/m.test(program.output), "it says where its pages are");
  const [, http] = /^http on 127.0.0.1:(\d+)$/m.exec(program.output) ?? [];
  const dial = () => connect({ port, codec: lengthPrefixed({ controlFrames: true }), logger: silentLogger() });
  await using session = await dial();
  session.send(bytes("hello"));
  assertEquals(text(await within(session.receive(), "an answer") ?? bytes("nothing")), "hello");
  assertEquals((await ask(http, "/ready")).page, "ready\n");
  assert((await ask(http, "/metrics")).page.includes('laster_messages_received_total{service="default"} 1'));
  write({ listeners: [listener, { ...listener, name: "more" }], http: { port: 0 } });
  let page = "";
  const endMs = performance.now() + 10_000;
  while (!page.includes('laster_listeners{service="default"} 2') && performance.now() < endMs) {
    page = (await ask(http, "/metrics")).page;
  }
  assert(page.includes('laster_listeners{service="default"} 2'), program.output);
  write({ listeners: "none" });
  await until(() => program.output.includes("listeners must be a list of listeners"), "it says what is wrong");
  session.send(bytes("still"));
  assertEquals(text(await within(session.receive(), "an answer") ?? bytes("nothing")), "still");
  const head = { headers: { authorization: `Bearer ${TOKEN}` } };
  const dashboard = await fetch(`http://127.0.0.1:${http}/dashboard/`, head);
  assertEquals([dashboard.status, (await dashboard.text()).includes("<title>")], [200, true]);
  assertEquals((await ask(http, "/dashboard/")).status, 401);
  await session.close();
  const visited = 'laster_queries_answered_total{queue="default"} 2'; // Its table, and the visit.
  for (page = ""; !page.includes(visited) && performance.now() < endMs + 10_000;) {
    page = (await ask(http, "/metrics")).page;
  }
  assert(page.includes(visited) && page.includes('laster_policy_running{policy="database"} 0'), page);
  assertEquals(await program.stop(), 0, program.output);
});

test("the production server whose HTTP port is taken says so in one line, and ends with 1", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("settings.jsonc");
  await using taken = await serve({ hostname: "127.0.0.1", port: 0, logger: silentLogger() });
  writeFileSync(path, JSON.stringify({ listeners: [{ hostname: "127.0.0.1", port: 0 }], http: { port: taken.port } }));
  await using program = new Program(ownRuntime(), "production_server.ts", ["--settings", path], [
    "--allow-read",
    "--allow-env",
  ]);
  assertEquals(await program.exit(), 1);
  const lines = program.output.trim().split("\n").filter((line) => !line.startsWith("listening on 127.0.0.1:"));
  assertEquals(lines, [`Cannot listen on 127.0.0.1:${taken.port} as the address is in use`]);
});
