// reconfigure(): limits, bounds, listeners and certificates change while sessions talk; what is wrong changes nothing. On every
// transport of this runtime.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  ConnectError,
  type ListenerOptions,
  ListenError,
  type ReconfigureOptions,
  type Session,
  silentLogger,
  simpleBinary,
  TcpService,
} from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { memoryTransport, type Transport } from "@laster/net/transport";
import { RawPeer } from "../raw_peer.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { bytes, pattern, socketTransportsHere, text, transportsHere, turn, until, within } from "../support.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();
const ask = async (session: Session, question: string) => {
  session.send(bytes(question));
  return text(await within(session.receive(), "an answer") ?? bytes("nothing"));
};

for (const { name, make } of transportsHere()) {
  const transport = make();

  const start = async (more: object = {}) => {
    const service = new TcpService({
      logger,
      transport,
      listeners: [{ hostname, port: 0, name: "first" }],
      onMessage: (session, payload) => session.send(payload),
      ...more,
    });
    await service.start();
    return service;
  };
  const portOf = (service: TcpService, index = 0) => {
    const address = service.stats().listeners[index];
    return address?.kind === "tcp" ? address.port : 0;
  };

  test(`listeners come and go, and no session with them, on ${name}`, async () => {
    await using service = await start();
    const port = portOf(service);
    const first: ListenerOptions = { hostname, port: 0, name: "first" };
    const own = await service.listen({ hostname, port: 0 });
    await using session = await connect({ port, transport, logger });
    await service.reconfigure({ listeners: [first, { hostname, port: 0, name: "second" }] });
    assertEquals(service.stats().listeners.length, 3);
    assertEquals(portOf(service), port, "the first is the same");
    const second = portOf(service, 2);
    await using other = await connect({ port: second, transport, logger });
    assertEquals([await ask(session, "one"), await ask(other, "two")], ["one", "two"]);
    await service.reconfigure({ listeners: [first] });
    assertEquals([portOf(service), portOf(service, 1), service.stats().listeners.length], [port, own.port, 2]);
    await assertRejects(() => connect({ port: second, transport, logger }));
    assertEquals([await ask(session, "three"), await ask(other, "four")], ["three", "four"]);
    await service.reconfigure({ listeners: [] });
    assertEquals(service.stats().listeners.length, 1, "that of listen() stays");
    assertEquals(await ask(session, "five"), "five");
    await service.stop();
    await service.reconfigure({ listeners: [first, { hostname, port: 0, name: "third" }] });
    assertEquals(service.stats().listeners.length, 0, "a stopped one listens nowhere");
    await service.start();
    assertEquals(service.stats().listeners.length, 2, "and from its start on as was changed");
  });

  test(`limits count for the sessions to come, and bounds at once, on ${name}`, async () => {
    await using service = await start({ maxConnections: 10 });
    const port = portOf(service);
    const far = async () => {
      const { openedSessions: before, refusedConnections: refused } = service.stats();
      const session = await connect({ port, transport, logger });
      await until(
        () => service.stats().openedSessions > before || service.stats().refusedConnections > refused,
        "it came",
      );
      return session;
    };
    await using one = await far();
    await service.reconfigure({ idleTimeoutMs: 100, maxConnections: 2 });
    await using two = await far();
    await using three = await far();
    await until(() => service.stats().refusals["max-connections"] === 1, "the third is refused");
    assertEquals(await three.receive(), undefined);
    assertEquals((await within(two.closed, "the new one to be idle for too long")).reason, "remote-closing");
    await until(() => service.stats().closedSessions["idle-timeout"] === 1, "it is over");
    assertEquals(await ask(one, "one"), "one", "the old one has its old limits");
    // A listener's own limits stand above.
    const own = { hostname, port: 0, name: "first", idleTimeoutMs: 60_000 };
    await service.reconfigure({ maxConnections: 5, listeners: [own] });
    assertEquals(portOf(service), port, "the same listener");
    await using four = await far();
    await new Promise((resolve) => setTimeout(resolve, 250));
    assertEquals(await ask(four, "four"), "four");
  });

  test(`the memory's budget changes at once: who holds most of a smaller one is cut, and no other, on ${name}`, async () => {
    const codec = simpleBinary();
    await using service = await start({ codec, maxQueuedBytes: 16_000_000, pool: { maxBytes: 64_000_000 } });
    const outBytes = () => service.stats().pool.outstandingBytes;
    const peers: RawPeer[] = [];
    for (let count = 1; count <= 2; count++) {
      peers.push(await RawPeer.dial(transport, portOf(service)));
      await until(() => service.sessionCount === count, "the session");
    }
    const [full, other] = [...service.sessions()];
    peers[0].connection.pause();
    // The system may still take some of it afterwards: more than twice the budget is held.
    while (outBytes() < 2_500_000) {
      assert(full.send(pattern(60_000)) !== "full", "there is room");
      await turn();
    }
    await service.reconfigure({ pool: { maxBytes: 1_000_000 } });
    assertEquals((await within(full.closed, "the end")).reason, "over-budget");
    assertEquals(service.stats().pool.maxBytes, 1_000_000);
    await service.reconfigure({ pool: {}, maxDials: 5 });
    assertEquals(service.stats().pool.maxBytes, 1_000_000, "what is not said stays");
    assert(other.send(pattern(60_000)) !== "full", "there is room for it");
    await until(() => peers[1].receivedBytes === 60_004, "what was sent");
    assertEquals(other.state, "open");
    for (const { connection } of peers) connection.abort();
  });

  test(`what is wrong changes nothing, on ${name}`, async () => {
    await using service = await start();
    const port = portOf(service);
    const wrong: readonly [ReconfigureOptions, string][] = [
      [{ maxConnections: 0 }, "maxConnections"],
      [{ idleTimeoutMs: -1, maxConnections: 1 }, "idleTimeoutMs"],
      [{ listeners: [{ hostname, port: 70_000 }] }, "port"],
      [{ listeners: [{ hostname, port: 0, maxQueuedFrames: 0 }] }, "maxQueuedFrames"],
      [{ listeners: 5 as never }, "listeners"],
      [{ pool: { maxBytes: 0 }, maxConnections: 1 }, "change pool as maxBytes must be an integer from 1"],
      [{ pool: { maxBytes: "5" as never } }, "maxBytes"],
      [{ pool: null as never }, "pool of a running service"],
      [{ pool: { classes: [64] } as never }, "no option of that name"],
      [{ pool: { maxBytes: 1 }, idleTimeoutMs: -1 }, "idleTimeoutMs"],
      [{ maxConections: 5 } as never, "did you mean maxConnections?"],
      [{ codec: {} } as never, "no option of that name"],
    ];
    for (const [options, word] of wrong) await assertRejects(() => service.reconfigure(options), Error, word);
    await assertRejects(
      () =>
        service.reconfigure({
          maxConnections: 1,
          pool: { maxBytes: 1 },
          listeners: [{ hostname, port: 0, name: "first" }, { hostname, port: 0, name: "new" }, { hostname, port }],
        }),
      ListenError,
    );
    assertEquals(service.stats().listeners.length, 1);
    await using one = await connect({ port, transport, logger });
    await using two = await connect({ port, transport, logger });
    assertEquals([await ask(one, "one"), await ask(two, "two")], ["one", "two"]);
  });
}

