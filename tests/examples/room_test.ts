// The room: login, chat, positions, the console's kick, and a player who is back.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, delimited, type Session } from "@laster/net";
import { type FromRoom, readFromRoom, write } from "../../examples/room_messages.ts";
import { text, within } from "../support.ts";
import { ownRuntime, Program } from "./program.ts";

function startServer(): Program {
  return new Program(ownRuntime(), "room_server.ts", ["--port", "0"]);
}

/** The ports of the room and of its console. */
async function portsOf(server: Program): Promise<readonly [room: number, admin: number]> {
  await server.port();
  const ports = [...server.output.matchAll(/^listening on .*:(\d+)\r?$/gm)].map(([, port]) => Number(port));
  return [ports[0], ports[1]];
}

/** The next message of a type. */
async function next<Type extends FromRoom["type"]>(session: Session, type: Type): Promise<FromRoom & { type: Type }> {
  for (;;) {
    const payload = await within(session.receive({ timeoutMs: 15_000 }), type);
    assert(payload !== undefined, `it ended before ${type}`);
    const message = readFromRoom(payload);
    if (message?.type === type) return message as FromRoom & { type: Type };
  }
}

async function enter(port: number, name: string): Promise<Session> {
  const session = await connect({ port });
  session.send(write({ type: "login", name }));
  assertEquals((await next(session, "welcome")).name, name);
  return session;
}

test("room_server passes on what is said and where who is, and knows the best", async () => {
  await using server = startServer();
  const [port] = await portsOf(server);
  await using ann = await enter(port, "ann");
  await using bob = await enter(port, "bob");
  ann.send(write({ type: "say", text: "hi" }));
  const { name, text: said } = await next(bob, "said");
  assertEquals([name, said], ["ann", "hi"]);
  for (const x of [1, 2, 3]) ann.send(write({ type: "move", x, y: -x }));
  const at = await next(bob, "at");
  assertEquals([at.name, at.y], ["ann", -at.x]);
  bob.send(write({ type: "top" }));
  assertEquals((await next(bob, "top")).players, [["ann", 1], ["bob", 0]]);
  assertEquals(await server.stop(), 0);
});

test("room_server lets a player who is back go on, and closes the session that he had", async () => {
  await using server = startServer();
  const [port] = await portsOf(server);
  const first = await enter(port, "ann");
  first.send(write({ type: "say", text: "one point" }));
  await next(first, "said");
  const second = await connect({ port });
  second.send(write({ type: "login", name: "ann" }));
  assertEquals((await next(second, "welcome")).score, 1);
  assertEquals((await next(first, "kick")).why, "you are here from elsewhere");
  assertEquals((await within(first.closed, "the close")).reason, "remote-closing");
  await second.close();
});

test("room_server obeys its console, which speaks in lines", async () => {
  await using server = startServer();
  const [port, adminPort] = await portsOf(server);
  const ann = await enter(port, "ann");
  await using bob = await enter(port, "bob");
  await using admin = await connect({ port: adminPort, codec: delimited() });
  const ask = async (line: string) => {
    admin.send(new TextEncoder().encode(line));
    return text(await within(admin.receive(), line) ?? new Uint8Array());
  };
  assertEquals(await ask("who"), "ann bob");
  assertEquals(await ask("say tea is ready"), "2");
  assertEquals((await next(bob, "said")).text, "tea is ready");
  assertEquals(await ask("kick ann too loud"), "ann is gone");
  assertEquals((await next(ann, "kick")).why, "too loud");
  await within(ann.closed, "the kick");
  assertEquals(await ask("kick nobody"), "who, say TEXT, kick NAME WHY");
});

test("room_server closes who says no name in time, or what it does not understand", async () => {
  await using server = startServer();
  const [port] = await portsOf(server);
  const silent = await connect({ port });
  const rude = await connect({ port });
  rude.send(new TextEncoder().encode("{}"));
  assertEquals((await next(rude, "kick")).why, "no login");
  const ann = await enter(port, "ann");
  ann.send(new Uint8Array([0xff]));
  assertEquals((await next(ann, "kick")).why, "malformed");
  assertEquals((await next(silent, "kick")).why, "no login");
  assertEquals((await within(silent.closed, "the close")).reason, "remote-closing");
});

test("room_bot comes back to a server that is started again, and leaves when it is kicked", async () => {
  const runtime = ownRuntime();
  let server = startServer();
  const [port] = await portsOf(server);
  await using bot = new Program(runtime, "room_bot.ts", ["--port", `${port}`, "--seconds", "60"]);
  const watch = await enter(port, "watch");
  await next(watch, "at");
  await watch.close();
  await server.stop();
  server = new Program(runtime, "room_server.ts", ["--port", `${port}`]);
  await using _server = server;
  const [, adminPort] = await portsOf(server);
  await using other = await enter(port, "other");
  assertEquals((await next(other, "at")).name, "bot");
  await using admin = await connect({ port: adminPort, codec: delimited() });
  admin.send(new TextEncoder().encode("kick bot enough"));
  assertEquals(await bot.exit(), 1);
  assert(/2 welcomes, .*then kicked: enough/.test(bot.output), bot.output);
});
