// TLS on every transport of this runtime: who is let in, who is trusted, what is known of the peer, and what goes wrong by name.

import { once } from "node:events";
import { type AddressInfo, connect as connectRaw, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type CloseEvent,
  connect,
  ConnectError,
  ConnectionError,
  serve,
  type Session,
  silentLogger,
  TcpService,
} from "@laster/net";
import { keepConnected } from "@laster/net/client";
import type { Address, Connection, TlsDialOptions } from "@laster/net/transport";
import { TemporaryFolder } from "../temporary_folder.ts";
import { bytes, pattern, socketTransportsHere, text, turn, until, within } from "../support.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";

const skip = skipWithoutOpenssl;
/** `node:tls` of Deno tells a reset as an end. */
const skipWithoutResets = "Deno" in globalThis && "a reset of TLS is no reset here";
const folder = new TemporaryFolder();
const authority = skip === false ? new Authority(folder) : undefined as never;
const rogue = skip === false ? new Authority(folder, "Rogue") : undefined as never;
const good = skip === false ? authority.sign() : undefined as never;
const ca = skip === false ? authority.cert : "";
const hostname = "127.0.0.1";
const logger = silentLogger();
const HALF_WRITTEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
/** With two names of six bytes, as long as ALPN may be. */
const MANY_NAMES = [...Array.from({ length: 7 }, (_, index) => `${index}`.padStart(255, "x")), "x".repeat(241)];
const receive = async (session: Session) => text(await within(session.receive(), "an answer") ?? new Uint8Array());