for (const { name, make } of transportsHere()) {
  const transport = make();
  const options = { logger, transport, onMessage: (session: Session, payload: Uint8Array) => session.send(payload) };

  /** Two ports that nobody listens on. */
  const freePorts = async () => {
    await using service = new TcpService({ ...options, listeners: [{ hostname, port: 0 }, { hostname, port: 0 }] });
    await service.start();
    return service.stats().listeners.map((address) => address.kind === "tcp" ? address.port : 0);
  };
  const ownerOf = async (port: number) => {
    await using session = await connect({ port, transport, logger });
    return await ask(session, "hello");
  };
  const named = (port: number, name?: string): ListenerOptions => ({ hostname, port, ...(name && { name }) });
  const namesOf = (service: TcpService) =>
    new Map(service.stats().listeners.map((address) => [address.kind === "tcp" ? address.port : 0, service]));

  test(`listeners get names, and swap their ports, on ${name}`, async () => {
    const [one, two] = await freePorts();
    const origins: (string | undefined)[] = [];
    await using service = new TcpService({
      ...options,
      listeners: [named(one), named(two, "b")],
      onOpen: ({ origin }) => void (origin.kind === "accepted" && origins.push(origin.listener.name)),
    });
    await service.start();
    await using before = await connect({ port: one, transport, logger });
    for (const listeners of [[named(one, "a"), named(two, "b")], [named(two, "a"), named(one, "b")]]) {
      await service.reconfigure({ listeners });
      assertEquals(namesOf(service).size, 2);
      for (const port of [one, two]) assertEquals(await ownerOf(port), "hello");
    }
    assertEquals(origins, [undefined, "a", "b", "b", "a"]);
    assertEquals(await ask(before, "still here"), "still here");
  });

  test(`listeners that had to make way listen again if what came does not, on ${name}`, async () => {
    const [one, two] = await freePorts();
    await using taken = new TcpService({ ...options, listeners: [named(0)] });
    await using service = new TcpService({ ...options, listeners: [named(one, "a"), named(two, "b")] });
    await taken.start();
    await service.start();
    const listeners = [named(two, "a"), named(one, "b"), named(taken.port ?? 0, "c")];
    await assertRejects(() => service.reconfigure({ listeners }), ListenError);
    await assertRejects(() => service.reconfigure({ listeners: [named(two, "a"), named(two, "d")] }), ListenError);
    assertEquals([...namesOf(service).keys()].sort(), [one, two].sort());
    for (const port of [one, two]) assertEquals(await ownerOf(port), "hello");
    await service.reconfigure({ listeners: [] });
    assertEquals(service.stats().listeners, []);
  });

  test(`a listener on a port of the system's choice that had to make way gets that port again, on ${name}`, async () => {
    await using service = new TcpService({ ...options, listeners: [named(0, "a")] });
    await service.start();
    const port = service.port ?? 0;
    await assertRejects(() => service.reconfigure({ listeners: [named(port, "b"), named(port, "c")] }), ListenError);
    assertEquals([...namesOf(service).keys()], [port]);
    assertEquals(await ownerOf(port), "hello");
    await service.reconfigure({ listeners: [named(0, "a")] });
    assertEquals([...namesOf(service).keys()], [port], "it is the one that the options ask for");
  });
}

