// MessageLedger: connections of a long run whose addresses are those of earlier ones.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { AnySession, CloseEvent } from "@laster/net";
import { MessageLedger } from "@laster/net/testing";
import { memoryTransport } from "@laster/net/transport";
import { startPair } from "../support.ts";

const DIALLED = { kind: "tcp", hostname: "127.0.0.1", port: 50_000 } as const;
const LISTENER = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const ended = (reason: string, unsentFrames = 0) => ({ reason, unsentFrames }) as CloseEvent;

/** Both ends of one connection from the same port. */
function makePair(id: number): { near: AnySession; far: AnySession } {
  const make = (localAddress: typeof DIALLED | typeof LISTENER, remoteAddress: typeof DIALLED | typeof LISTENER) =>
    ({ id, localAddress, remoteAddress, state: "open", send: () => "queued" }) as unknown as AnySession;
  return { near: make(DIALLED, LISTENER), far: make(LISTENER, DIALLED) };
}

function close(ledger: MessageLedger, session: AnySession, event: CloseEvent): void {
  (session as { state: string }).state = "closed";
  ledger.close(session, event);
}

test("MessageLedger.close() refuses a second end of a session", async () => {
  const ledger = new MessageLedger();
  await using pair = await startPair(memoryTransport(), { onMessage: () => {} });
  const { near } = await pair.connect();
  const event = await near.close();
  ledger.close(near, event);
  const error = assertThrows(() => ledger.close(near, event), Error);
  assert(error.message.includes("is over twice: local-closing"), error.message);
});

test("MessageLedger asks for nothing of an earlier connection from the same port, whichever of its ends it knew", () => {
  for (const known of [["near", "far"], ["far", "near"], ["near"], ["far"]] as const) {
    for (const reason of ["reset", "remote-closing"]) {
      const ledger = new MessageLedger();
      const first = makePair(1);
      if (known.includes("near" as never)) ledger.send(first.near, new Uint8Array([1]));
      if (known.includes("far" as never)) ledger.send(first.far, new Uint8Array([2]));
      for (const end of known) close(ledger, first[end], ended(known.length === 2 ? "reset" : reason));
      const second = makePair(2);
      ledger.send(second.near, new Uint8Array([3]));
      assertEquals(ledger.openCount, 1, `${known} ${reason}`);
      ledger.receive(second.far, new Uint8Array([3]));
      ledger.send(second.near, new Uint8Array([4]));
      ledger.send(second.far, new Uint8Array([5]));
      ledger.receive(second.near, new Uint8Array([5]));
      close(ledger, second.near, ended("reset", 1));
      close(ledger, second.far, ended("reset"));
      const silent = makePair(3);
      close(ledger, silent.near, ended("local-closing"));
      close(ledger, silent.far, ended("remote-closing"));
    }
  }
});

test("MessageLedger still finds what a connection from a used port lost, and counts what was skipped before", () => {
  const ledger = new MessageLedger("drop-oldest");
  const first = makePair(1);
  for (const number of [1, 2, 3]) ledger.send(first.near, new Uint8Array([number]));
  ledger.receive(first.far, new Uint8Array([3]));
  close(ledger, first.near, ended("local-closing"));
  close(ledger, first.far, ended("remote-closing"));
  assertEquals(ledger.skippedCount, 2);
  const second = makePair(2);
  ledger.send(second.near, new Uint8Array([4]), { whenFull: "refuse" });
  close(ledger, second.near, ended("local-closing"));
  const error = assertThrows(() => close(ledger, second.far, ended("remote-closing")), Error);
  assert(error.message.includes("1 messages of one that closed with local-closing are missing"), error.message);
  assertEquals(ledger.skippedCount, 2);
});
