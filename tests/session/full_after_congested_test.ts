// "full" never comes without "congested" before it: who waits whenever told to loses nothing, whatever the limits, the sizes
// and the peer.

import fc from "fast-check";
import test from "node:test";
import { assertEquals } from "@std/assert";
import { type Codec, raw, type SendResult, type Session, type SessionLimits, simpleBinary } from "@laster/net";
import { type MemoryConnection, memoryTransport } from "@laster/net/transport";
import { ByteLog } from "../byte_log.ts";
import { checkLater } from "../property.ts";
import { frameOf, RawPeer } from "../raw_peer.ts";
import { bytes, pattern, startPair, turn, until } from "../support.ts";

const RUNS = 40;

/** Sends that wait when they are told to, from wherever: all senders of a session see the same answers. */
class Sender {
  readonly answers: SendResult[] = [];
  readonly sent: Uint8Array[] = [];
  /** Whether an answer was neither of those that take the message. */
  isRefused = false;
  #waiting: Promise<void> | undefined = undefined;

  async send(session: Session, length: number, isNow: boolean): Promise<void> {
    while (this.#waiting !== undefined) await this.#waiting;
    const payload = pattern(length, this.sent.length);
    const answer = session.send(payload, { flush: isNow ? "now" : "batch" });
    this.answers.push(answer);
    this.sent.push(payload);
    if (answer !== "sent" && answer !== "queued" && answer !== "congested") this.isRefused = true;
    if (answer !== "congested") return;
    this.#waiting = session.drained().then(() => {
      this.#waiting = undefined;
    });
    await this.#waiting;
  }
}

interface Step {
  /** The length, as a part of the longest. */
  readonly part: number;
  readonly isNow: boolean;
  readonly isInHandler: boolean;
  /** What the peer does before: goes on reading, stops, or begins again. */
  readonly peer: "same" | "stall" | "unstall";
  readonly turns: number;
}

const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    part: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
    isNow: fc.boolean(),
    isInHandler: fc.boolean(),
    peer: fc.constantFrom<Step["peer"]>("same", "same", "same", "stall", "unstall"),
    turns: fc.constantFrom(0, 0, 0, 0, 1, 3),
  }),
  { minLength: 20, maxLength: 120 },
);

/** Limits that a service takes, tight ones most of all. */
const LIMITS = fc.record({
  maxPayloadBytes: fc.constantFrom(1, 2, 7, 100, 5_000, 40_000),
  maxQueuedFrames: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 100 })),
  frameMarks: fc.option(fc.tuple(fc.nat(100), fc.nat(100)), { nil: undefined }),
  highWaterMarkBytes: fc.oneof(fc.constantFrom(0, 1, 5), fc.nat(100_000)),
  lowPart: fc.constantFrom(0, 0.5, 1),
  spareBytes: fc.option(fc.nat(1_000), { nil: undefined }),
}).map(({ maxPayloadBytes, maxQueuedFrames, frameMarks, highWaterMarkBytes, lowPart, spareBytes }) => {
  const highWaterMarkFrames = frameMarks === undefined ? undefined : frameMarks[0] % maxQueuedFrames;
  const limits: SessionLimits = {
    maxQueuedFrames,
    highWaterMarkBytes,
    lowWaterMarkBytes: Math.floor(lowPart * highWaterMarkBytes),
    ...(highWaterMarkFrames === undefined || frameMarks === undefined
      ? {}
      : { highWaterMarkFrames, lowWaterMarkFrames: frameMarks[1] % (highWaterMarkFrames + 1) }),
    ...(spareBytes === undefined ? {} : { maxQueuedBytes: highWaterMarkBytes + maxPayloadBytes + 4 + spareBytes }),
  };
  return { maxPayloadBytes, limits };
});

const CODECS: Record<string, (maxPayloadBytes: number) => Codec> = {
  raw: (maxPayloadBytes) => raw({ maxPayloadBytes }),
  simpleBinary: (maxPayloadBytes) => simpleBinary({ maxPayloadBytes }),
};

