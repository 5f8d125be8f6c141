// That the honest clients of the attack table find what is wrong with a server. Each fault begins after a good start.
// One at a time: it measures how long clients wait.

import { after, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { HonestFigures } from "../../attack/figures.ts";
import { until, within } from "../support.ts";
import { type Answer, build, Program, serve } from "./honest_program.ts";

const built = build("honest");
after(() => built?.remove());
const options = built === undefined ? { skip: "there is no C compiler that builds attack/honest.c here" } : {};

/** What the clients say of a server that is sound at first, and answers as `fault` says from then on. */
async function measure(fault: Answer, messages = 60): Promise<HonestFigures> {
  let isFaulty = false;
  let chunks = 0;
  const { port, close } = await serve((socket, chunk) => {
    chunks++;
    if (isFaulty) fault(socket, chunk);
    else socket.write(chunk);
  });
  try {
    const args = ["--port", String(port), "--conns", "4", "--rate", "50", "--newcomers", "2"];
    args.push("--drain", "1", "--limit", "60");
    const program = new Program(built?.path ?? "", args);
    await program.isReady();
    program.tell("phase during");
    isFaulty = true;
    const before = chunks;
    await until(() => chunks >= before + messages, "enough messages have come");
    program.tell("phase after");
    program.tell("newcomers");
    await until(() => chunks >= before + 2 * messages, "enough messages have come afterwards");
    return await program.end();
  } finally {
    await close();
  }
}

test("honest clients find nothing wrong with a server that echoes", options, async () => {
  const { during, after, cut, mismatches, missing, shutOut, newcomers, newcomersIn } = await measure((socket, chunk) =>
    socket.write(chunk)
  );
  assertEquals({ cut, mismatches, missing, shutOut, newcomers, newcomersIn }, {
    cut: 0,
    mismatches: 0,
    missing: 0,
    shutOut: 0,
    newcomers: 2,
    newcomersIn: 2,
  });
  assert(during.sent > 0 && during.received === during.sent);
  assert(after.sent > 0 && after.received === after.sent);
});

test("honest clients find a byte that is changed", options, async () => {
  let hasChanged = false;
  const { mismatches, cut } = await measure((socket, chunk) => {
    if (!hasChanged) chunk[chunk.length - 1] ^= 1;
    hasChanged = true;
    socket.write(chunk);
  });
  assertEquals({ mismatches, cut }, { mismatches: 1, cut: 1 });
});

test("honest clients find a byte that is dropped", options, async () => {
  let hasDropped = false;
  const { mismatches } = await measure((socket, chunk) => {
    socket.write(hasDropped ? chunk : chunk.subarray(0, -1));
    hasDropped = true;
  });
  assertEquals(mismatches, 1);
});

test("honest clients find a server that is slow", options, async () => {
  const delayMs = 80;
  const { during, missing } = await measure((socket, chunk) => void setTimeout(() => socket.write(chunk), delayMs), 20);
  assert(during.p50Ms >= delayMs, `p50 of ${during.p50Ms} ms`);
  assertEquals(missing, 0);
});

test("honest clients find that one of them is shut out, and count how long it waits", options, async () => {
  const muted = new Set<unknown>();
  const { shutOut, missing, during } = await measure((socket, chunk) => {
    if (muted.size === 0) muted.add(socket);
    if (!muted.has(socket)) socket.write(chunk);
  });
  assertEquals(shutOut, 1);
  assert(missing > 0);
  assert(during.maxMs > 1_000, `at the most ${during.maxMs} ms`);
});

test("honest clients find that they are cut off", options, async () => {
  let hasCut = false;
  const { cut } = await measure((socket, chunk) => {
    if (hasCut) socket.write(chunk);
    else socket.destroy();
    hasCut = true;
  });
  assertEquals(cut, 1);
});

test("honest clients end when whoever started them is gone", options, async () => {
  const { port, close } = await serve((socket, chunk) => socket.write(chunk));
  const program = new Program(built?.path ?? "", ["--port", String(port), "--limit", "60"]);
  await program.isReady();
  program.leave();
  await within(program.ended, "the end of the honest clients");
  await close();
});
