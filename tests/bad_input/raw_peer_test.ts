// Peers that speak bytes and not sessions: they half-close and read on, never read, never end, or cut a header anywhere.
// A bystander on the same server is answered all the while.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { CloseEvent, TcpServiceOptions } from "@laster/net";
import type { Connection, ConnectionEnd, Transport } from "@laster/net/transport";
import { ByteLog } from "../byte_log.ts";
import { frameOf } from "../raw_peer.ts";
import { bytes, pattern, startPair, text, transportsHere, turn, until, within } from "../support.ts";

/** Near a megabyte, the default limit of a queue. */
const ANSWERS = 16;

/** One end of a connection, by hand. */
class RawPeer {
  readonly connection: Connection;
  readonly #log = new ByteLog();
  hasEnded = false;
  end: ConnectionEnd | undefined = undefined;
  #onDrain: () => void = () => {};

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start({
      onData: (buffer, length) => {
        this.#log.add(buffer.subarray(0, length));
      },
      onEnd: () => this.hasEnded = true,
      onDrain: () => this.#onDrain(),
      onClose: (end) => this.end = end,
    });
  }

  get received(): Uint8Array {
    return this.#log.bytes;
  }

  async write(...pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      const drained = new Promise<void>((resolve) => this.#onDrain = resolve);
      if (piece.length > 0 && !this.connection.write(piece, 0, piece.length)) await within(drained, "a write");
    }
  }
}

/** An echo server with a bystander, and a raw peer; when disposed of, checks that the bystander is still answered. */
async function setUp(transport: Transport, options: TcpServiceOptions = {}) {
  const events: CloseEvent[] = [];
  let echoed = 0;
  const pair = await startPair(transport, {
    closeTimeoutMs: 60,
    onMessage: (session, payload) => session.send(payload),
    onClose: (session, event) => session.id === 1 ? undefined : events.push(event),
    ...options,
  }, { closeTimeoutMs: 60, onMessage: () => echoed++ });
  const bystander = await pair.connect();
  const peer = new RawPeer(await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port }));
  await until(() => pair.server.stats().openedSessions === 2, "the peer's session");
  const far = pair.server.session(2);
  assert(far !== undefined);
  return {
    pair,
    peer,
    far,
    events,
    async [Symbol.asyncDispose]() {
      const before = echoed;
      bystander.near.send(bytes("still there?"));
      await until(() => echoed === before + 1, "the bystander's echo");
      assertEquals(bystander.far.state, "open");
      peer.connection.close();
      await pair[Symbol.asyncDispose]();
    },
  };
}

for (const { name, make } of transportsHere()) {
  test(`Session answers a peer that half-closed before the answer was ready, in full, on ${name}`, async () => {
    const answer = pattern(60_000);
    await using fixture = await setUp(make(), {
      async onMessage(session, payload) {
        if (text(payload) === "still there?") return void session.send(payload);
        for (let count = 0; count < 5; count++) await turn();
        for (let count = 0; count < ANSWERS; count++) session.send(answer);
      },
    });
    const { peer, events } = fixture;
    await peer.write(frameOf(bytes("give")));
    peer.connection.shutdown();
    await until(() => peer.hasEnded, "the server's end");
    assertEquals(peer.received.length, ANSWERS * 60_004);
    assert(answer.every((byte, index) => byte === peer.received[(ANSWERS - 1) * 60_004 + 4 + index]));
    await until(() => events.length === 1, "the close");
    const { reason, error, unsentBytes } = events[0];
    assertEquals([reason, error, unsentBytes], ["remote-closing", undefined, 0]);
  });

  test(`Session answers what came before the frame in which the peer half-closed on ${name}`, async () => {
    await using fixture = await setUp(make());
    const { peer, events } = fixture;
    await peer.write(frameOf(bytes("hello")), new Uint8Array([9, 0, 0, 0, 1]));
    peer.connection.shutdown();
    await until(() => peer.hasEnded && events.length === 1, "the end");
    assertEquals(peer.received, frameOf(bytes("hello")));
    assertEquals(events[0].reason, "truncated");
  });

  test(`Session takes a frame of any size whose header is cut at any byte on ${name}`, async () => {
    await using fixture = await setUp(make());
    const { peer, pair, events } = fixture;
    const expected = new ByteLog();
    for (const length of [0, 1, 300, 65_536]) {
      for (let cut = 0; cut <= 4; cut++) {
        const frame = frameOf(pattern(length, cut));
        const before = pair.server.stats().receivedBytes;
        await peer.write(frame.subarray(0, cut));
        await until(() => pair.server.stats().receivedBytes === before + cut, "the first piece");
        await peer.write(frame.subarray(cut));
        expected.add(frame);
        await until(() => peer.received.length === expected.length, "the echo");
      }
    }
    assertEquals(peer.received, expected.bytes);
    assertEquals(events, []);
  });

  test(`Session is reset or cut short by a peer that resets after any byte of a header on ${name}`, async () => {
    for (let cut = 0; cut <= 4; cut++) {
      await using fixture = await setUp(make());
      const { peer, pair, events } = fixture;
      await peer.write(frameOf(pattern(9)).subarray(0, cut));
      await until(() => pair.server.stats().receivedBytes === cut, "the piece");
      peer.connection.abort();
      await until(() => events.length === 1, "the close");
      // Deno cannot send a reset: there it looks like an end.
      const { reason } = events[0];
      assert(reason === "reset" || reason === (cut === 0 ? "remote-closing" : "truncated"), reason);
    }
  });

  test(`Session ends after closeTimeoutMs though its peer never ends, reading or not, on ${name}`, async () => {
    for (const isReading of [true, false]) {
      await using fixture = await setUp(make(), { maxQueuedBytes: 64_000_000 });
      const { peer, far, events } = fixture;
      if (!isReading) peer.connection.pause();
      const payload = pattern(60_000);
      for (let count = 0; count < (isReading ? 1 : 500); count++) far.send(payload);
      const event = await within(far.close(), "the close");
      assertEquals([event.reason, event.isConfirmed, event.unsentFrames === 0], ["local-closing", false, isReading]);
      await until(() => events.length === 1, "onClose");
    }
  });

  test(`Session with a handler that hangs ends by its peer's reset or the service's stop on ${name}`, async () => {
    await using fixture = await setUp(make(), {
      onMessage: (session, payload) =>
        text(payload) === "hang" ? new Promise<void>(() => {}) : void session.send(payload),
    });
    const { peer, pair, events } = fixture;
    await peer.write(frameOf(bytes("hang")));
    await until(() => pair.server.stats().receivedFrames === 1, "the message");
    peer.connection.abort();
    await turn();
    assertEquals(events, [], "onClose does not overtake a handler");
  });

  test(`TcpService.broadcast() is refused by a session whose peer never reads, and reaches the others on ${name}`, async () => {
    await using fixture = await setUp(make());
    const { peer, pair, far } = fixture;
    peer.connection.pause();
    const payload = pattern(60_000);
    let full = 0;
    let sent = 0;
    // Until the buffers of the system are full, and then the queue.
    while (full < 3) {
      const { accepted, refused } = pair.server.broadcast(payload);
      assertEquals(accepted + refused, 2);
      sent++;
      full += refused;
      await until(() => pair.client.stats().receivedFrames === sent, "the bystander's");
    }
    assertEquals(far.stats.refused.full, 3);
    assert(far.queuedBytes <= 1_064_960, `${far.queuedBytes} bytes are queued`);
  });
}
