// Promise 2: exactly one onClose for every onOpen, with one precise reason, after which nothing is called for that session.

import test from "node:test";
import { assertEquals } from "@std/assert";
import type { CloseReason, Session, TcpServiceOptions } from "@laster/net";
import { type Pair, startPair, transportsHere, until } from "../support.ts";

/** A way for a session to end, seen from the server. */
interface Ending {
  readonly name: string;
  /** The reasons that are right: more than one only where runtimes cannot tell, with why. */
  readonly reasons: readonly CloseReason[];
  readonly options?: TcpServiceOptions;
  readonly end: (pair: Pair, far: Session, near: Session) => unknown;
}

const HELLO = new Uint8Array([1]);

const ENDINGS: readonly Ending[] = [
  { name: "close()", reasons: ["local-closing"], end: (_pair, far) => far.close() },
  { name: "close() twice", reasons: ["local-closing"], end: (_pair, far) => Promise.all([far.close(), far.close()]) },
  { name: "abort()", reasons: ["local-abort"], end: (_pair, far) => far.abort() },
  {
    name: "abort() twice",
    reasons: ["local-abort"],
    end(_pair, far) {
      far.abort();
      far.abort();
    },
  },
  {
    name: "abort() while closing",
    reasons: ["local-closing"],
    end(_pair, far) {
      far.close();
      far.abort();
    },
  },
  { name: "the peer's close()", reasons: ["remote-closing"], end: (_pair, _far, near) => near.close() },
  // Deno cannot send a reset, so there an abort with nothing unread looks like an end.
  { name: "the peer's abort()", reasons: ["reset", "remote-closing"], end: (_pair, _far, near) => near.abort() },
  { name: "stop()", reasons: ["shutdown"], end: (pair) => pair.server.stop() },
  { name: "silence", reasons: ["idle-timeout"], options: { idleTimeoutMs: 20 }, end: () => {} },
  {
    name: "a handler that throws",
    reasons: ["handler-error"],
    options: {
      onMessage() {
        throw new Error("on purpose");
      },
    },
    end: (_pair, _far, near) => near.send(HELLO),
  },
  {
    name: "a handler that rejects",
    reasons: ["handler-error"],
    options: { onMessage: () => Promise.reject(new Error("on purpose")) },
    end: (_pair, _far, near) => near.send(HELLO),
  },
  {
    name: "close() in its own message",
    reasons: ["local-closing"],
    options: { onMessage: (session) => session.close() },
    end: (_pair, _far, near) => near.send(HELLO),
  },
  {
    name: "abort() in its own message",
    reasons: ["local-abort"],
    options: { onMessage: (session) => session.abort() },
    end(_pair, _far, near) {
      near.send(HELLO);
      near.send(HELLO);
    },
  },
];

for (const { name: transportName, make } of transportsHere()) {
  for (const { name, reasons, options, end } of ENDINGS) {
    test(`TcpService calls onClose once with ${reasons.join(" or ")} after ${name} on ${transportName}`, async () => {
      const calls: string[] = [];
      const closed: CloseReason[] = [];
      {
        await using pair = await startPair(make(), {
          ...options,
          onOpen: () => calls.push("open"),
          onChunk: () => calls.push("receive"),
          onSend: () => calls.push("send"),
          onClose: (session, event) => {
            calls.push("close");
            closed.push(event.reason);
            assertEquals(session.state, "closed");
            assertEquals(session.send(HELLO), "closed");
          },
        });
        const { near, far } = await pair.connect();
        // Whoever is closed by the peer reads on until the end, as a client does.
        await end(pair, far, near);
        await until(() => closed.length > 0, "onClose");
      }
      assertEquals(calls.filter((call) => call === "open").length, 1);
      assertEquals(calls.filter((call) => call === "close").length, 1);
      assertEquals(calls.at(-1), "close");
      assertEquals(reasons.includes(closed[0]), true, `reason is ${closed[0]}`);
    });
  }
}
