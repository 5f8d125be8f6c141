// The levers of the in-memory transport that sockets have not got: partial writes, fragments, stalls, resets, silence.

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConnectError } from "../../src/errors.ts";
import { memoryPair, memoryTransport } from "../../src/transport/memory.ts";
import type { MemoryConnection, MemoryScript } from "../../src/transport/memory_connection.ts";
import { turn } from "../support.ts";
import { patternBytes } from "../../src/testing/conformance/transport/pattern.ts";
import { Probe } from "../../src/testing/conformance/transport/probe.ts";

interface Pair {
  readonly sender: Probe;
  readonly receiver: Probe;
  readonly senderEnd: MemoryConnection;
  readonly receiverEnd: MemoryConnection;
}

function startedPair(senderScript: MemoryScript = {}, receiverScript: MemoryScript = {}): Pair {
  const [senderEnd, receiverEnd] = memoryPair(senderScript, receiverScript);
  const sender = new Probe(senderEnd).start();
  const receiver = new Probe(receiverEnd).start();
  return { sender, receiver, senderEnd, receiverEnd };
}

async function endPair({ sender, receiver }: Pair): Promise<void> {
  sender.abort();
  receiver.abort();
  await Promise.all([sender.closed(), receiver.closed()]);
  assertEquals([...sender.violations, ...receiver.violations], []);
}

test("memoryPair() hands over chunks of chunkBytes, byte by byte with 1", async () => {
  for (const chunkBytes of [1, 3, 1_000]) {
    const lengths: number[] = [];
    const pair = startedPair({}, { chunkBytes: () => chunkBytes });
    pair.receiver.hooks.onData = (chunk) => lengths.push(chunk.length);
    await pair.sender.send(patternBytes(100));
    await pair.receiver.received(100);
    assert(lengths.every((length) => length <= chunkBytes), `${lengths}`);
    assertEquals(lengths.length, Math.ceil(100 / chunkBytes));
    await endPair(pair);
  }
});

test("memoryPair() asks chunkBytes for every chunk, and takes less than 1 as 1", async () => {
  const sizes = [5, 0, 2, -1];
  const lengths: number[] = [];
  const pair = startedPair({}, { chunkBytes: () => sizes.shift() ?? 100 });
  pair.receiver.hooks.onData = (chunk) => lengths.push(chunk.length);
  await pair.sender.send(patternBytes(20));
  await pair.receiver.received(20);
  assertEquals(lengths, [5, 1, 2, 1, 11]);
  await endPair(pair);
});

test("memoryPair() rounds chunkBytes and writeBytes down, and takes what is no number as 1", async () => {
  for (const bytes of [2.5, NaN, -3]) {
    const lengths: number[] = [];
    const pair = startedPair({ writeBytes: () => bytes }, { chunkBytes: () => bytes });
    pair.receiver.hooks.onData = (chunk) => lengths.push(chunk.length);
    pair.sender.write(patternBytes(6));
    await pair.receiver.received(6);
    assertEquals(Math.max(...lengths), bytes > 0 ? 2 : 1);
    await endPair(pair);
  }
});

test("memoryTransport() and memoryPair() refuse names that there are not, and what is no function", () => {
  assertThrows(() => memoryTransport({ acceptScripts: {} } as never), TypeError, "did you mean acceptScript?");
  assertThrows(() => memoryTransport({ dialScript: { chunkByte: 1 } as never }), TypeError, "did you mean chunkBytes?");
  assertThrows(() => memoryPair({}, { chunkBytes: 3 as never }), TypeError, "chunkBytes must be a function");
});

test("memoryPair() takes writeBytes at one go, and drains once", async () => {
  let writes = 0;
  const pair = startedPair({
    writeBytes: () => {
      writes++;
      return 7;
    },
  });
  assertEquals(pair.sender.write(patternBytes(7)), true);
  assertEquals(pair.sender.write(patternBytes(70, 7)), false);
  await pair.receiver.received(77);
  await pair.sender.until("drain", () => pair.sender.drains === 1);
  assertEquals(writes, 11);
  await endPair(pair);
});

