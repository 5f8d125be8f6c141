// Players: one player, one session, whatever comes at the same time.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { CloseEvent, Session } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { Players, type PlayersOptions } from "@laster/net/players";
import { bytes, startPair, text, transportsHere, turn, until, within } from "../support.ts";

async function setUp(options: PlayersOptions = {}, transport = memoryTransport()) {
  const players = new Players<string, undefined>(options);
  const log: string[] = [];
  const saving: PromiseWithResolvers<void>[] = [];
  const closes: CloseEvent[] = [];
  const pair = await startPair(transport, {
    async onClose(_session, event) {
      closes.push(event);
      log.push("saving");
      const saved = Promise.withResolvers<void>();
      saving.push(saved);
      await saved.promise;
      log.push("saved");
    },
  });
  const open = async (): Promise<Session> => (await pair.connect()).far;
  return { players, log, saving, closes, pair, open };
}

test("Players.claim() displaces the session before, and waits until its onClose has run", async () => {
  const { players, log, saving, closes, pair, open } = await setUp();
  const [first, second] = [await open(), await open()];
  assertEquals(await players.claim("ann", first), "claimed");
  assertEquals(await players.claim("ann", first), "claimed", "again");
  const claim = players.claim("ann", second).then((result) => log.push(result));
  await until(() => saving.length === 1, "onClose of the first");
  assertEquals([log, players.get("ann")], [["saving"], first]);
  saving[0].resolve();
  await claim;
  assertEquals(log, ["saving", "saved", "claimed"]);
  assertEquals([closes[0].reason, closes[0].detail], ["local-closing", "displaced"]);
  assertEquals([players.get("ann"), players.keyOf(second), players.keyOf(first), players.size], [
    second,
    "ann",
    undefined,
    1,
  ]);
  for (const each of saving) each.resolve();
  const ended = pair[Symbol.asyncDispose]();
  await until(() => saving.length === 2, "the end of the second");
  saving[1].resolve();
  await ended;
  assertEquals([players.size, players.get("ann"), [...players.entries()]], [0, undefined, []]);
});

for (const { name, make } of transportsHere()) {
  test(`Players.claim() loads nothing that the session before still saves after its network broke, on ${name}`, async () => {
    const players = new Players<string, undefined>();
    const log: string[] = [];
    const saving: PromiseWithResolvers<void>[] = [];
    const pair = await startPair(make(), {
      async onMessage(session, payload) {
        log.push(`${session.id} ${await players.claim(text(payload), session)}`);
      },
      async onClose(session) {
        log.push(`${session.id} saving`);
        const saved = Promise.withResolvers<void>();
        saving.push(saved);
        await saved.promise;
        log.push(`${session.id} saved`);
      },
    });
    const first = await pair.client.connect({ port: pair.port });
    first.send(bytes("ann"));
    await until(() => log.length === 1, "the first login");
    first.abort();
    await until(() => saving.length === 1, "that the first is saved");
    const second = await pair.client.connect({ port: pair.port });
    second.send(bytes("ann"));
    await until(() => pair.server.stats().receivedFrames === 2, "the second login");
    for (let count = 0; count < 20; count++) await turn();
    assertEquals(log, ["1 claimed", "1 saving"]);
    saving[0].resolve();
    await until(() => log.length === 4, "the second login");
    assertEquals(log, ["1 claimed", "1 saving", "1 saved", "2 claimed"]);
    const ended = pair[Symbol.asyncDispose]();
    await until(() => saving.length === 2, "the end of the second");
    saving[1].resolve();
    await ended;
  });
}

test("Players.claim() refuses while the first is open, and waits for one that closes, under refuse", async () => {
  const { players, saving, pair, open } = await setUp({ whenTaken: "refuse" });
  const [first, second] = [await open(), await open()];
  await players.claim("ann", first);
  assertEquals([await players.claim("ann", second), first.state], ["refused", "open"]);
  void first.close();
  const claim = players.claim("ann", second);
  await until(() => saving.length === 1, "onClose of the first");
  saving[0].resolve();
  assertEquals(await within(claim, "the claim"), "claimed");
  const ended = pair[Symbol.asyncDispose]();
  await until(() => saving.length === 2, "the end");
  saving[1].resolve();
  await ended;
});

