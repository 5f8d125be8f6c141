// The room: login, chat, positions, the console's kick, and a player who is back.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, delimited, type Session } from "@laster/net";
import { type FromPlayer, type FromRoom, readFromRoom, write } from "../../examples/room_messages.ts";
import { text, until, within } from "../support.ts";
import { ownRuntime, Program } from "./program.ts";

function startServer(): Program {
  return new Program(ownRuntime(), "room_server.ts", ["--port", "0"]);
}

/** The ports of the room and of its console. */
async function portsOf(server: Program): Promise<readonly [room: number, admin: number]> {
  const find = () => [...server.output.matchAll(/^listening on .*:(\d+)\r?$/gm)].map(([, port]) => Number(port));
  await server.port();
  await until(() => find().length === 2, "both ports");
  const [room, admin] = find();
  return [room, admin];
}

/** A player: its session, and what it has heard and not yet asked for. */
class Player implements AsyncDisposable {
  readonly session: Session;
  readonly #heard: FromRoom[];

  private constructor(session: Session, heard: FromRoom[]) {
    this.session = session;
    this.#heard = heard;
  }

  static async dial(port: number): Promise<Player> {
    const heard: FromRoom[] = [];
    const onMessage = (_session: Session, payload: Uint8Array) => heard.push(readFromRoom(payload) as FromRoom);
    return new Player(await connect({ port, onMessage }), heard);
  }

  static async enter(port: number, name: string): Promise<Player> {
    const player = await Player.dial(port);
    player.say({ type: "login", name });
    assertEquals((await player.next("welcome")).name, name);
    return player;
  }

  say(message: FromPlayer): void {
    this.session.send(write(message));
  }

  /** The next message of a type; those before it are passed by. */
  async next<Type extends FromRoom["type"]>(type: Type): Promise<FromRoom & { type: Type }> {
    const find = () => this.#heard.findIndex((message) => message.type === type);
    await until(() => find() >= 0, `${type}: ${this.session.state}`);
    return this.#heard.splice(0, find() + 1).at(-1) as FromRoom & { type: Type };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}

test("room_server passes on what is said and where who is, and knows the best", async () => {
  await using server = startServer();
  const [port] = await portsOf(server);
  await using ann = await Player.enter(port, "ann");
  await using bob = await Player.enter(port, "bob");
  ann.say({ type: "say", text: "hi" });
  const { name, text: said } = await bob.next("said");
  assertEquals([name, said], ["ann", "hi"]);
  for (const x of [1, 2, 3]) ann.say({ type: "move", x, y: -x });
  const at = await bob.next("at");
  assertEquals([at.name, at.y], ["ann", -at.x]);
  bob.say({ type: "top" });
  assertEquals((await bob.next("top")).players, [["ann", 1], ["bob", 0]]);
  assertEquals(await server.stop(), 0);
});

test("room_server lets a player who is back go on, and closes the session that he had", async () => {
  await using server = startServer();
  const [port] = await portsOf(server);
  const first = await Player.enter(port, "ann");
  first.say({ type: "say", text: "one point" });
  await first.next("said");
  const second = await Player.dial(port);
  second.say({ type: "login", name: "ann" });
  assertEquals((await second.next("welcome")).score, 1);
  assertEquals((await first.next("kick")).why, "you are here from elsewhere");
  assertEquals((await within(first.session.closed, "the close")).reason, "remote-closing");
  await second.session.close();
});

test("room_server obeys its console, which speaks in lines", async () => {
  await using server = startServer();
  const [port, adminPort] = await portsOf(server);
  const ann = await Player.enter(port, "ann");
  await using bob = await Player.enter(port, "bob");
  await using admin = await connect({ port: adminPort, codec: delimited() });
  const ask = async (line: string) => {
    admin.send(new TextEncoder().encode(line));
    return text(await within(admin.receive(), line) ?? new Uint8Array());
  };
  assertEquals(await ask("who"), "ann bob");
  assertEquals(await ask("say tea is ready"), "2");
  assertEquals((await bob.next("said")).text, "tea is ready");
  assertEquals(await ask("kick ann too loud"), "ann is gone");
  assertEquals((await ann.next("kick")).why, "too loud");
  await within(ann.session.closed, "the kick");
  assertEquals(await ask("kick nobody"), "who, say TEXT, kick NAME WHY");
});

test("room_server closes who says no name in time, or what it does not understand", async () => {
  await using server = startServer();
  const [port] = await portsOf(server);
  const silent = await Player.dial(port);
  const rude = await Player.dial(port);
  rude.session.send(new TextEncoder().encode("{}"));
  assertEquals((await rude.next("kick")).why, "no login");
  const ann = await Player.enter(port, "ann");
  ann.session.send(new Uint8Array([0xff]));
  assertEquals((await ann.next("kick")).why, "malformed");
  assertEquals((await silent.next("kick")).why, "no login");
  assertEquals((await within(silent.session.closed, "the close")).reason, "remote-closing");
});

test("room_bot comes back to a server that is started again, and leaves when it is kicked", async () => {
  const runtime = ownRuntime();
  let server = startServer();
  const [port] = await portsOf(server);
  await using bot = new Program(runtime, "room_bot.ts", ["--port", `${port}`, "--seconds", "60"]);
  const watch = await Player.enter(port, "watch");
  await watch.next("at");
  await watch.session.close();
  await server.stop();
  server = new Program(runtime, "room_server.ts", ["--port", `${port}`]);
  await using _server = server;
  const [, adminPort] = await portsOf(server);
  await using other = await Player.enter(port, "other");
  assertEquals((await other.next("at")).name, "bot");
  await using admin = await connect({ port: adminPort, codec: delimited() });
  admin.send(new TextEncoder().encode("kick bot enough"));
  assertEquals(await bot.exit(), 1);
  assert(/2 welcomes, .*then kicked: enough/.test(bot.output), bot.output);
});
