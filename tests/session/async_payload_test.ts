// The payload of an async handler stays what it is until the promise settles, whatever happens meanwhile.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { equals } from "@std/bytes";
import { raw } from "@laster/net";
import { pattern, startPair, transportsHere, turn, until, within } from "../support.ts";

const TURNS = 10;

for (const { name, make } of transportsHere()) {
  for (const size of [10, 900, 5_000, 60_000]) {
    test(`Session keeps a payload of ${size} bytes for an async handler while more comes on ${name}`, async () => {
      let checked = 0;
      await using pair = await startPair(make(), {
        async onMessage(_session, payload) {
          const copy = payload.slice();
          for (let count = 0; count < TURNS; count++) await turn();
          assertEquals(payload, copy);
          checked++;
        },
      }, { codec: raw({ maxPayloadBytes: 100_000 }) });
      const { near } = await pair.connect();
      for (let index = 0; index < 5; index++) {
        const frame = new Uint8Array(4 + size);
        new DataView(frame.buffer).setUint32(0, size, true);
        frame.set(pattern(size, index), 4);
        // In two pieces, so that some payloads lie in a chunk and some in pooled memory.
        near.send(frame.subarray(0, index % 2 === 0 ? frame.length : 7), { flush: "now" });
        if (index % 2 === 1) near.send(frame.subarray(7), { flush: "now" });
      }
      await until(() => checked === 5, "five messages");
    });

    test(`Session keeps a payload of ${size} bytes for a handler that is running when the session closes on ${name}`, async () => {
      const result = Promise.withResolvers<boolean>();
      const entered = Promise.withResolvers<void>();
      await using pair = await startPair(make(), {
        async onMessage(_session, payload) {
          const copy = payload.slice();
          entered.resolve();
          for (let count = 0; count < TURNS; count++) await turn();
          result.resolve(equals(payload, copy));
        },
      }, { onMessage: () => {} });
      const { near, far } = await pair.connect();
      near.send(pattern(size, 1));
      await within(entered.promise, "the handler");
      for (let count = 0; count < 20; count++) near.send(pattern(size, 2 + count), { flush: "now" });
      far.close();
      const other = await pair.connect();
      for (let count = 0; count < 20; count++) other.near.send(pattern(size, 50 + count), { flush: "now" });
      assertEquals(await within(result.promise, "the handler's end"), true);
    });
  }

  test(`Session.close() awaited in its own handler resolves, and onClose follows the handler on ${name}`, async () => {
    const log: string[] = [];
    await using pair = await startPair(make(), {
      async onMessage(session) {
        const { reason } = await session.close();
        log.push(reason);
        await turn();
        log.push("handler ends");
      },
      onClose: () => log.push("onClose"),
    }, { onMessage: () => {} });
    const { near } = await pair.connect();
    near.send(pattern(3));
    await until(() => log.length === 3, "the close");
    assertEquals(log, ["local-closing", "handler ends", "onClose"]);
  });

  test(`Session does not wait for a handler that never ends beyond closeTimeoutMs on ${name}`, async () => {
    const log: string[] = [];
    await using pair = await startPair(make(), {
      closeTimeoutMs: 30,
      onMessage: () => new Promise<void>(() => {}),
      onClose: (_session, { reason }) => log.push(reason),
    }, { onMessage: () => {} });
    const { near } = await pair.connect();
    near.send(pattern(3));
    await until(() => pair.server.stats().receivedFrames === 1, "the message");
    await within(pair.server.stop(), "stop()");
    assertEquals(log, ["shutdown"]);
  });
}
