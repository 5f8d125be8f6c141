// A recorded transport hands on what it is asked and told, handshakes too, and records what a connection was given and not what
// vanishes.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FlightRecorder, type Recording } from "@laster/net/recorder";
import { type AcceptHandler, memoryPair, type PendingConnection, type Transport } from "@laster/net/transport";
import { turn } from "../support.ts";

const ADDRESS = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const IGNORE = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };

/** A transport that tells which handler it was given. */
function listening() {
  const handlers: AcceptHandler[] = [];
  const listener = { address: ADDRESS, setCertificates: () => {}, close: () => Promise.resolve() };
  const transport: Transport = {
    name: "held",
    listen(_address, handler) {
      handlers.push(handler);
      return Promise.resolve(listener);
    },
    connect: () => Promise.resolve(memoryPair()[0]),
  };
  return { handlers, transport, listener };
}

test("a recorded transport leaves the handshake to the transport, if nobody takes pending connections", async () => {
  const { handlers, transport, listener } = listening();
  const recorded = new FlightRecorder().wrap(transport);
  assertEquals(await recorded.listen(ADDRESS, { onConnection: () => {}, onAcceptError: () => {} }) === listener, true);
  assertEquals(handlers[0].onPending, undefined);
});

test("a recorded transport hands pending connections over, and records what secure() gives", async () => {
  const { handlers, transport } = listening();
  const recorder = new FlightRecorder();
  const taken: PendingConnection[] = [];
  const onPending = (pending: PendingConnection) => void taken.push(pending);
  await recorder.wrap(transport).listen(ADDRESS, { onConnection: () => {}, onAcceptError: () => {}, onPending });
  const calls: unknown[] = [];
  const [end, peer] = memoryPair();
  const below = {
    remoteAddress: ADDRESS as PendingConnection["remoteAddress"],
    readProxyHeader(timeoutMs: number) {
      calls.push(timeoutMs);
      this.remoteAddress = { ...ADDRESS, port: 7 };
      return Promise.resolve();
    },
    secure: () => Promise.resolve(end),
    close: () => void calls.push("close"),
  };
  handlers[0].onPending?.(below);
  const [pending] = taken;
  await pending.readProxyHeader(300);
  assertEquals([pending.remoteAddress, calls], [{ ...ADDRESS, port: 7 }, [300]]);
  const connection = await pending.secure();
  connection.start(IGNORE);
  peer.start(IGNORE);
  connection.write(new Uint8Array([1, 2, 3]), 1, 2);
  assertEquals([...recorder.take(connection)?.sent ?? []], [2, 3]);
  pending.close();
  assertEquals(calls, [300, "close"]);
});

for (const way of ["shutdown", "close", "abort"] as const) {
  test(`a recorded connection records nothing that is written behind ${way}()`, async () => {
    const { transport } = listening();
    const recorder = new FlightRecorder();
    const connection = await recorder.wrap(transport).connect(ADDRESS);
    connection.start(IGNORE);
    connection.write(new Uint8Array([1, 2, 3]), 0, 3);
    for (let count = 0; count < 2; count++) {
      connection[way]();
      assertEquals(connection.write(new Uint8Array([4]), 0, 1), false);
    }
    await turn();
    const { sent, entries, isWhole } = recorder.take(connection) as Recording;
    assertEquals([...sent], [1, 2, 3]);
    const last = { shutdown: ["sent-end"], close: ["closed", "gone"], abort: ["aborted", "gone"] }[way];
    assertEquals(entries.map(({ kind }) => kind), ["sent", ...last], "each once");
    assert(isWhole);
  });
}
