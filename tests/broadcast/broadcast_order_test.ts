// Broadcasts, group broadcasts, sends, exceptions, joins, leaves, flushes, closes and new sessions in random order within
// and across turns: each session hears exactly what a plain list says it must, in that order, and counts it.

import test from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { FullPolicy, Session } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { check } from "../property.ts";
import { startPair, turn, until } from "../support.ts";

type Step =
  | {
    readonly kind: "broadcast" | "group" | "send" | "burst" | "except";
    readonly who: number;
    readonly length: number;
  }
  | { readonly kind: "join" | "leave" | "flush" | "close" | "connect" | "turn"; readonly who: number };

const lengths = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constantFrom(4_000, 4_097, 30_000, 65_536));
const who = fc.nat({ max: 5 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("broadcast", "group", "send", "burst", "except"), who, length: lengths }),
    // Bursts to one after the other: the second takes the cursor from the first.
    fc.record({ kind: fc.constant("burst"), who, length: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ kind: fc.constantFrom("join", "leave", "flush", "turn"), who }),
    fc.record({ kind: fc.constantFrom("turn", "turn", "close", "connect"), who }),
  ),
  { maxLength: 60, size: "max" },
) as fc.Arbitrary<readonly Step[]>;

const HEADER_BYTES = 4;

/** A message that says its number, as far as it is long enough. */
function message(number: number, length: number): Uint8Array {
  const payload = new Uint8Array(length).fill(number & 0xff);
  if (length >= 4) new DataView(payload.buffer).setUint32(0, number);
  return payload;
}

const digest = (payload: Uint8Array) => `${payload.length}:${payload.slice(0, 5)}`;

async function play(list: readonly Step[], [whenFull, flushIntervalMs, capacityBytes]: Setting): Promise<void> {
  const heard = new Map<number, string[]>();
  const expected = new Map<number, string[]>();
  const nears = new Map<Session, number>();
  const transport = memoryTransport({ dialScript: { capacityBytes } });
  await using pair = await startPair(transport, { maxQueuedBytes: 100_000_000, whenFull, flushIntervalMs }, {
    onOpen: (session) => heard.set(session.id, []),
    onMessage: (session, payload) => heard.get(session.id)?.push(digest(payload)),
  });
  const open: Session[] = [];
  const connect = async () => {
    const { near, far } = await pair.connect();
    nears.set(far, near.id);
    expected.set(near.id, []);
    open.push(far);
  };
  for (let count = 0; count < 3; count++) await connect();
  const group = pair.server.group("some");
  const tell = (session: Session, payload: Uint8Array) => expected.get(nears.get(session) ?? -1)?.push(digest(payload));
  let number = 0;
  for (const step of list) {
    const session = open[step.who % open.length];
    if (step.kind === "turn") await turn();
    else if (step.kind === "connect") await connect();
    else if (session === undefined) continue;
    else if ("length" in step) {
      const payload = message(number++, step.length);
      const others = open.filter((other) => step.kind === "broadcast" || other !== session);
      const receivers = {
        send: [session],
        burst: [session, session, session],
        group: [...group.members()],
        broadcast: others,
        except: others,
      }[step.kind];
      for (const receiver of receivers) tell(receiver, payload);
      if (step.kind === "send" || step.kind === "burst") { for (const receiver of receivers) receiver.send(payload); }
      else {
        const { accepted } = step.kind === "group"
          ? group.broadcast(payload)
          : pair.server.broadcast(payload, step.kind === "except" ? { except: session } : {});
        assertEquals(accepted, receivers.length, `${step.kind} of message ${number - 1}`);
      }
    } else if (step.kind === "join") group.join(session);
    else if (step.kind === "leave") group.leave(session);
    else if (step.kind === "flush") session.flush();
    else {
      open.splice(open.indexOf(session), 1);
      session.close();
    }
  }
  const isThere = () => [...expected].every(([id, list]) => heard.get(id)?.length === list.length);
  await until(isThere, "all messages", 5_000).catch(() => {}); // What is missing is shown below.
  assertEquals(Object.fromEntries(heard), Object.fromEntries(expected));
  for (const [far, id] of nears) {
    const frames = heard.get(id) ?? [];
    const bytes = frames.reduce((sum, frame) => sum + Number.parseInt(frame) + HEADER_BYTES, 0);
    const { sentFrames, sentBytes } = far.stats;
    assertEquals({ sentFrames, sentBytes }, { sentFrames: frames.length, sentBytes: bytes }, `what ${far.id} has sent`);
  }
}

/** The policy, the flush interval, and how much a connection takes at once. */
type Setting = readonly [whenFull: FullPolicy, flushIntervalMs: number, capacityBytes: number];

const SETTINGS: readonly Setting[] = [
  ["refuse", 0, 1_048_576],
  ["refuse", 0, 4_096],
  ["refuse", 2, 1_048_576],
  ["drop-oldest", 0, 4_096],
];

for (const setting of SETTINGS) {
  test(`TcpService keeps every session's order of broadcasts and sends, at random, under ${setting.join(", ")}`, async () => {
    const plays: (() => Promise<void>)[] = [];
    check(fc.property(steps, (list) => void plays.push(() => play(list, setting))), 60);
    for (const run of plays) await run();
  });
}

test("A broadcast waits behind one that was too large for the batch, for a peer that has not taken the one before", async () => {
  const heard: number[] = [];
  const transport = memoryTransport({ dialScript: { capacityBytes: 4_096 } });
  await using pair = await startPair(transport, { maxQueuedBytes: 100_000_000, whenFull: "drop-oldest" }, {
    onMessage: (_session, payload) => heard.push(payload.length),
  });
  const { far } = await pair.connect();
  for (const length of [10_000, 65_536, 7]) {
    pair.server.broadcast(new Uint8Array(length));
    far.flush();
  }
  await until(() => heard.length === 3, "all three");
  assertEquals(heard, [10_000, 65_536, 7]);
});