test("memoryPair() goes on with a partial write though the receiver stalls", async () => {
  const pair = startedPair({ writeBytes: () => 7 });
  pair.receiverEnd.stall();
  assertEquals(pair.sender.write(patternBytes(70)), false);
  await pair.sender.until("drain", () => pair.sender.drains === 1);
  pair.receiverEnd.unstall();
  await pair.receiver.received(70);
  await endPair(pair);
});

test("MemoryConnection.stall() holds the peer's writes up once capacityBytes are full", async () => {
  const pair = startedPair({}, { capacityBytes: 1_024 });
  pair.receiverEnd.stall();
  assertEquals(pair.sender.write(patternBytes(1_024)), true);
  assertEquals(pair.sender.write(patternBytes(1, 1_024)), false);
  await turn();
  assertEquals([pair.receiver.receivedBytes, pair.sender.drains], [0, 0]);
  pair.receiverEnd.unstall();
  await pair.receiver.received(1_025);
  assertEquals(pair.sender.drains, 1);
  await endPair(pair);
});

test("MemoryConnection.stall() holds the peer's end back", async () => {
  const pair = startedPair();
  pair.receiverEnd.stall();
  pair.sender.shutdown();
  await turn();
  assertEquals(pair.receiver.ends, 0);
  pair.receiverEnd.unstall();
  await pair.receiver.ended();
  await endPair(pair);
});

test("MemoryConnection.reset() breaks both ends and loses what is on its way", async () => {
  const pair = startedPair();
  pair.sender.write(patternBytes(100));
  pair.senderEnd.reset();
  pair.senderEnd.reset();
  assertEquals((await pair.sender.closed()).error?.code, "reset");
  assertEquals((await pair.receiver.closed()).error?.code, "reset");
  assertEquals([pair.receiver.receivedBytes, pair.receiver.ends], [0, 0]);
  await endPair(pair);
});

test("MemoryConnection.close() with unread input resets the peer, as the system does", async () => {
  const pair = startedPair();
  pair.receiver.pause();
  pair.sender.write(patternBytes(100));
  pair.receiver.close();
  assertEquals((await pair.sender.closed()).error?.code, "reset");
  await endPair(pair);
});

test("memoryTransport() never answers a dial to silentHosts, until it is aborted", async () => {
  const transport = memoryTransport({ silentHosts: ["silent.example", "/silent.sock"] });
  for (
    const address of [
      { kind: "tcp", hostname: "silent.example", port: 1 },
      { kind: "unix", path: "/silent.sock" },
    ] as const
  ) {
    const controller = new AbortController();
    let isAnswered = false;
    const dialling = transport.connect(address, { signal: controller.signal });
    dialling.catch(() => isAnswered = true);
    await turn();
    assertEquals(isAnswered, false);
    controller.abort();
    assertEquals((await assertRejects(() => dialling, ConnectError)).code, "aborted");
  }
});

test("memoryTransport() gives its scripts to accepted and dialled ends", async () => {
  const transport = memoryTransport({ acceptScript: { chunkBytes: () => 2 }, dialScript: { chunkBytes: () => 5 } });
  const accepted = Promise.withResolvers<Probe>();
  const address = { kind: "tcp", hostname: "127.0.0.1", port: 7 } as const;
  const listener = await transport.listen(address, {
    onConnection: (connection) => accepted.resolve(new Probe(connection)),
    onAcceptError: () => {},
  });
  const dialled = new Probe(await transport.connect(address)).start();
  const other = (await accepted.promise).start();
  const lengths: number[] = [];
  other.hooks.onData = (chunk) => lengths.push(chunk.length);
  dialled.hooks.onData = (chunk) => lengths.push(chunk.length);
  dialled.write(patternBytes(4));
  await other.received(4);
  other.write(patternBytes(10));
  await dialled.received(10);
  assertEquals(lengths, [2, 2, 5, 5]);
  await listener.close();
  await endPair({ sender: dialled, receiver: other } as Pair);
});

test("memoryTransport() keeps its address space to itself", async () => {
  const address = { kind: "tcp", hostname: "127.0.0.1", port: 7 } as const;
  const listener = await memoryTransport().listen(address, { onConnection: () => {}, onAcceptError: () => {} });
  assertEquals((await assertRejects(() => memoryTransport().connect(address), ConnectError)).code, "refused");
  await listener.close();
});
