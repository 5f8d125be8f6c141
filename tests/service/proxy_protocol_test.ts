// A listener behind a proxy: the player's address arrives, plain and over TLS; who is not trusted, says nothing or talks nonsense
// is refused by name. On every transport of this runtime.

import { connect as connectRaw } from "node:net";
import { connect as connectTls } from "node:tls";
import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type AdmissionRequest,
  ConnectError,
  serve,
  type ServeOptions,
  type Session,
  silentLogger,
  TcpService,
} from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { frameOf, framesOf, RawPeer } from "../raw_peer.ts";
import { bytes, pattern, socketTransportsHere, text, transportsHere, turn, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();
const trusted = ["127.0.0.0/8"];
const HEADER = "PROXY TCP4 203.0.113.9 10.0.0.1 5151 11110\r\n";
const PLAYER = { kind: "tcp", hostname: "203.0.113.9", port: 5_151 } as const;

/** A server that echoes, and remembers who was asked about and who came. */
class Server {
  readonly asked: AdmissionRequest["remoteAddress"][] = [];
  readonly opened: Session[] = [];
  readonly payloads: Uint8Array[] = [];
  readonly options = {
    hostname,
    port: 0,
    logger,
    admission: [{ admit: ({ remoteAddress }: AdmissionRequest) => void this.asked.push(remoteAddress) }],
    onOpen: (session: Session) => void this.opened.push(session),
    onMessage: (session: Session, payload: Uint8Array) => {
      this.payloads.push(payload.slice());
      session.send(payload);
    },
  } satisfies Partial<ServeOptions>;
}

for (const { name, make } of transportsHere()) {
  const transport = make();

  test(`a player behind a proxy has the player's address, on ${name}`, async () => {
    const server = new Server();
    await using service = await serve({ ...server.options, transport, proxyProtocol: { trusted } });
    const payloads = [bytes("hello"), pattern(50_000), new Uint8Array()];
    const all = new Uint8Array([...bytes(HEADER), ...framesOf(payloads)]);
    // At once; and cut in the header, in a frame, and between both.
    for (const cuts of [[], [10], [HEADER.length], [HEADER.length + 3], [1, HEADER.length - 1, HEADER.length + 1]]) {
      const peer = await RawPeer.dial(transport, service.port ?? 0);
      let from = 0;
      for (const cut of [...cuts, all.length]) {
        await peer.write(all.slice(from, cut));
        from = cut;
        for (let wait = 0; wait < 5; wait++) await turn();
      }
      await until(() => peer.receivedBytes === all.length - HEADER.length, "all is echoed");
      assertEquals(peer.receivedView, all.subarray(HEADER.length));
      const [session] = server.opened.slice(-1);
      assertEquals([session.remoteAddress, server.asked.at(-1)], [PLAYER, PLAYER]);
      assertEquals(server.payloads.splice(0), payloads);
      peer.connection.shutdown();
      await until(() => peer.hasEnded && service.sessionCount === 0, "it is over, in order");
      peer.connection.close();
      assertEquals((await session.closed).reason, "remote-closing");
    }
  });

  test(`a session behind a proxy pauses, and loses nothing, on ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    let seen = 0;
    await using service = await serve({
      hostname,
      port: 0,
      logger,
      transport,
      proxyProtocol: { trusted },
      onMessage: async (_session, payload) => {
        if (seen === 0) await gate.promise;
        assertEquals(payload, pattern(payload.length, seen));
        seen++;
      },
    });
    const peer = await RawPeer.dial(transport, service.port ?? 0);
    const frames = framesOf(Array.from({ length: 300 }, (_, index) => pattern(1_000 + index, index)));
    const written = peer.write(new Uint8Array([...bytes(HEADER), ...frames]));
    await until(() => service.sessionCount === 1, "it is in");
    for (let wait = 0; wait < 20; wait++) await turn();
    assertEquals(seen, 0);
    gate.resolve();
    await within(written, "all is written");
    await until(() => seen === 300, "all has come");
    peer.connection.abort();
  });

  test(`who is not trusted is refused before a byte is read, on ${name}`, async () => {
    const server = new Server();
    await using service = await serve({ ...server.options, transport, proxyProtocol: { trusted: ["10.0.0.0/8"] } });
    const peer = await RawPeer.dial(transport, service.port ?? 0);
    await peer.write(bytes(HEADER));
    await until(() => peer.hasEnded || peer.end !== undefined, "it is refused");
    assertEquals(service.stats().refusals, { "untrusted-proxy": 1 });
    assertEquals([server.asked, server.opened], [[], []]);
    peer.connection.close();
  });

  test(`no header, nonsense, and an end in the middle are refused, on ${name}`, async () => {
    const clock = new FakeClock();
    const server = new Server();
    const options = { ...server.options, transport, clock, proxyProtocol: { trusted, timeoutMs: 700 } };
    await using service = await serve(options);
    const dial = async (said: Uint8Array) => {
      const peer = await RawPeer.dial(transport, service.port ?? 0);
      await peer.write(said);
      return peer;
    };
    const nonsense = await dial(frameOf(bytes("hello")));
    await until(() => service.stats().refusals["proxy-header-invalid"] === 1, "nonsense is refused");
    const cut = await dial(bytes("PROXY TCP4 203"));
    cut.connection.shutdown();
    await until(() => service.stats().refusals["proxy-header-invalid"] === 2, "an end is refused");
    const silent = await dial(bytes("PROXY TC"));
    for (let wait = 0; wait < 20; wait++) await turn();
    await clock.advance(699);
    assertEquals(service.stats().refusedConnections, 2);
    await clock.advance(1);
    await until(() => service.stats().refusals["proxy-header-timeout"] === 1, "a silent one is refused");
    for (const peer of [nonsense, cut, silent]) {
      await until(() => peer.hasEnded || peer.end !== undefined, "the peer hears of it");
      peer.connection.close();
    }
    assertEquals([server.asked, server.opened, service.stats().openedSessions], [[], [], 0]);
  });

  test(`connections without a header take places, and come in with one while there is room, on ${name}`, async () => {
    const server = new Server();
    const limits = { maxConnections: 2, refusalMessage: bytes("full") };
    await using service = await serve({ ...server.options, ...limits, transport, proxyProtocol: { trusted } });
    const dial = () => RawPeer.dial(transport, service.port ?? 0);
    const silent = [await dial(), await dial()];
    for (let wait = 0; wait < 20; wait++) await turn();
    for (let count = 1; count <= 3; count++) {
      const peer = await dial();
      await until(() => peer.hasEnded || peer.end !== undefined, "it is refused, before its header");
      assertEquals([text(peer.receivedView.subarray(4)), service.stats().refusals], ["full", {
        "max-connections": count,
      }]);
      peer.connection.close();
    }
    const error = await assertRejects(() => service.connect({ hostname, port: service.port ?? 0 }), ConnectError);
    assertEquals(error.code, "limit");
    for (const peer of silent) await peer.write(bytes(HEADER));
    await until(() => service.sessionCount === 2, "both are in");
    silent[0].connection.abort();
    await until(() => service.sessionCount === 1, "one is gone");
    const next = await dial();
    await next.write(bytes(HEADER));
    await until(() => service.sessionCount === 2, "the next is in");
    assertEquals(service.stats().refusedConnections, 3);
    for (const peer of [silent[1], next]) peer.connection.abort();
  });

  test(`a stop waits for no header, on ${name}`, async () => {
    const server = new Server();
    const service = await serve({ ...server.options, transport, proxyProtocol: { trusted } });
    const peer = await RawPeer.dial(transport, service.port ?? 0);
    await peer.write(bytes("PROXY"));
    for (let wait = 0; wait < 20; wait++) await turn();
    await within(service.stop(), "the stop", 2_000);
    await until(() => service.stats().refusals["not-running"] === 1, "the refusal");
    await until(
      () => peer.hasEnded || peer.end !== undefined,
      "the peer hears of it, before the header's time is up",
      2_500,
    );
    peer.connection.close();
  });
}

const folder = new TemporaryFolder();
const identity = skipWithoutOpenssl === false ? new Authority(folder).sign() : undefined as never;

for (const { name, make } of socketTransportsHere()) {
  test(`the header comes before TLS, on ${name}`, { skip: skipWithoutOpenssl }, async () => {
    const server = new Server();
    const transport = make();
    await using service = await serve({ ...server.options, transport, tls: identity, proxyProtocol: { trusted } });
    // In pieces, and with the handshake's first bytes right behind it.
    for (const pieces of [[HEADER], [HEADER.slice(0, 9), HEADER.slice(9)], []]) {
      const raw = connectRaw({ port: service.port ?? 0, host: hostname });
      for (const piece of pieces) {
        raw.write(piece);
        for (let wait = 0; wait < 10; wait++) await turn();
      }
      if (pieces.length === 0) raw.write(HEADER);
      const socket = connectTls({ socket: raw, rejectUnauthorized: false });
      const answer = Promise.withResolvers<Uint8Array>();
      socket.on("data", (chunk: Uint8Array) => answer.resolve(chunk));
      socket.on("error", answer.reject);
      socket.write(frameOf(bytes("hello")));
      const frame = await within(answer.promise, "an answer");
      assertEquals(text(frame.subarray(4)), "hello");
      const [session] = server.opened.slice(-1);
      assertEquals([session.remoteAddress, server.asked.at(-1)], [PLAYER, PLAYER]);
      assert(session.tls !== undefined);
      socket.destroy();
    }
    const plain = connectRaw({ port: service.port ?? 0, host: hostname }, () => plain.write("GET / HTTP/1.1\r\n\r\n"));
    plain.on("error", () => {});
    await until(() => service.stats().refusals["proxy-header-invalid"] === 1, "no header is refused");
    plain.destroy();
  });
}

test("the option is checked: whom to trust, and a time", () => {
  const make = (proxyProtocol: unknown) =>
    new TcpService({ listeners: [{ port: 0, proxyProtocol: proxyProtocol as { trusted: string[] } }] });
  make({ trusted, timeoutMs: 1 });
  for (const wrong of [{}, { trusted: [] }, { trusted: hostname }, { trusted: ["here"] }, 1, null]) {
    assertThrows(() => make(wrong), TypeError, "Cannot ");
  }
  assertThrows(() => make({ trusted, timeout: 5 }), TypeError, "did you mean timeoutMs?");
  assertThrows(() => make({ trusted, timeoutMs: 0 }), RangeError, "proxyProtocol.timeoutMs");
});

test("the folder of the certificates is removed", () => folder[Symbol.dispose]());