test("a change that is refused leaves its limits nowhere: at no listener that is opened again, and no dial", async () => {
  const inner = memoryTransport();
  const clock = new FakeClock();
  const gate = Promise.withResolvers<void>();
  let isGated = false;
  const transport: Transport = {
    ...inner,
    connect: inner.connect.bind(inner),
    async listen(...details) {
      if (isGated) await gate.promise;
      return await inner.listen(...details);
    },
  };
  await using server = new TcpService({ logger, transport: inner, listeners: [{ port: 3 }] });
  await server.start();
  await using service = new TcpService({ logger, transport, clock, listeners: [{ port: 1, name: "a" }] });
  await service.start();
  isGated = true;
  const change = service.reconfigure({
    idleTimeoutMs: 50,
    listeners: [{ port: 1, name: "b" }, { port: 1, name: "c" }],
  });
  const refused = assertRejects(() => change, ListenError);
  await turn();
  const dialled = await service.connect({ port: 3 });
  gate.resolve();
  await refused;
  await using _peer = await connect({ port: 1, transport: inner, logger });
  await until(() => service.sessionCount === 2, "both sessions");
  await clock.advance(1_000);
  assertEquals([...service.sessions()].map(({ state }) => state), ["open", "open"]);
  dialled.abort();
});

test("all listeners that had to make way are opened again, even if one of them cannot be", async () => {
  const inner = memoryTransport();
  let opened = 0;
  const transport: Transport = {
    ...inner,
    connect: inner.connect.bind(inner),
    async listen(address, ...details) {
      if (address.kind === "tcp" && address.port === 1 && ++opened === 3) {
        throw new ListenError("permission-denied", "1");
      }
      return await inner.listen(address, ...details);
    },
  };
  const at = (port: number, name: string) => ({ port, name });
  await using service = new TcpService({ logger, transport, listeners: [at(1, "a"), at(2, "b")] });
  await service.start();
  const change = { listeners: [at(1, "c"), at(2, "d"), at(2, "e")] };
  const error = await assertRejects(() => service.reconfigure(change), ListenError);
  assertEquals([error.code, opened], ["permission-denied", 3]);
  assertEquals(service.stats().listeners, [{ kind: "tcp", hostname: "0.0.0.0", port: 2 }]);
  await service.reconfigure({ listeners: [at(1, "a"), at(2, "b")] });
  assertEquals(service.stats().listeners.length, 2, "the next change opens it");
});

/** A transport whose listeners take a while to open. */
function slowTransport(): Transport {
  const transport = memoryTransport();
  return {
    ...transport,
    connect: transport.connect.bind(transport),
    async listen(...details) {
      await turn();
      return await transport.listen(...details);
    },
  };
}

