// What a bad peer can do: each ends in the close reason that the docs name, and leaves every other session untouched.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type CloseReason, raw, type Session, type TcpServiceOptions } from "@laster/net";
import { bytes, type Pair, startPair, text, transportsHere, turn, until, within } from "../support.ts";

/** The first bytes of a frame of 65,536 bytes, the limit. */
const HEADER = new Uint8Array([0, 0, 1, 0]);

interface Peer {
  readonly name: string;
  /** More than one where runtimes or the network decide. */
  readonly reasons: readonly CloseReason[];
  readonly code?: string;
  readonly options?: TcpServiceOptions;
  readonly act: (session: Session, pair: Pair) => unknown;
}

function lengthOf(value: number): Uint8Array {
  const frame = new Uint8Array(4);
  new DataView(frame.buffer).setInt32(0, value, true);
  return frame;
}

function sends(...pieces: readonly Uint8Array[]): (session: Session) => void {
  return (session) => {
    for (const piece of pieces) session.send(piece, { flush: "now" });
  };
}

/** Sends, and ends in order. */
function sendsAndEnds(...pieces: readonly Uint8Array[]): (session: Session) => void {
  return (session) => {
    sends(...pieces)(session);
    session.close();
  };
}

const PEERS: readonly Peer[] = [
  { name: "sends length -1", reasons: ["decode-error"], code: "negative-length", act: sends(lengthOf(-1)) },
  { name: "sends length -3", reasons: ["decode-error"], code: "negative-length", act: sends(lengthOf(-3)) },
  { name: "sends length -2^31", reasons: ["decode-error"], code: "negative-length", act: sends(lengthOf(-(2 ** 31))) },
  { name: "sends one past the limit", reasons: ["decode-error"], code: "too-large", act: sends(lengthOf(65_537)) },
  { name: "sends length 2^31-1", reasons: ["decode-error"], code: "too-large", act: sends(lengthOf(2 ** 31 - 1)) },
  { name: "sends a good frame, then a bad one", reasons: ["decode-error"], act: sends(lengthOf(0), lengthOf(-1)) },
  { name: "ends without a byte", reasons: ["remote-closing"], act: sendsAndEnds() },
  { name: "ends after an empty frame", reasons: ["remote-closing"], act: sendsAndEnds(lengthOf(0)) },
  ...[1, 2, 3].map((count): Peer => ({
    name: `ends after ${count} bytes of a header`,
    reasons: ["truncated"],
    act: sendsAndEnds(HEADER.subarray(0, count)),
  })),
  { name: "ends after a header", reasons: ["truncated"], act: sendsAndEnds(HEADER) },
  { name: "ends inside a payload", reasons: ["truncated"], act: sendsAndEnds(HEADER, new Uint8Array(65_535)) },
  {
    name: "ends after a frame at the limit",
    reasons: ["remote-closing"],
    act: sendsAndEnds(HEADER, new Uint8Array(65_536)),
  },
  // Deno cannot send a reset: there the end may come first, inside the frame.
  { name: "resets", reasons: ["reset", "remote-closing"], act: (session) => session.abort() },
  {
    name: "resets inside a frame",
    reasons: ["reset", "truncated"],
    async act(session, pair) {
      session.send(HEADER, { flush: "now" });
      await until(() => pair.server.stats().receivedBytes >= HEADER.length, "the header");
      session.abort();
    },
  },
  {
    name: "says nothing",
    reasons: ["idle-timeout"],
    options: { idleTimeoutMs: 100 },
    act: async (_session, pair) => {
      // The bystander talks meanwhile.
      await until(() => (pair.server.stats().closedSessions["idle-timeout"] ?? 0) > 0, "the idle timeout");
    },
  },
];

for (const { name: transportName, make } of transportsHere()) {
  for (const { name, reasons, code, options, act } of PEERS) {
    test(`Session ends with ${reasons.join(" or ")} when its peer ${name} on ${transportName}`, async () => {
      const events: { id: number; reason: CloseReason; code: unknown }[] = [];
      await using pair = await startPair(make(), {
        closeTimeoutMs: 300,
        ...options,
        onMessage: (session, payload) => session.send(payload),
        onClose(session, { reason, error }) {
          events.push({ id: session.id, reason, code: (error as { code?: unknown } | undefined)?.code });
        },
      }, {
        codec: raw({ maxPayloadBytes: 100_000 }),
        closeTimeoutMs: 300,
        onMessage: collect,
        createData: () => [] as string[],
      });
      const bystander = await pair.connect();
      const bad = await pair.connect();
      const talk = setInterval(() => bystander.near.send(lengthOf(0)), 20);
      await act(bad.near as unknown as Session, pair as unknown as Pair);
      await until(() => events.length > 0, "the close");
      clearInterval(talk);
      const [event] = events;
      assertEquals(event.id, bad.far.id);
      assert(reasons.includes(event.reason), event.reason);
      if (code !== undefined) assertEquals(event.code, code);
      assertEquals(bystander.far.state, "open");
      bystander.near.send(new Uint8Array([2, 0, 0, 0, 104, 105]));
      await until(() => bystander.near.data.join("").includes("hi"), "the bystander's echo");
    });
  }

  test(`Session answers the good frames before a bad one on ${transportName}`, async () => {
    await using pair = await startPair(make(), { onMessage: (session, payload) => session.send(payload) }, {
      codec: raw(),
      onMessage: collect,
      createData: () => [] as string[],
    });
    const { near } = await pair.connect();
    near.send(new Uint8Array([2, 0, 0, 0, 104, 105, 255, 255, 255, 255]));
    const { reason } = await within(near.closed, "the end");
    assertEquals([near.data.join(""), reason], ["\x02\0\0\0hi", "remote-closing"]);
  });

  test(`Session flushes its answers to a peer that half-closed on ${transportName}`, async () => {
    const answer = new Uint8Array(1_000_000).fill(7);
    await using pair = await startPair(make(), {
      codec: raw({ maxPayloadBytes: answer.length }),
      async onMessage(session) {
        await turn();
        session.send(answer);
      },
    }, { codec: raw() });
    const { near } = await pair.connect();
    near.send(bytes("give"));
    const loop = near[Symbol.asyncIterator]();
    let received = 0;
    const first = await within(loop.next(), "the first answer");
    received += first.value?.length ?? 0;
    for await (const chunk of loop) received += chunk.length, received === answer.length && near.close();
    assertEquals(received, answer.length);
  });
}

function collect(session: Session<string[]>, payload: Uint8Array): void {
  session.data.push(text(payload));
}