for (const { name, make } of transportsHere()) {
  test(`Players leaves one of twenty that claim a name at once on ${name}`, async () => {
    const players = new Players<string, undefined>({ close: { detail: "again", message: bytes("displaced") } });
    const order: string[] = [];
    const pair = await startPair(make(), {
      async onMessage(session, payload) {
        const key = text(payload);
        if (await players.claim(key, session) === "claimed") order.push(`in ${session.id}`);
      },
      async onClose(session) {
        await undefined;
        order.push(`out ${session.id}`);
      },
    });
    for (let count = 0; count < 20; count++) {
      const near = await pair.client.connect({ port: pair.port });
      near.send(bytes("ann"));
    }
    await until(() => order.filter((word) => word.startsWith("in")).length === 20, "all claims");
    // Each is out before the next one is in.
    assertEquals(order.map((word) => word.split(" ")[0]), Array.from({ length: 39 }, (_, at) => at % 2 ? "out" : "in"));
    assertEquals([players.size, players.sendTo("ann", bytes("hi")), players.sendTo("bob", bytes("hi"))], [
      1,
      "queued",
      "closed",
    ]);
    await pair[Symbol.asyncDispose]();
    assertEquals(players.size, 0);
  });
}

test("Players.claim() is closed for a session that ends before its turn, and forgets the key", async () => {
  const { players, saving, pair, open } = await setUp();
  const [first, second] = [await open(), await open()];
  await players.claim("ann", first);
  const claim = players.claim("ann", second);
  await until(() => first.state !== "open", "that the first is displaced");
  second.abort();
  await until(() => saving.length === 2, "both ends");
  for (const each of saving) each.resolve();
  assertEquals(await claim, "closed");
  await until(() => players.size === 0, "nobody has it");
  assertEquals(players.get("ann"), undefined);
  await pair[Symbol.asyncDispose]();
});

test("Players refuses a second key of a session, and options that are none", async () => {
  const { players, saving, pair, open } = await setUp();
  const first = await open();
  await players.claim("ann", first);
  await assertRejects(() => players.claim("bob", first), TypeError, "ann");
  assertEquals(players.get("bob"), undefined);
  assertThrows(() => new Players({ whenTaken: "ignore" as "refuse" }), TypeError, "displace, refuse");
  assertThrows(() => new Players({ policy: "refuse" } as PlayersOptions), TypeError, '"policy"');
  const ended = pair[Symbol.asyncDispose]();
  await until(() => saving.length === 1, "the end");
  saving[0].resolve();
  await ended;
});

test("Players.claim() gives a session one key of two that it claims at once, and the other one is free", async () => {
  const { players, saving, pair, open } = await setUp();
  const [first, second] = [await open(), await open()];
  const claims = ["ann", "bob"].map((key) => players.claim(key, first).catch((error: Error) => error));
  const [ann, bob] = await Promise.all(claims);
  assert(bob instanceof TypeError && bob.message.includes("ann"), `${bob}`);
  assertEquals([ann, players.size, players.keyOf(first)], ["claimed", 1, "ann"]);
  assertEquals([players.get("ann"), players.get("bob")], [first, undefined]);
  assertEquals(await players.claim("bob", second), "claimed");
  const third = await open();
  const more = ["eve", "bob"].map((key) => players.claim(key, third).catch((error: Error) => error));
  assertEquals([await more[0], await more[1] instanceof TypeError, second.state], ["claimed", true, "open"]);
  const ended = pair[Symbol.asyncDispose]();
  await until(() => saving.length === 3, "all ends");
  for (const each of saving) each.resolve();
  await ended;
  assertEquals([players.size, players.get("ann"), players.get("bob")], [0, undefined, undefined]);
});

test("Players.claim() gives a session no second key after it has displaced the one that had it", async () => {
  const { players, saving, pair, open } = await setUp();
  const [first, second] = [await open(), await open()];
  await players.claim("ann", first);
  const claim = players.claim("ann", second).catch((error: Error) => error);
  await until(() => saving.length === 1, "onClose of the first");
  assertEquals(await players.claim("bob", second), "claimed");
  saving[0].resolve();
  assert(await claim instanceof TypeError);
  assertEquals([players.get("ann"), players.get("bob"), players.size], [undefined, second, 1]);
  const ended = pair[Symbol.asyncDispose]();
  await until(() => saving.length === 2, "the end");
  saving[1].resolve();
  await ended;
  assertEquals(players.size, 0);
});

test("Players refuses close options that are none when it is made", () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ message: "text" }, "Uint8Array"],
    [{ timeoutMs: -1 }, "timeoutMs"],
    [{ detail: 1 }, "detail"],
    [{ timeout: 1 }, '"timeout"'],
  ];
  for (const [close, part] of wrong) {
    const error = assertThrows(() => new Players({ close }));
    assert(error instanceof Error && error.message.includes(part), `${error}`);
  }
});
