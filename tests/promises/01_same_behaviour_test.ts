// Promise 1: the same behaviour everywhere. The conformance suite (tests/transport/) checks the transports; here one
// conversation gives one log of events, whatever it runs on.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { bytes, startPair, text, transportsHere, until, within } from "../support.ts";

/** What the conversation below is on every transport. */
const EXPECTED = {
  server: ["open", "message one", "message two", "sent 2", "message bye", "sent 1", "close local-closing"],
  client: ["open", "message ONE", "message TWO", "message BYE", "close remote-closing"],
};

for (const { name, make } of transportsHere()) {
  test(`TcpService gives the same events in the same order on ${name}`, async () => {
    const server: string[] = [];
    const client: string[] = [];
    {
      await using pair = await startPair(make(), {
        onOpen: () => server.push("open"),
        onMessage(session, payload) {
          server.push(`message ${text(payload)}`);
          session.send(bytes(text(payload).toUpperCase()));
          if (text(payload) === "bye") session.close();
        },
        onSend: (_session, { frames }) => server.push(`sent ${frames}`),
        onClose: (_session, { reason }) => server.push(`close ${reason}`),
      }, {
        onOpen: () => client.push("open"),
        onMessage: (_session, payload) => client.push(`message ${text(payload)}`),
        onClose: (_session, { reason }) => client.push(`close ${reason}`),
      });
      const { near } = await pair.connect();
      near.send(bytes("one"));
      near.send(bytes("two"));
      await until(() => client.length === 3, "two answers");
      near.send(bytes("bye"));
      const event = await within(near.closed, "the close");
      assertEquals(event.reason, "remote-closing");
    }
    assertEquals({ server, client }, EXPECTED);
  });
}
