// A session's messages as a loop: `for await (const payload of session)`.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { SessionClosedError } from "@laster/net";
import { bytes, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const WORDS = ["one", "two", "three", "four"];

for (const { name, make } of transportsHere()) {
  test(`Session loops lose nothing between one and the next on ${name}`, async () => {
    await using pair = await startPair(make(), {
      onOpen: (session) => WORDS.forEach((word) => session.send(bytes(word))),
    });
    const near = await pair.client.connect({ port: pair.port });
    const heard: string[] = [];
    for (let loop = 0; loop < 2; loop++) {
      for await (const payload of near) {
        heard.push(text(payload));
        if (heard.length % 2 === 0) break;
      }
    }
    assertEquals(heard, WORDS);
  });

  test(`Session gives messages to its handler again when a loop is left on ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(make(), {
      onOpen: (session) => WORDS.forEach((word) => session.send(bytes(word))),
    }, {
      async onOpen(session) {
        for await (const payload of session) {
          heard.push(`loop ${text(payload)}`);
          if (heard.length === 2) break;
        }
      },
      onMessage: (_session, payload) => heard.push(text(payload)),
    });
    await pair.client.connect({ port: pair.port });
    await until(() => heard.length === 4, "four messages");
    assertEquals(heard, ["loop one", "loop two", "three", "four"]);
  });

  test(`Session runs a loop inside a message handler on ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(make(), {
      async onMessage(session, first) {
        heard.push(`handler ${text(first)}`);
        for await (const payload of session) {
          heard.push(`loop ${text(payload)}`);
          if (text(payload) === "three") break;
        }
        heard.push("left");
      },
    });
    const { near } = await pair.connect();
    for (const word of WORDS.slice(0, 3)) near.send(bytes(word));
    await until(() => heard.includes("left"), "the end of the loop");
    near.send(bytes("four"));
    await until(() => heard.length === 5, "four messages");
    assertEquals(heard, ["handler one", "loop two", "loop three", "left", "handler four"]);
  });

  test(`Session loop ends when the peer ends, and throws when the end is a fault on ${name}`, async () => {
    await using pair = await startPair(make(), { onMessage: (session) => session.close() });
    const { near } = await pair.connect();
    near.send(bytes("bye"));
    for await (const _payload of near) throw new Error("there is no message");

    const second = await pair.connect();
    const loop = second.near[Symbol.asyncIterator]();
    const next = assertRejects(() => loop.next(), SessionClosedError);
    second.near.abort();
    assertEquals((await within(next, "the fault")).reason, "local-abort");
  });

  test(`Session refuses a second loop at the same time on ${name}`, async () => {
    await using pair = await startPair(make(), { onMessage: (session, payload) => session.send(payload) });
    const { near } = await pair.connect();
    const first = near[Symbol.asyncIterator]();
    const next = first.next();
    await assertRejects(() => near[Symbol.asyncIterator]().next(), TypeError);
    near.send(bytes("hi"));
    assertEquals(text((await next).value ?? new Uint8Array()), "hi");
    await first.return();
  });

  test(`Session keeps messages of a dialled peer until somebody asks on ${name}`, async () => {
    await using pair = await startPair(make(), {
      onOpen: (session) => WORDS.forEach((word) => session.send(bytes(word))),
    });
    const near = await pair.client.connect({ port: pair.port });
    await until(() => near.stats.receivedFrames > 0, "the first message");
    for (let count = 0; count < 5; count++) await turn();
    const heard: string[] = [];
    for await (const payload of near) {
      heard.push(text(payload));
      if (heard.length === WORDS.length) break;
    }
    assertEquals(heard, WORDS);
  });
}

for (const { name, make } of transportsHere()) {
  test(`Session hands out plain arrays, whose slice() copies, on ${name}`, async () => {
    const seen: Uint8Array[] = [];
    const kept: Uint8Array[] = [];
    const onChunk = (_session: unknown, chunk: Uint8Array) => void seen.push(chunk);
    const onMessage = (_session: unknown, payload: Uint8Array) => {
      seen.push(payload);
      const copy = payload.slice();
      payload.fill(0);
      kept.push(copy);
    };
    await using pair = await startPair(make(), { onChunk, onMessage }, { onChunk, onMessage });
    const near = await pair.client.connect({ port: pair.port });
    near.send(bytes("from the client"));
    await until(() => kept.length === 1, "it is there");
    pair.server.broadcast(bytes("from the server"));
    await until(() => kept.length === 2, "it is there");
    assertEquals(kept.map(text), ["from the client", "from the server"]);
    assertEquals(seen.map((array) => array.constructor), seen.map(() => Uint8Array));
  });

  test(`Session that has nothing but onChunk reads on, and its messages wait for nobody, on ${name}`, async () => {
    let received = 0;
    const onChunk = (_session: unknown, { length }: Uint8Array) => void (received += length);
    await using pair = await startPair(make(), { onChunk });
    const { near, far } = await pair.connect();
    for (let count = 1; count <= 3; count++) {
      near.send(bytes("hello"));
      await until(() => far.stats.receivedFrames === count, "the message is read");
    }
    await near.close();
    assertEquals(received, 27);
  });
}
