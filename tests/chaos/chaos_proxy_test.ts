// The chaos proxy itself: what goes through is whole, and an end and a reset are passed on as what they are.

import { connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "@laster/net/testing";
import { ByteLog } from "../byte_log.ts";
import { until } from "../support.ts";
import { type ChaosOptions, ChaosProxy } from "./chaos_proxy.ts";
import { reset } from "./lane.ts";

/** One end of a connection, and what it saw. */
class Peer {
  readonly received = new ByteLog();
  hasEnded = false;
  isClosed = false;
  error: string | undefined = undefined;
  readonly chunkBytes: number[] = [];

  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.chunkBytes.push(chunk.length);
      this.received.add(chunk);
    });
    socket.on("end", () => this.hasEnded = true);
    socket.on("error", (error: Error & { code?: string }) => this.error = error.code ?? error.message);
    socket.on("close", () => this.isClosed = true);
  }
}

/** A proxy, and a server behind it. */
class World implements AsyncDisposable {
  readonly accepted: Peer[] = [];
  readonly proxy: ChaosProxy;
  readonly #server: Server;

  private constructor(proxy: ChaosProxy) {
    this.proxy = proxy;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.accepted.push(new Peer(socket)));
  }

  static async start(options: ChaosOptions): Promise<World> {
    const world = new World(await ChaosProxy.start(options));
    await new Promise<void>((resolve) => world.#server.listen({ host: "127.0.0.1", port: 0 }, resolve));
    const address = world.#server.address();
    world.proxy.targetPort = typeof address === "object" ? address?.port ?? 0 : 0;
    return world;
  }

  async dial(): Promise<{ near: Peer; far: Peer }> {
    const count = this.accepted.length;
    const near = new Peer(connect({ host: "127.0.0.1", port: this.proxy.port, allowHalfOpen: true }));
    await until(() => this.accepted.length > count || near.isClosed, "the server has the connection");
    return { near, far: this.accepted[count] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.accepted) socket.destroy();
    await this.proxy[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

test("ChaosProxy passes on every byte in order, both ways, and both ends", async () => {
  await using world = await World.start({ seed: 1, endings: 0 });
  for (let seed = 0; seed < 4; seed++) {
    const { near, far } = await world.dial();
    const random = new SeededRandom(seed);
    const [there, back] = [random.bytes(300_000), random.bytes(100_000)];
    near.socket.end(there);
    far.socket.write(back);
    await until(() => far.hasEnded && near.received.length === back.length, "the bytes are there");
    assertEquals(far.received.bytes, there);
    assert(!near.hasEnded, "one side has ended, the other not");
    far.socket.end();
    await until(() => near.isClosed && far.isClosed, "both are closed");
    assertEquals(near.received.bytes, back);
    assertEquals([near.hasEnded, near.error, far.error], [true, undefined, undefined]);
  }
  await until(() => world.proxy.openSockets === 0, "the proxy has no socket left");
});

test("ChaosProxy splits and merges by its seed", async () => {
  await using world = await World.start({ seed: 5, endings: 0 });
  const { near, far } = await world.dial();
  near.socket.setNoDelay(true);
  const one = new Uint8Array(1_000);
  for (let count = 1; count <= 40; count++) {
    near.socket.write(one);
    await until(() => far.received.length >= (count - 3) * one.length, "most have come");
  }
  await until(() => far.received.length === 40 * one.length, "all have come");
  assert(far.chunkBytes.some((length) => length < 8), `split: ${far.chunkBytes}`);
  assert(far.chunkBytes.some((length) => length > one.length), `merged: ${far.chunkBytes}`);
  near.socket.destroy();
});

test("ChaosProxy passes on a reset as a reset", async () => {
  await using world = await World.start({ seed: 2, endings: 0 });
  for (const isNear of [true, false]) {
    const { near, far } = await world.dial();
    const [one, other] = isNear ? [near, far] : [far, near];
    other.socket.write("x");
    await until(() => one.received.length === 1, "they are connected");
    one.socket.resetAndDestroy();
    await until(() => other.isClosed, "the other end is closed");
    assertEquals([other.hasEnded, other.error], [false, "ECONNRESET"]);
  }
});

test("ChaosProxy cuts at its byte: an end for the receiver, and a reset for the sender", async () => {
  await endAt("cut");
});

test("ChaosProxy resets at its byte, both ends", async () => {
  await endAt("reset");
});

/** Finds a seed with such an ending of what the client sends, and looks at both ends. */
async function endAt(kind: string): Promise<void> {
  const longestBytes = 50_000;
  for (let seed = 0; seed < 40; seed++) {
    await using world = await World.start({ seed, endings: 1, longestBytes });
    const { near, far } = await world.dial();
    const link = world.proxy.linkOf(near.socket.localPort ?? 0);
    near.socket.write(new Uint8Array(longestBytes + 1));
    await until(() => far.received.length > longestBytes || near.isClosed, "all came, or it is over");
    if (link?.ending !== kind) continue;
    assert(far.received.length <= longestBytes);
    assertEquals([near.hasEnded, near.error], [false, "ECONNRESET"]);
    if (kind === "cut") {
      await until(() => far.hasEnded, "the receiver is told of an end");
      far.socket.end();
      await until(() => far.isClosed, "the receiver is closed");
      assertEquals(far.error, undefined);
    } else {
      await until(() => far.isClosed, "the receiver is closed");
      assertEquals([far.hasEnded, far.error], [false, "ECONNRESET"]);
    }
    return;
  }
  throw new Error(`no seed has a ${kind}`);
}

test("ChaosProxy does the same again with the same seed", async () => {
  const cutAt = async (seed: number) => {
    await using world = await World.start({ seed, endings: 1, longestBytes: 20_000 });
    const { near, far } = await world.dial();
    near.socket.write(new Uint8Array(20_001));
    far.socket.write(new Uint8Array(20_001));
    await until(() => near.isClosed || near.hasEnded, "it is over");
    return [world.proxy.linkOf(near.socket.localPort ?? 0)?.ending];
  };
  for (const seed of [1, 2, 3]) assertEquals(await cutAt(seed), await cutAt(seed));
});

test("a socket that is reset while its end is on the way is closed", async () => {
  await using world = await World.start({ seed: 1, endings: 0 });
  const { near, far } = await world.dial();
  far.socket.write(new Uint8Array(100));
  far.socket.end();
  reset(far.socket);
  await until(() => far.isClosed, "it is closed");
  near.socket.end();
  await until(() => near.isClosed && world.proxy.openSockets === 0, "the proxy has no socket left");
});