test("a change and a stop at the same time leave no listener open, and the next start has what was asked for", async () => {
  const service = new TcpService({ logger, transport: slowTransport(), listeners: [{ port: 1 }] });
  await service.start();
  const change = service.reconfigure({ listeners: [{ port: 1 }, { port: 2 }] });
  await service.stop();
  await change;
  assertEquals(service.stats().listeners, []);
  await service.start();
  assertEquals(service.stats().listeners.length, 2);
  const stop = service.stop();
  await service.reconfigure({ listeners: [{ port: 3 }] });
  await stop;
  assertEquals([service.state, service.stats().listeners], ["stopped", []]);
});

test("changes at the same time take effect in the order of their calls", async () => {
  await using service = new TcpService({ logger, transport: slowTransport(), listeners: [{ port: 1 }] });
  await service.start();
  const changes = [[1, 2], [1, 70_000], [1, 3]].map((ports) =>
    service.reconfigure({ listeners: ports.map((port) => ({ port })) })
  );
  const results = await Promise.allSettled(changes);
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals(service.stats().listeners.map((address) => address.kind === "tcp" && address.port), [1, 3]);
});

test("limits that one listener's own contradict change none of the others", async () => {
  const transport = memoryTransport();
  const listeners = [{ port: 1 }, { port: 2, highWaterMarkBytes: 5_000_000 }];
  await using service = new TcpService({ logger, transport, listeners, maxQueuedBytes: 10_000_000 });
  await service.start();
  const countTaken = async () => {
    await using _session = await connect({ port: 1, transport, logger });
    await until(() => service.sessionCount === 1, "the session");
    const [far] = service.sessions();
    let taken = 0;
    while (far.send(pattern(60_000)) !== "full") taken++;
    far.abort();
    await until(() => service.sessionCount === 0, "its end");
    return taken;
  };
  const before = await countTaken();
  await assertRejects(() => service.reconfigure({ maxQueuedBytes: 1_000_000 }), RangeError, "maxQueuedBytes");
  assertEquals(await countTaken(), before);
});

test("limits are checked against what listeners are to be, and not what they were", async () => {
  const transport = memoryTransport();
  for (const after of [[{ port: 1, name: "a", maxQueuedBytes: 4_000_000 }], [{ port: 1, name: "a" }], []]) {
    const listeners = [{ port: 1, name: "a", maxQueuedBytes: 700_000 }];
    await using service = new TcpService({ logger, transport, listeners, maxQueuedBytes: 4_000_000 });
    await service.start();
    await service.reconfigure({ highWaterMarkBytes: 1_000_000, listeners: after });
    assertEquals(service.stats().listeners.length, after.length);
  }
});

test("a stopped service refuses limits that one of its listeners contradicts, and starts", async () => {
  const transport = memoryTransport();
  const listeners = [{ port: 1, highWaterMarkBytes: 5_000_000 }];
  await using service = new TcpService({ logger, transport, listeners, maxQueuedBytes: 10_000_000 });
  for (let round = 0; round < 2; round++) {
    await assertRejects(() => service.reconfigure({ maxQueuedBytes: 1_000_000 }), RangeError, "maxQueuedBytes");
    await service.start();
    await service.stop();
  }
  await service.reconfigure({ maxQueuedBytes: 1_000_000, listeners: [{ port: 1 }] });
  await service.start();
});

test("fewer dials at the same time cut none that is under way", async () => {
  const inner = memoryTransport();
  const gates = [1, 2, 3].map(() => Promise.withResolvers<void>());
  let dialled = 0;
  const transport: Transport = {
    ...inner,
    listen: inner.listen.bind(inner),
    async connect(...details) {
      await gates[dialled++].promise;
      return await inner.connect(...details);
    },
  };
  await using server = new TcpService({ logger, transport, listeners: [{ port: 1 }] });
  await server.start();
  await using service = new TcpService({ logger, transport });
  await service.start();
  const dials = [1, 2, 3].map(() => service.connect({ port: 1 }));
  await service.reconfigure({ maxDials: 1 });
  await assertRejects(() => service.connect({ port: 1 }), ConnectError, "limit");
  for (const [index, dial] of dials.entries()) {
    gates[index].resolve();
    assertEquals((await dial).state, "open");
  }
});

