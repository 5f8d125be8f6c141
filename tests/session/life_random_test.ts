// Random lives of sessions over connections that fragment and stall:
// 1. clients send numbered messages in random bursts, then close in order, abort, or are closed by the server;
// 2. the server's handlers are plain, async, throw, or run a loop for some messages, and answer now and then;
// 3. whatever happens: numbers come in order without a gap, handlers never overlap, nothing is called after onClose, and
//    a client that closed in order was heard to its last message.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { CloseReason, Session } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { deferTurn } from "../../src/defer.ts";
import { printedRandom } from "../random.ts";
import { startPair, turn, until } from "../support.ts";

const ROUNDS = 12;
const SESSIONS = 8;

/** What the server knows of a session. */
interface Record {
  next: number;
  isInHandler: boolean;
  isInLoop: boolean;
  isClosed: boolean;
  reason: CloseReason | undefined;
  faults: string[];
}

function numbered(value: number, length: number): Uint8Array {
  const payload = new Uint8Array(4 + length);
  new DataView(payload.buffer).setUint32(0, value);
  return payload;
}

test("Session keeps its promises in random lives", async () => {
  const random = printedRandom("random lives");
  const pick = (count: number) => Math.floor(random() * count);
  for (let round = 0; round < ROUNDS; round++) {
    const script = { chunkBytes: () => 1 + pick(200), writeBytes: () => 1 + pick(300), capacityBytes: 1_024 };
    const records: Record[] = [];
    const hear = (session: Session<Record>, payload: Uint8Array, isLoop: boolean) => {
      const record = session.data;
      const value = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
      if (value !== record.next) record.faults.push(`heard ${value} instead of ${record.next}`);
      if (record.isClosed) record.faults.push(`heard ${value} after onClose`);
      if (record.isInLoop !== isLoop) record.faults.push(`${value} went to the ${isLoop ? "loop" : "handler"}`);
      record.next = value + 1;
    };
    const pause = async () => {
      for (let count = pick(4); count > 0; count--) await (random() < 0.5 ? undefined : turn());
    };
    const runLoop = async (session: Session<Record>) => {
      const record = session.data;
      let rest = pick(6);
      record.isInLoop = true;
      try {
        for await (const payload of session) {
          hear(session, payload, true);
          await pause();
          if (rest-- <= 0) break;
        }
      } finally {
        record.isInLoop = false;
      }
    };
    const handle = async (session: Session<Record>, isOpen: boolean) => {
      const record = session.data;
      if (record.isInHandler) record.faults.push("two handlers at the same time");
      record.isInHandler = true;
      try {
        await pause();
        if (random() < (isOpen ? 0.5 : 0.2)) await runLoop(session);
        await pause();
      } finally {
        record.isInHandler = false;
      }
    };
    await using pair = await startPair<Record, undefined>(
      {
        ...memoryTransport({ acceptScript: script, dialScript: script }),
        traits: round % 2 ? { afterPoll: deferTurn } : {},
      },
      {
        closeTimeoutMs: 5_000,
        framesPerTurn: 1 + pick(5),
        createData() {
          const record: Record = {
            next: 0,
            isInHandler: false,
            isInLoop: false,
            isClosed: false,
            reason: undefined,
            faults: [],
          };
          records.push(record);
          return record;
        },
        onOpen: (session) => random() < 0.5 ? handle(session, true) : undefined,
        onMessage(session, payload) {
          if (session.data.isInHandler) session.data.faults.push("a handler while another runs");
          hear(session, payload, false);
          const action = pick(100);
          if (action < 30) session.send(payload, { flush: action < 10 ? "now" : "batch" });
          else if (action < 35) pair.server.broadcast(payload, { except: session });
          else if (action < 36) session.close();
          else if (action < 37) session.abort();
          else if (action < 38) throw new Error("on purpose");
          return random() < 0.4 ? handle(session, false) : undefined;
        },
        onSend: (session) => session.data.isClosed && session.data.faults.push("onSend after onClose"),
        onClose(session, { reason }) {
          if (session.data.isClosed) session.data.faults.push("onClose twice");
          if (session.data.isInHandler) session.data.faults.push("onClose during a handler");
          session.data.isClosed = true;
          session.data.reason = reason;
        },
      },
      { closeTimeoutMs: 5_000, maxQueuedBytes: 10_000_000, onMessage: () => {} },
    );
    const sent: number[] = [];
    const run = async (index: number) => {
      const { near } = await pair.connect();
      sent[index] = 0;
      for (let burst = pick(10); burst >= 0; burst--) {
        for (let count = pick(12); count > 0; count--) {
          const answer = near.send(numbered(sent[index], pick(10) === 0 ? pick(3_000) : pick(40)));
          if (answer === "closed") break;
          sent[index]++;
        }
        await pause();
      }
      if (random() < 0.8) await near.close();
      else near.abort();
    };
    // One after the other, so that the server's sessions are in the clients' order.
    const runs: Promise<void>[] = [];
    for (let index = 0; index < SESSIONS; index++) {
      runs.push(run(index));
      await until(() => sent[index] !== undefined, "a session");
    }
    await Promise.all(runs);
    await until(() => pair.server.sessionCount === 0, "all sessions to end");
    assertEquals(records.map(({ faults }) => faults), records.map(() => []));
    assert(records.every(({ isClosed }) => isClosed));
    for (const [index, { reason, next }] of records.entries()) {
      if (reason === "remote-closing") assertEquals(next, sent[index], `session ${index} was heard to the end`);
    }
  }
});
