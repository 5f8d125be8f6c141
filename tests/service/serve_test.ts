// serve() and connect(): three lines to serve, two to dial.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { connect, ConnectError, type ConnectSessionOptions, ListenError, serve, silentLogger } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { assertNothingLeft, bytes, text, transportsHere, until, within } from "../support.ts";

for (const { name, make } of transportsHere()) {
  test(`serve() and connect() keep messages apart by default on ${name}`, async () => {
    const transport = make();
    const service = await serve({
      transport,
      hostname: "127.0.0.1",
      port: 0,
      onMessage: (session, payload) => session.send(payload),
    });
    assertEquals(service.port, service.stats().listeners.map((address) => address.kind === "tcp" && address.port)[0]);
    const session = await connect({ transport, port: service.port });
    const words = ["one", "two", "", "three"];
    for (const word of words) session.send(bytes(word));
    const heard: string[] = [];
    for await (const payload of session) {
      heard.push(text(payload));
      if (heard.length === words.length) break;
    }
    assertEquals(heard, words);
    await within(session.close(), "the close");
    await within(service.stop(), "the stop");
    assertNothingLeft(service);
    assertEquals(service.port, undefined);
  });
}

test("connect() leaves nothing once its session is over, nor if it does not come about", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  const service = await serve({ transport, hostname: "127.0.0.1", port: 1, logger: silentLogger() });
  let closes = 0;
  const session = await connect({ transport, clock, port: 1, onClose: () => closes++ });
  await service.stop();
  await within(session.finished, "the end");
  await clock.advance(0);
  assertEquals([closes, clock.timerCount], [1, 0]);
  const error = await assertRejects(() => connect({ transport, clock, port: 1, logger: silentLogger() }), ConnectError);
  assertEquals([error.code, clock.timerCount], ["refused", 0]);
});

test("serve() gives its only listener what it was told, and passes on what fails", async () => {
  const transport = memoryTransport();
  await using service = await serve({ transport, hostname: "127.0.0.1", port: 7, name: "players", maxConnections: 1 });
  await using session = await connect({ transport, port: 7 });
  await until(() => service.sessionCount === 1, "the session");
  const [far] = service.sessions();
  assertEquals([session.state, far.origin.kind === "accepted" && far.origin.listener.name], ["open", "players"]);
  const twice = await assertRejects(() => serve({ transport, hostname: "127.0.0.1", port: 7 }), ListenError);
  assertEquals([twice.code, service.port], ["address-in-use", 7]);
  await assertRejects(() => serve({ transport, prot: 7 } as unknown as { port: number }), TypeError, '"prot"');
  await assertRejects(() => serve({ transport }), TypeError, "port or a path");
  const options = { transport, port: 7, listeners: [] } as ConnectSessionOptions;
  await assertRejects(() => connect(options), TypeError, '"listeners"');
});
