// The backlog that a listener asks the runtime for. What the system makes of it shows only in what comes a second late.

import { Server } from "node:net";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Transport } from "@laster/net/transport";
import { denoTransport } from "../../src/transport/deno.ts";
import { nodeTransport } from "../../src/transport/node.ts";

/** Replaces a method of `target` while listeners are opened, with 7 and with the default, and gives what it was called with. */
async function noteCalls<Name extends string>(
  target: Record<Name, (...values: never[]) => unknown>,
  name: Name,
  transport: Transport,
): Promise<Record<string, unknown>[]> {
  const original = target[name];
  const calls: Record<string, unknown>[] = [];
  target[name] = function (this: unknown, ...values: never[]) {
    calls.push(values[0]);
    return original.apply(this, values);
  };
  try {
    const handler = { onConnection: () => {}, onAcceptError: () => {} };
    for (const options of [{ backlog: 7 }, {}]) {
      const listener = await transport.listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, handler, options);
      await listener.close();
    }
  } finally {
    target[name] = original;
  }
  return calls;
}

test("nodeTransport().listen() asks for the backlog that it is given, or for 4,096", async () => {
  const calls = await noteCalls(Server.prototype as never, "listen", nodeTransport());
  assertEquals(calls.map(({ backlog }) => backlog), [7, 4_096]);
});

const isDeno = "Deno" in globalThis;
test("denoTransport().listen() asks for the backlog that it is given, or for 4,096", {
  skip: !isDeno && "Deno.listen is in Deno only",
}, async () => {
  const { Deno: deno } = globalThis as unknown as { Deno: never };
  const calls = await noteCalls(deno, "listen", denoTransport());
  assertEquals(calls.map(({ tcpBacklog }) => tcpBacklog), [7, 4_096]);
});
