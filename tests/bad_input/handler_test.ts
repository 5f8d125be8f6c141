// What a bad handler can do: it ends its own session, and nothing else.

import test from "node:test";
import { assertEquals } from "@std/assert";
import type { CloseReason, Session, TcpServiceOptions } from "@laster/net";
import { bytes, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const BAD = "bad";

interface Fault {
  readonly name: string;
  readonly reason: CloseReason;
  readonly handle: (session: Session) => unknown;
}

const FAULTS: readonly Fault[] = [
  { name: "throws", reason: "handler-error", handle: fail },
  { name: "throws what is no Error", reason: "handler-error", handle: () => Promise.reject("a text") },
  { name: "rejects", reason: "handler-error", handle: () => Promise.reject(new Error("on purpose")) },
  {
    name: "rejects after a turn",
    reason: "handler-error",
    async handle() {
      await turn();
      fail();
    },
  },
  {
    name: "closes twice",
    reason: "local-closing",
    handle(session) {
      session.close();
      session.close();
    },
  },
  { name: "waits for its own close", reason: "local-closing", handle: (session) => session.close() },
  {
    name: "sends after close",
    reason: "local-closing",
    handle(session) {
      session.close();
      assertEquals(session.send(bytes("late")), "closed");
    },
  },
  {
    name: "sends after abort",
    reason: "local-abort",
    handle(session) {
      session.abort();
      session.send(bytes("late"));
    },
  },
  {
    name: "aborts after close",
    reason: "local-closing",
    handle(session) {
      session.close();
      session.abort();
    },
  },
  {
    name: "throws after close",
    reason: "local-closing",
    handle(session) {
      session.close();
      fail();
    },
  },
];

function fail(): never {
  throw new Error("on purpose");
}

for (const { name: transportName, make } of transportsHere()) {
  for (const { name, reason, handle } of FAULTS) {
    test(`Session ends once with ${reason} when a handler ${name} on ${transportName}`, async () => {
      const reasons: CloseReason[] = [];
      await using pair = await startPair(make(), {
        onMessage: (session, payload) => text(payload) === BAD ? handle(session) : session.send(payload),
        onClose: (_session, event) => reasons.push(event.reason),
      });
      const bystander = await pair.connect();
      const { near } = await pair.connect();
      near.send(bytes(BAD));
      await until(() => reasons.length > 0, "the close");
      bystander.near.send(bytes("hi"));
      for await (const payload of bystander.near) {
        assertEquals(text(payload), "hi");
        break;
      }
      assertEquals(reasons, [reason]);
    });
  }

  const others: readonly (readonly [string, TcpServiceOptions, CloseReason])[] = [
    ["onOpen throws", { onOpen: fail }, "handler-error"],
    ["onOpen rejects", { onOpen: () => Promise.reject(new Error("on purpose")) }, "handler-error"],
    ["onChunk rejects", { onChunk: () => Promise.reject(new Error("on purpose")) }, "handler-error"],
    ["onSend rejects", {
      onOpen: (session) => session.send(bytes("hi")),
      onSend: () => Promise.reject(new Error("on purpose")),
    }, "handler-error"],
    ["onChunk throws", { onChunk: fail }, "handler-error"],
    ["onSend throws", { onOpen: (session) => session.send(bytes("hi")), onSend: fail }, "handler-error"],
    ["onClose throws", { onOpen: (session) => session.close(), onClose: fail }, "local-closing"],
    [
      "onClose rejects",
      { onOpen: (session) => session.close(), onClose: () => Promise.reject(new Error("no")) },
      "local-closing",
    ],
  ];
  for (const [name, options, reason] of others) {
    test(`Session ends with ${reason} when ${name} on ${transportName}`, async () => {
      await using pair = await startPair(make(), { onMessage: () => {}, ...options }, { onMessage: () => {} });
      const near = await within(pair.client.connect({ port: pair.port }), "the dial");
      near.send(bytes("hi"));
      await until(() => pair.server.stats().closedSessions[reason] === 1, `a close with ${reason}`);
    });
  }
}