test("a dial and a listener that are under way during a change have the new limits", async () => {
  const inner = memoryTransport();
  const clock = new FakeClock();
  const gate = Promise.withResolvers<void>();
  const transport: Transport = {
    ...inner,
    connect: (...details) => gate.promise.then(() => inner.connect(...details)),
    listen: (...details) => gate.promise.then(() => inner.listen(...details)),
  };
  const reasons: string[] = [];
  await using server = new TcpService({ logger, transport: inner, listeners: [{ port: 1 }] });
  await server.start();
  await using service = new TcpService({
    logger,
    transport,
    clock,
    maxQueuedBytes: 10_000_000,
    onClose: (_session, { reason }) => void reasons.push(reason),
  });
  await service.start();
  const dial = service.connect({ port: 1 });
  const own = { highWaterMarkBytes: 5_000_000, idleTimeoutMs: 60_000 };
  const ownDial = service.connect({ port: 1, ...own });
  const listener = service.listen({ port: 2 });
  await service.reconfigure({ idleTimeoutMs: 50, maxQueuedBytes: 1_000_000 });
  gate.resolve();
  const sessions = await Promise.all([dial, ownDial]);
  await listener;
  await using _peer = await connect({ port: 2, transport: inner, logger });
  await until(() => service.sessionCount === 3, "all sessions");
  await clock.advance(1_000);
  await until(() => reasons.length === 2, "the end of two");
  assertEquals(reasons, ["idle-timeout", "idle-timeout"]);
  assertEquals(
    sessions.map(({ state }) => state),
    ["closed", "open"],
    "a dial that the change contradicts has the old",
  );
  sessions[1].abort();
});

test("a listener that cannot move listens where it did, and the others are as they were", async () => {
  const transport = socketTransportsHere()[0].make();
  await using taken = new TcpService({ logger, transport, listeners: [{ hostname, port: 0 }] });
  await taken.start();
  const [{ port: portTaken }] = taken.stats().listeners as readonly { port: number }[];
  const listeners = [{ hostname, port: 0, name: "first" }, { hostname, port: 0, name: "second" }];
  await using service = new TcpService({
    logger,
    transport,
    listeners,
    onMessage: (session, payload) => session.send(payload),
  });
  await service.start();
  const portsOf = () => (service.stats().listeners as readonly { port: number }[]).map(({ port }) => port);
  const before = portsOf();
  const failing = { hostname, port: portTaken, name: "second" };
  await assertRejects(
    () =>
      service.reconfigure({
        listeners: [{ ...listeners[0], idleTimeoutMs: 1 }, failing, { hostname, port: 0, name: "third" }],
      }),
    ListenError,
    "in use",
  );
  assertEquals([portsOf().length, portsOf()[0]], [2, before[0]]);
  for (const port of portsOf()) {
    await using session = await connect({ port, transport, logger });
    assertEquals(await ask(session, "still here?"), "still here?");
  }
  await service.reconfigure({ listeners: listeners.slice(0, 1) });
  assertEquals(portsOf(), before.slice(0, 1), "and who is not named goes");
});

for (const { name, make } of socketTransportsHere()) {
  test(`certificates change where the listener is, on ${name}`, { skip: skipWithoutOpenssl }, async () => {
    using folder = new TemporaryFolder();
    const authority = new Authority(folder);
    const [one, two] = ["one", "two"].map((subject) => authority.sign({ name: subject }));
    const transport = make();
    const service = new TcpService({
      logger,
      transport,
      listeners: [{ hostname, port: 0, name: "tls", tls: one }],
      onMessage: (session, payload) => session.send(payload),
    });
    await service.start();
    const { port } = service;
    const dial = () => connect({ port, transport, logger, tls: { ca: authority.cert } });
    await using before = await dial();
    await service.reconfigure({ listeners: [{ hostname, port: 0, name: "tls", tls: { ...two } }] });
    await using after = await dial();
    assertEquals(service.port, port);
    assertEquals([before, after].map((session) => session.tls?.peerCertificate?.subject), ["CN=one", "CN=two"]);
    assertEquals(await ask(before, "still here"), "still here");
    const broken = { ...two, key: one.key };
    await assertRejects(
      () => service.reconfigure({ listeners: [{ hostname, port: 0, name: "tls", tls: broken }] }),
      TypeError,
      "Cannot use TLS",
    );
    // Another way of speaking TLS is another listener.
    const tls = { ...two, alpn: ["game/1"] };
    await service.reconfigure({ listeners: [{ hostname, port: port ?? 0, name: "tls", tls }] });
    await using third = await connect({
      port: service.port,
      transport,
      logger,
      tls: { ca: authority.cert, alpn: ["game/1"] },
    });
    assertEquals([third.tls?.alpn, await ask(before, "and here")], ["game/1", "and here"]);
    await service.stop();
  });
}