for (const [codecName, makeCodec] of Object.entries(CODECS)) {
  for (const asyncWrites of [false, true]) {
    const how = asyncWrites ? ", with writes that are over later" : "";
    test(`Session.send() by ${codecName} is never full for who waits when told congested${how}`, async () => {
      await checkLater(
        fc.asyncProperty(LIMITS, STEPS, async ({ maxPayloadBytes, limits }, steps) => {
          const transport = { ...memoryTransport({ dialScript: { capacityBytes: 4_096 } }), traits: { asyncWrites } };
          const sender = new Sender();
          const asked: Step[] = [];
          let handled = 0;
          await using pair = await startPair(transport, {
            ...limits,
            codec: makeCodec(maxPayloadBytes),
            async onMessage(session) {
              const { part, isNow } = asked[handled];
              await sender.send(session, Math.floor(part * maxPayloadBytes), isNow);
              handled++;
            },
          });
          const peer = await RawPeer.dial(transport, pair.port);
          const connection = peer.connection as MemoryConnection;
          await until(() => pair.server.sessionCount === 1, "the session");
          const [far] = pair.server.sessions();
          const outside: Promise<void>[] = [];
          for (const step of steps) {
            if (step.peer === "stall") connection.stall();
            if (step.peer === "unstall") connection.unstall();
            if (step.isInHandler) {
              asked.push(step);
              await peer.write(codecName === "raw" ? bytes("?") : frameOf(bytes("?")));
              // Of a raw codec two in one chunk would be one message.
              if (codecName === "raw") {
                connection.unstall();
                await until(() => handled === asked.length, "the answer");
              }
            } else outside.push(sender.send(far, Math.floor(step.part * maxPayloadBytes), step.isNow));
            for (let count = 0; count < step.turns; count++) await turn();
          }
          connection.unstall();
          const isSent = () => handled === asked.length && far.queuedBytes === 0;
          await until(() => sender.isRefused || isSent(), "all are sent");
          assertEquals(sender.isRefused, false, sender.answers.join());
          await Promise.all(outside);
          await until(isSent, "all are sent");
          const expected = new ByteLog();
          for (const payload of sender.sent) expected.add(codecName === "raw" ? payload : frameOf(payload));
          await until(() => peer.receivedBytes === expected.length, "the peer has all");
          assertEquals(peer.receivedView, expected.bytes);
          connection.abort();
        }),
        RUNS,
      );
    });
  }
}

test("Group.broadcast() and TcpService.broadcast() refuse nothing for receivers that read, if the sender waits for them", async () => {
  await checkLater(
    fc.asyncProperty(LIMITS, STEPS, fc.boolean(), async ({ maxPayloadBytes, limits }, steps, isGroup) => {
      const transport = memoryTransport({ dialScript: { capacityBytes: 4_096 } });
      await using pair = await startPair(transport, {
        ...limits,
        codec: simpleBinary({ maxPayloadBytes }),
        onOpen: (session): void => void pair.server.group("all").join(session),
        onMessage: () => {},
      });
      const peers: RawPeer[] = [];
      for (let count = 0; count < 3; count++) peers.push(await RawPeer.dial(transport, pair.port));
      await until(() => pair.server.sessionCount === 3, "the sessions");
      const many = isGroup ? pair.server.group("all") : pair.server;
      const expected = new ByteLog();
      for (const [index, { part, peer, turns }] of steps.entries()) {
        const connection = peers[index % 3].connection as MemoryConnection;
        // Less than the 200 ms after which one is taken for stuck.
        if (peer === "stall") {
          connection.stall();
          setTimeout(() => connection.unstall(), 5 * turns);
        }
        const payload = pattern(Math.floor(part * maxPayloadBytes), index);
        const { accepted, congested, refused } = many.broadcast(payload);
        assertEquals([accepted, refused], [3, 0], `${congested} are congested`);
        expected.add(frameOf(payload));
        if (congested > 0) await many.drained();
        for (let count = 0; count < turns; count++) await turn();
      }
      for (const peer of peers) {
        await until(() => peer.receivedBytes === expected.length, "the peer has all");
        assertEquals(peer.receivedView, expected.bytes);
        peer.connection.abort();
      }
    }),
    RUNS / 2,
  );
});
