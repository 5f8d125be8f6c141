// flush: "manual": what a handler sends leaves at its end, whatever the handler; what is sent outside of handlers waits.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { serve, type ServeOptions, type Session, silentLogger } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { frameOf, RawPeer } from "../raw_peer.ts";
import { bytes, transportsHere, turn, until } from "../support.ts";

const logger = silentLogger();

/** Each sends "answer" to a peer that says "hello" and ends its side. */
const HANDLERS: Record<string, Partial<ServeOptions>> = {
  "onOpen": { onOpen: (session) => void session.send(bytes("answer")) },
  "async onOpen": {
    async onOpen(session) {
      await turn();
      session.send(bytes("answer"));
    },
  },
  "onMessage": { onMessage: (session) => session.send(bytes("answer")) },
  "async onMessage": {
    async onMessage(session) {
      await turn();
      session.send(bytes("answer"));
    },
  },
  "onEnd": { allowHalfOpen: true, onEnd: (session) => void session.send(bytes("answer")) },
  "async onEnd": {
    allowHalfOpen: true,
    async onEnd(session: Session) {
      await turn();
      session.send(bytes("answer"));
    },
  },
};

for (const { name, make } of transportsHere()) {
  for (const [what, handlers] of Object.entries(HANDLERS)) {
    test(`what ${what} sends leaves at its end under flush: "manual", on ${name}`, async () => {
      const transport = make();
      const options = { hostname: "127.0.0.1", port: 0, transport, logger, flush: "manual", ...handlers } as const;
      await using service = await serve({ onMessage: () => {}, ...options });
      const peer = await RawPeer.dial(transport, service.port ?? 0);
      await peer.write(frameOf(bytes("hello")));
      if (what.endsWith("onEnd")) peer.connection.shutdown();
      await until(() => peer.received.length > 0, "the answer");
      assertEquals(peer.received, [...frameOf(bytes("answer"))]);
      peer.connection.abort();
    });
  }
}

/** What a handler sends to the others when a peer that says "hello" comes and goes. */
const ANNOUNCERS: Record<string, (tell: () => unknown) => Partial<ServeOptions>> = {
  onOpen: (tell) => ({ onOpen: () => void tell() }),
  "async onOpen": (tell) => ({
    async onOpen() {
      await turn();
      tell();
    },
  }),
  onMessage: (tell) => ({ onMessage: () => void tell() }),
  onChunk: (tell) => ({ onChunk: () => void tell() }),
  onEnd: (tell) => ({ allowHalfOpen: true, onEnd: () => void tell() }),
  "async onEnd": (tell) => ({
    allowHalfOpen: true,
    async onEnd() {
      await turn();
      tell();
    },
  }),
  onClose: (tell) => ({ onClose: () => void tell() }),
  "async onClose": (tell) => ({
    async onClose() {
      await turn();
      tell();
    },
  }),
};

for (const [what, makeHandlers] of Object.entries(ANNOUNCERS)) {
  test(`what ${what} sends to others leaves at its end under flush: "manual"`, async () => {
    const transport = memoryTransport();
    let listening: Session | undefined = undefined as Session | undefined;
    const handlers = makeHandlers(() => listening?.send(bytes("news")));
    await using service = await serve({
      port: 1,
      transport,
      logger,
      flush: "manual",
      onMessage: () => {},
      ...handlers,
    });
    const listener = await RawPeer.dial(transport, 1);
    await until(() => service.sessionCount === 1, "the listener");
    [listening] = service.sessions();
    const peer = await RawPeer.dial(transport, 1);
    await peer.write(frameOf(bytes("hello")));
    peer.connection.shutdown();
    await until(() => peer.hasEnded || what.endsWith("onEnd"), "its end");
    if (what.endsWith("onClose")) peer.connection.close();
    await until(() => listener.received.length > 0, "the news");
    assertEquals(listener.received.slice(0, 8), [...frameOf(bytes("news"))]); // An async onOpen of its own tells it too.
    for (const { connection } of [listener, peer]) connection.abort();
  });
}

test(`what onSend and onRefused send leaves at their end under flush: "manual"`, async () => {
  const transport = memoryTransport();
  const parts = ["two", "three"];
  const refused: string[] = [];
  await using service = await serve({
    port: 1,
    transport,
    logger,
    flush: "manual",
    onMessage: (session) => session.send(bytes("one")),
    onSend(session) {
      const part = parts.shift();
      if (part !== undefined) session.send(bytes(part));
    },
    onRefused(session) {
      refused.push(session.state);
      for (const other of service.sessions()) other.send(bytes("gone"));
    },
  });
  const [peer, leaver] = [await RawPeer.dial(transport, 1), await RawPeer.dial(transport, 1)];
  await until(() => service.sessionCount === 2, "the sessions");
  const [, leaving] = service.sessions();
  await peer.write(frameOf(bytes("hello")));
  const expected = ["one", "two", "three"].flatMap((word) => [...frameOf(bytes(word))]);
  await until(() => peer.receivedBytes === expected.length, "all parts");
  assertEquals(peer.received, expected);
  void leaving.close();
  service.broadcast(bytes("news"));
  const more = frameOf(bytes("gone")).length;
  await until(() => peer.receivedBytes >= expected.length + more, "what onRefused sent");
  assertEquals(refused, ["closing"]);
  for (const { connection } of [peer, leaver]) connection.abort();
});