for (const { name, make } of socketTransportsHere()) {
  const transport = make();
  const echo = {
    hostname,
    port: 0,
    transport,
    logger,
    onMessage: (session: Session, payload: Uint8Array) => session.send(payload),
  };

  test(`messages of every size go both ways, and an end in order, over TLS on ${name}`, { skip }, async () => {
    await using service = await serve({ ...echo, tls: good });
    await using session = await connect({ port: service.port, transport, logger, tls: { ca } });
    for (const size of [0, 1, 16_384, 65_536]) {
      session.send(pattern(size));
      assertEquals(await within(session.receive(), `${size} bytes`), pattern(size));
    }
    const { protocol, alpn, peerCertificate } = session.tls ?? {};
    assertEquals([protocol, alpn], ["TLSv1.3", undefined]);
    assert(peerCertificate !== undefined);
    assert(peerCertificate.subject.includes("CN=localhost"), peerCertificate.subject);
    assert(peerCertificate.subjectAltName?.includes("IP Address:127.0.0.1"), peerCertificate.subjectAltName);
    assert(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(peerCertificate.fingerprint256));
    const { reason, isConfirmed } = await within(session.close(), "the end");
    assertEquals([reason, isConfirmed], ["local-closing", true]);
  });

  test(
    `a TLS client that is cut off inside a message is truncated, by an end without TLS's own, on ${name}`,
    { skip },
    async () => {
      const ended = Promise.withResolvers<CloseEvent>();
      await using service = await serve({
        ...echo,
        tls: good,
        onClose: (_session, event) => ended.resolve(event),
      });
      const raw = connectRaw({ host: hostname, port: service.port ?? 0 });
      const socket = connectTls({ socket: raw, ca: [ca] });
      for (const each of [raw, socket]) each.on("error", () => {});
      socket.on("data", () => raw.end()); // The echo of a whole message; of the next one there is a part.
      socket.write(new Uint8Array([2, 0, 0, 0, 104, 105, 2, 0]));
      const { reason } = await within(ended.promise, "the end");
      assertEquals(reason, "truncated");
      raw.destroy();
    },
  );

  test(`a TLS client that resets is no end in order, on ${name}`, { skip: skip || skipWithoutResets }, async () => {
    const ended = Promise.withResolvers<CloseEvent>();
    await using service = await serve({ ...echo, tls: good, onClose: (_session, event) => ended.resolve(event) });
    const raw = connectRaw({ host: hostname, port: service.port ?? 0 });
    const socket = connectTls({ socket: raw, ca: [ca] });
    for (const each of [raw, socket]) each.on("error", () => {});
    socket.on("data", () => raw.resetAndDestroy());
    socket.write(new Uint8Array([2, 0, 0, 0, 104, 105]));
    assertEquals((await within(ended.promise, "the end")).reason, "reset");
  });

  test(`a TLS stream that is broken ends its session at once, on ${name}`, { skip }, async () => {
    const ended = Promise.withResolvers<CloseEvent>();
    await using service = await serve({ ...echo, tls: good, onClose: (_session, event) => ended.resolve(event) });
    const raw = connectRaw({ host: hostname, port: service.port ?? 0 });
    const socket = connectTls({ socket: raw, ca: [ca] });
    for (const each of [raw, socket]) each.on("error", () => {});
    socket.on("data", () => raw.write(new Uint8Array([23, 3, 3, 0, 40, ...new Uint8Array(40)]))); // A record that nobody has encrypted.
    socket.write(new Uint8Array([2, 0, 0, 0, 104, 105]));
    const { reason, error } = await within(ended.promise, "the end");
    assert(error instanceof ConnectionError, String(error));
    assertEquals([reason, error.code], ["socket-error", "tls-failed"], String(error.cause));
    raw.destroy();
  });

  test(`plain and TLS players are in one world, on ${name}`, { skip }, async () => {
    await using service = await serve({ ...echo, name: "plain" });
    const secure = await service.listen({ hostname, port: 0, name: "secure", tls: good });
    await using one = await connect({ port: service.port, transport, logger });
    await using other = await connect({ port: secure.port, transport, logger, tls: { ca } });
    await until(() => service.sessionCount === 2, "both are in");
    service.broadcast(bytes("hello"));
    assertEquals([await receive(one), await receive(other), one.tls], ["hello", "hello", undefined]);
    const plain = await service.listen({ hostname, port: 0 });
    assertThrows(() => plain.setCertificates(good), TypeError, "does not speak TLS");
  });

  test(`a dial says what is wrong with the server's certificate, on ${name}`, { skip }, async () => {
    const faults: readonly (readonly [string, typeof good, string | undefined, string | undefined])[] = [
      ["certificate-untrusted", rogue.sign(), ca, undefined],
      ["certificate-untrusted", good, undefined, undefined],
      ["certificate-expired", authority.sign({ isExpired: true }), ca, undefined],
      ["certificate-name", good, ca, "game.example.com"],
    ];
    for (const [code, tls, trusted, serverName] of faults) {
      await using service = await serve({ ...echo, tls });
      const dial = connect({ port: service.port, transport, logger, tls: { ca: trusted, serverName } });
      const error = await assertRejects(() => within(dial, code), ConnectError);
      assertEquals(error.code, code, `${error.message}: ${error.cause}`);
    }
  });

  test(`client certificates are none, asked for or required, on ${name}`, { skip }, async () => {
    const own = authority.sign({ name: "ann", altNames: "DNS:ann.players" });
    const wrong = rogue.sign({ name: "eve", altNames: "DNS:eve" });
    const enter = async (mode: "asked" | "required", identity: Partial<typeof own>): Promise<readonly unknown[]> => {
      let subject: string | undefined = "nobody came";
      const service = await serve({
        ...echo,
        tls: { ...good, ca, clientCertificates: mode },
        onOpen: (session) => void (subject = session.tls?.peerCertificate?.subject),
      });
      try {
        const session = await connect({ port: service.port, transport, logger, tls: { ca, ...identity } });
        session.send(bytes("hello"));
        // With TLS 1.3 the client hears of a refusal only after its handshake.
        const answer = await within(session.receive().catch((error: Error) => error), "an answer, or the end");
        return answer instanceof Uint8Array ? [text(answer), subject] : ["refused", service.stats().refusals];
      } catch {
        return ["refused", service.stats().refusals];
      } finally {
        await service.stop();
      }
    };
    assertEquals(await enter("required", own), ["hello", "CN=ann"]);
    assertEquals(await enter("required", {}), ["refused", { "certificate-missing": 1 }]);
    assertEquals(await enter("required", wrong), ["refused", { "certificate-untrusted": 1 }]);
    assertEquals(await enter("asked", own), ["hello", "CN=ann"]);
    assertEquals(await enter("asked", {}), ["hello", undefined]);
    assertEquals(await enter("asked", wrong), ["refused", { "certificate-untrusted": 1 }]);
  });

  test(
    `a TLS listener may share its port, and a TLS dial choose its address, on ${name}`,
    { skip: skip || (process.platform !== "linux" && "only Linux has 127.0.0.2 without a setup") },
    async () => {
      await using service = await serve({ ...echo, reusePort: true, tls: good });
      await using other = await serve({ ...echo, port: service.port ?? 0, reusePort: true, tls: good });
      const dial = { port: service.port, transport, logger, localAddress: "127.0.0.2", tls: { ca } };
      await using session = await connect(dial);
      await until(() => service.sessionCount + other.sessionCount === 1, "it is in");
      const [far] = [...service.sessions(), ...other.sessions()];
      assertEquals((far.remoteAddress as Address & { kind: "tcp" }).hostname, "127.0.0.2");
      void session;
    },
  );

  test(`a certificate cannot pass for another by its names, on ${name}`, { skip }, async () => {
    const met = Promise.withResolvers<Session>();
    const tls = { ...good, ca, clientCertificates: "required" } as const;
    await using service = await serve({ ...echo, tls, onOpen: met.resolve });
    const altNames = "URI:http://a/x,DNS:root,IP:2001:db8::1,email:a@b.c";
    const ann = authority.sign({ name: "ann,O=admins/O=players/OU=red/OU=blue", altNames });
    await using _session = await connect({ port: service.port, transport, logger, tls: { ca, ...ann } });
    const { subject, subjectAltName } = (await within(met.promise, "the session")).tls?.peerCertificate ?? {};
    assertEquals([subject, subjectAltName], [
      "CN=ann\\,O=admins,O=players,OU=red,OU=blue",
      "URI:http://a/x, DNS:root, IP Address:2001:DB8:0:0:0:0:0:1, email:a@b.c",
    ]);
  });

  test(`SNI chooses among certificates, and ALPN among protocols, on ${name}`, { skip }, async () => {
    const game = authority.sign({ name: "game.example.com", altNames: "DNS:game.example.com" });
    const any = authority.sign({ name: "*.players.example", altNames: "DNS:*.players.example" });
    await using service = await serve({
      ...echo,
      tls: {
        ...good,
        serverNames: { "game.example.com": game, "*.players.example": any },
        alpn: ["game/2", "game/1", ...MANY_NAMES],
      },
    });
    const dial = (serverName: string | undefined, alpn?: readonly string[]) =>
      connect({ port: service.port, transport, logger, tls: { ca, serverName, alpn } });
    for (const serverName of ["game.example.com", "ann.players.example", "localhost", undefined]) {
      await using session = await dial(serverName, ["game/1", "game/0", ...MANY_NAMES]);
      session.send(bytes("hi"));
      await receive(session);
      const [far] = service.sessions();
      assertEquals([session.tls?.alpn, far.tls?.serverName], ["game/1", serverName]);
      const subject = session.tls?.peerCertificate?.subject;
      const wanted = serverName === "ann.players.example" ? "*.players.example" : serverName ?? "localhost";
      assert(subject?.includes(wanted), subject);
      await session.close();
      await until(() => service.sessionCount === 0, "it is over");
    }
  });

  test(`a silent TLS client is gone after the handshake's time, and so is one that talks nonsense, on ${name}`, {
    skip,
  }, async () => {
    await using service = await serve({ ...echo, tls: { ...good, handshakeTimeoutMs: 200, maxHandshakes: 2 } });
    const dial = (said?: string) =>
      new Promise<number>((resolve) => {
        const startMs = performance.now();
        const socket = connectRaw({ port: service.port ?? 0, host: hostname }, () =>
          said !== undefined && socket.write(said));
        socket.on("error", () => {});
        socket.on("close", () =>
          resolve(performance.now() - startMs));
        socket.resume();
      });
    const silentMs = await within(dial(), "the silent one to be gone");
    assert(silentMs >= 190, `${silentMs}`);
    await within(dial("GET / HTTP/1.1\r\n\r\n"), "the one with nonsense to be gone");
    await within(Promise.all([dial(), dial(), dial()]), "the third of three to be gone");
    const { refusals } = service.stats();
    assertEquals([refusals["handshake-timeout"], refusals["handshake-failed"], refusals["too-many-handshakes"]], [
      3,
      1,
      1,
    ]);
    assertEquals(service.stats().openedSessions, 0);
  });

  test(
    `TLS clients of one address and port, at two addresses of the server, do not end each other's handshakes, on ${name}`,
    { skip: skip || (process.platform !== "linux" && "only Linux has 127.0.0.2 without a setup") },
    async () => {
      const handshakes: Promise<Connection>[] = [];
      const listener = await transport.listen({ kind: "tcp", hostname: "0.0.0.0", port: 0 }, {
        onPending: (pending) => void handshakes.push(pending.secure()),
        onConnection: () => {},
        onAcceptError: () => {},
      }, { tls: good });
      const { port } = listener.address as Address & { kind: "tcp" };
      const sockets: Socket[] = [];
      for (const host of [hostname, "127.0.0.2"]) {
        const raw = connectRaw({ host, port, localAddress: hostname, localPort: sockets[0]?.localPort ?? 0 });
        sockets.push(raw);
        await within(once(raw, "connect"), `the connection to ${host}`);
        await until(() => handshakes.length === sockets.length, "its handshake to begin");
      }
      assertEquals(sockets[1].localPort, sockets[0].localPort);
      for (const raw of sockets) {
        const socket = connectTls({ socket: raw, host: hostname, ca: [ca] });
        for (const each of [raw, socket]) each.on("error", () => {});
        await within(once(socket, "secureConnect"), "the handshake");
      }
      const ends = await within(Promise.all(handshakes), "both ends here");
      assertEquals(ends.map(({ localAddress }) => (localAddress as Address & { hostname: string }).hostname), [
        hostname,
        "127.0.0.2",
      ]);
      for (const connection of ends) connection.abort();
      await listener.close();
    },
  );

  test(
    `certificates are replaced under sessions that go on, and a broken one changes nothing, on ${name}`,
    { skip },
    async () => {
      await using service = await serve({ hostname, port: 0, transport, logger });
      const listener = await service.listen({ hostname, port: 0, tls: good });
      await using echoing = await serve({ ...echo, tls: good });
      void echoing;
      const dial = () => connect({ port: listener.port, transport, logger, tls: { ca } });
      const subjects: (string | undefined)[] = [];
      await using first = await dial();
      for (let count = 1; count <= 5; count++) {
        listener.setCertificates(authority.sign({ name: `turn-${count}` }));
        await using session = await dial();
        subjects.push(session.tls?.peerCertificate?.subject);
      }
      assertEquals(subjects, [1, 2, 3, 4, 5].map((count) => `CN=turn-${count}`));
      const broken = [
        { cert: "nothing", key: good.key },
        { cert: good.cert, key: rogue.sign().key },
        { cert: good.cert, key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" },
        { cert: `${good.cert}-----BEGIN CERTIFICATE-----\nMIIB\n`, key: good.key },
        { cert: `${good.cert}${HALF_WRITTEN}`, key: good.key },
      ];
      for (const identity of broken) {
        assertThrows(() => listener.setCertificates(identity), TypeError, "Cannot use TLS");
      }
      assertThrows(() => listener.setCertificates(undefined as never), TypeError, "identities must be an object");
      const misspelt: object = { ...good, servernames: { "localhost": good } };
      assertThrows(() => listener.setCertificates(misspelt as typeof good), TypeError, "did you mean serverNames?");
      const tooMuch: object = { ...good, minVersion: "TLSv1.3" };
      assertThrows(() => listener.setCertificates(tooMuch as typeof good), TypeError, '"minVersion"');
      await using after = await dial();
      assertEquals([after.tls?.peerCertificate?.subject, first.state], ["CN=turn-5", "open"]);
      listener.setCertificates(good);
      await using last = await dial();
      assertEquals(last.tls?.peerCertificate?.subject, "CN=localhost");
    },
  );

  test(`TLS clients that leave in the handshake take no place in it, on ${name}`, { skip }, async () => {
    const maxHandshakes = 16;
    // A handshake's time is longer than the test may take.
    const tls = { ...good, handshakeTimeoutMs: 1_000_000, maxHandshakes };
    let admitted = 0;
    const admission = [{ admit: () => void admitted++ }];
    await using service = await serve({ ...echo, tls, admission });
    const hello = new Uint8Array([22, 3, 1, 2, 0, 1, 0]); // Begins a handshake.
    const alert = new Uint8Array([21, 3, 3, 0, 2, 2, 40]);
    const leave: ((raw: Socket) => unknown)[] = [
      (raw) => raw.destroy(),
      (raw) => raw.end(),
      (raw) => raw.resetAndDestroy(),
      (raw) => raw.end(hello),
      (raw) => raw.write(hello, () => raw.resetAndDestroy()),
      (raw) => raw.write(alert),
      (raw) => connectTls({ socket: raw, ca: [rogue.cert] }).on("error", () => raw.end()), // Does not trust the server.
    ];
    let failed = 0;
    for (const go of leave) {
      const raws: Socket[] = [];
      for (let count = 0; count < maxHandshakes; count++) {
        const raw = connectRaw({ host: hostname, port: service.port ?? 0, allowHalfOpen: true });
        raws.push(raw);
        raw.on("error", () => {});
      }
      const before = admitted;
      await until(() => admitted >= before + maxHandshakes, "they are in their handshakes");
      failed += maxHandshakes;
      for (const raw of raws) go(raw);
      await until(() => (service.stats().refusals["handshake-failed"] ?? 0) >= failed, `they are gone: ${go}`);
      for (const raw of raws) raw.destroy();
      await using session = await connect({ port: service.port, transport, logger, tls: { ca } });
      session.send(bytes("hi"));
      assertEquals(await receive(session), "hi");
    }
    assertEquals(service.stats().refusals, { "handshake-failed": failed });
  });

  test(`a dial fails at once if the server leaves in the handshake, on ${name}`, { skip }, async () => {
    const leave: ((raw: Socket) => unknown)[] = [
      (raw) => raw.end(),
      (raw) => raw.resetAndDestroy(),
      (raw) => raw.once("data", () => raw.end()),
      (raw) => raw.once("data", () => raw.end(new Uint8Array([22, 3, 3, 2, 0, 2, 0]))), // Begins its answer.
    ];
    for (const go of leave) {
      const server = createServer({ allowHalfOpen: true }, (raw) => {
        raw.on("error", () => {});
        go(raw);
      });
      await new Promise<void>((resolve) => void server.listen(0, hostname, resolve));
      const { port } = server.address() as AddressInfo;
      const dial = connect({ port, transport, logger, timeoutMs: 0, tls: { ca } });
      await within(assertRejects(() => dial, ConnectError), `the dial to fail: ${go}`);
      server.close();
    }
  });

  test(`what is sent at a paused TLS session waits at its sender, on ${name}`, { skip }, async () => {
    const gate = Promise.withResolvers<void>();
    let received = 0;
    await using service = await serve({
      ...echo,
      tls: good,
      onMessage: (_session, payload) => {
        received += payload.length;
        return gate.promise;
      },
    });
    await using session = await connect({ port: service.port, transport, logger, tls: { ca } });
    let sent = 0;
    for (let count = 0; count < 1_024; count++) {
      if (session.send(new Uint8Array(65_536)) === "full") {
        break;
      }
      sent += 65_536;
      await turn();
    }
    assert(sent < 16_777_216, `${sent} bytes were taken`);
    gate.resolve();
    await until(() => received === sent, "all is there");
  });
}

test("options of TLS that cannot be are refused by name", { skip }, async () => {
  const [{ make }] = socketTransportsHere();
  const transport = make();
  const wrong: readonly (readonly [object, string])[] = [
    [{}, "cert must be a certificate as PEM text"],
    [{ ...good, cert: "/etc/cert.pem" }, "cert must be a certificate as PEM text"],
    [{ cert: good.key, key: good.cert }, "cert must be a certificate as PEM text"],
    [{ ...good, serverNames: { x: { cert: [good.key], key: good.key } } }, 'serverNames["x"].cert'],
    [{ ...good, ca: good.key }, "ca must be certificates as PEM text"],
    [{ ...good, key: rogue.sign().key }, "key is not the key of cert"],
    [{ ...good, clientCertificates: "required" }, "ca must be given where client certificates are asked for"],
    [{ ...good, clientCertificates: "maybe" }, "clientCertificates must be one of"],
    [{ ...good, minVersion: "TLSv1" }, "minVersion must be one of"],
    [{ ...good, handshakeTimeoutMs: 0 }, "handshakeTimeoutMs"],
    [{ ...good, alpn: "game" }, "alpn must be an array of names"],
    [{ ...good, alpn: ["é".repeat(128)] }, "alpn must be an array of names of 1 to 255 bytes"],
    [
      { ...good, alpn: [...MANY_NAMES, "game/1", "game/2x"] },
      "alpn must have at most 2048 bytes in all, one more for each name: current value is 2049",
    ],
    [{ ...good, ca: `${ca}-----BEGIN CERTIFICATE-----\nMIIB\n` }, "ca has a certificate without an end"],
    [{ ...good, certs: [] }, "did you mean cert?"],
    [{ ...good, serverNames: { x: { ...good, key: "" } } }, 'serverNames["x"].key'],
    [{ ...good, serverNames: 5 }, "serverNames must be an object"],
    [{ ...good, serverNames: null }, "serverNames must be an object"],
  ];
  for (const [tls, message] of wrong) {
    const error = await assertRejects(() => serve({ hostname, port: 0, transport, tls: tls as typeof good }), Error);
    assert(error.message.includes(message), `${error.message} and not ${message}`);
    assert(!error.message.includes("PRIVATE KEY"), "a key is never shown");
    const listeners = [{ port: 0, tls: tls as typeof good }];
    assertThrows(() => new TcpService({ listeners }), Error, message, "when the service is made, too");
  }
  const error = await assertRejects(() => connect({ port: 1, transport, tls: { ca: "x" } }), Error);
  assert(error.message.includes("ca must be certificates as PEM text"), error.message);
});

test("a wrong option of TLS is refused at the dial, and is no failed attempt", { skip }, async () => {
  const wrong: [options: unknown, says: string][] = [
    [{ CA: ca }, "did you mean ca?"],
    [true, "must be an object"],
    [null, "must be an object"],
    [{ ca: "nothing" }, "ca must be certificates as PEM text"],
    [{ ca, minVersion: "TLSv1.1" }, "minVersion must be one of"],
    [{ ca, cert: good.cert, key: rogue.sign().key }, "is not the key of"],
    [{ ca, cert: `${good.cert}${HALF_WRITTEN}`, key: good.key }, "cert cannot be read"],
    [{ ca, alpn: ["é".repeat(128)] }, "alpn must be an array of names of 1 to 255 bytes"],
  ];
  await using service = new TcpService({ logger });
  await service.start();
  for (const [tls, says] of wrong) {
    const options = { port: 1, logger, tls: tls as TlsDialOptions };
    await assertRejects(() => connect({ ...options, retries: Infinity }), TypeError, says);
    await assertRejects(() => service.connect({ port: 1, tls: tls as TlsDialOptions }), TypeError, says);
    assertThrows(() => keepConnected(options), TypeError, says);
    assertThrows(() => new TcpService({ dials: [{ port: 1, tls: tls as TlsDialOptions }] }), TypeError, says);
  }
  const long = { alpn: [...MANY_NAMES, "game/1", "game/2x"] };
  await assertRejects(() => connect({ port: 1, logger, tls: long }), RangeError, "alpn must have at most 2048 bytes");
  assertEquals(service.stats().failedDials, 0);
});

test("a dial with a certificate that the runtime refuses fails, and is not left waiting", { skip }, async () => {
  const weak = authority.sign({ name: "weak", key: "rsa:1024" });
  await using service = await serve({ hostname, port: 0, logger, tls: good });
  const dial = connect({ port: service.port, logger, tls: { ca, ...weak } });
  const outcome = await within(dial.catch((error: unknown) => error), "the dial", 2_000);
  if (outcome instanceof Error) assert(outcome instanceof ConnectError, String(outcome));
  else await (outcome as Session).close(); // It is strong enough for Bun and Deno.
  const listening = serve({ hostname, port: 0, logger, tls: weak });
  const refused = await within(listening.catch((error: unknown) => error), "the listener");
  if (refused instanceof Error) assert(refused instanceof TypeError, String(refused));
  else await (refused as TcpService).stop();
});

test("the folder of the certificates is removed", () => folder[Symbol.dispose]());
