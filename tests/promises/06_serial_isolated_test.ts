// Promise 6: handlers are serial per session, hold the socket while they run, and fail alone.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until, within } from "../support.ts";

for (const { name, make } of transportsHere()) {
  test(`Session holds the next message back while an async handler runs on ${name}`, async () => {
    const log: string[] = [];
    await using pair = await startPair(make(), {
      async onMessage(_session, payload) {
        log.push(`begin ${text(payload)}`);
        await turn();
        await turn();
        // The payload is still there after an await.
        log.push(`end ${text(payload)}`);
      },
    });
    const { near } = await pair.connect();
    for (const word of ["one", "two"]) near.send(bytes(word));
    await until(() => log.length >= 4, "two messages");
    for (const word of ["three", "four"]) near.send(bytes(word));
    await until(() => log.length >= 8, "four messages");
    assertEquals(log, ["one", "two", "three", "four"].flatMap((word) => [`begin ${word}`, `end ${word}`]));
  });

  test(`Session holds messages back until an async onOpen has finished on ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    await using pair = await startPair(make(), {
      async onOpen() {
        log.push("opening");
        await gate.promise;
        log.push("open");
      },
      onMessage: (_session, payload) => log.push(text(payload)),
    });
    const { near } = await pair.connect();
    near.send(bytes("early"));
    await turn();
    await turn();
    assertEquals(log, ["opening"]);
    gate.resolve();
    await until(() => log.length === 3, "the message");
    assertEquals(log, ["opening", "open", "early"]);
  });

  test(`Session pauses its socket while a handler runs on ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    let isHolding = true;
    let received = 0;
    await using pair = await startPair(make(), {
      onChunk: (_session, chunk) => {
        received += chunk.length;
      },
      onMessage: () => isHolding ? gate.promise : undefined,
    }, { maxQueuedBytes: 64 * 1_024 * 1_024 });
    const { near } = await pair.connect();
    const total = 32 * 1_024 * 1_024;
    for (let sent = 0; sent < total; sent += 65_536) near.send(new Uint8Array(65_532));
    await until(() => received > 0, "the first chunk");
    for (let count = 0; count < 20; count++) await turn();
    assert(received < total / 4, `${received} bytes were read while the handler ran`);
    assert(near.queuedBytes > 0, "the peer has to wait");
    isHolding = false;
    gate.resolve();
    await until(() => received === total, "all the rest");
  });

  test(`Session that fails in a handler leaves the others alone on ${name}`, async () => {
    const logged: string[] = [];
    const log = new CloseLog();
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message: string) => logged.push(message),
    };
    await using pair = await startPair(make(), {
      logger,
      onMessage(session, payload) {
        if (text(payload) === "throw") throw new Error("on purpose");
        if (text(payload) === "reject") return Promise.reject(new Error("on purpose"));
        session.send(payload);
      },
      onClose: log.onClose,
    }, {
      onMessage: (session, payload) => (session.data as string[]).push(text(payload)),
      createData: () => [] as string[],
    });
    const good = await pair.connect();
    const thrower = await pair.connect();
    const rejecter = await pair.connect();
    thrower.near.send(bytes("throw"));
    rejecter.near.send(bytes("reject"));
    await until(() => log.events.length === 2, "two to end");
    assertEquals(log.events.map(({ reason, error }) => [reason, error?.message]), [
      ["handler-error", "on purpose"],
      ["handler-error", "on purpose"],
    ]);
    assertEquals(logged, ["Session {id} ends by {reason}: {error}"], "the second one within a second is counted");
    good.near.send(bytes("hello"));
    await until(() => (good.near.data as string[]).length === 1, "the echo");
    assertEquals(pair.server.sessionCount, 1);
  });

  test(`Session does not call a handler inside a send that it makes on ${name}`, async () => {
    let depth = 0;
    let deepest = 0;
    let count = 0;
    const enter = (run: () => void) => {
      deepest = Math.max(deepest, ++depth);
      run();
      depth--;
    };
    await using pair = await startPair(make(), {
      onMessage: (session, payload) => enter(() => session.send(payload, { flush: "now" })),
      onSend: () => enter(() => count++),
    }, {
      onMessage: (session, payload) =>
        enter(() => payload[0] < 20 && session.send(payload.map((byte) => byte + 1), { flush: "now" })),
    });
    const { near } = await pair.connect();
    near.send(new Uint8Array([1]));
    await until(() => count >= 20, "20 echoes");
    assertEquals(deepest, 1);
    await within(near.close(), "the close");
  });
}
