// reconfigure() with certificates that cannot be used: nothing has changed then, and the next call can put it right.

import test from "node:test";
import { createSecureContext } from "node:tls";
import { assertEquals, assertRejects } from "@std/assert";
import { connect, type ListenerOptions, type Session, silentLogger, TcpService } from "@laster/net";
import { memoryTransport, type Transport, type TransportListener } from "@laster/net/transport";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { bytes, socketTransportsHere, text, within } from "../support.ts";

const skip = skipWithoutOpenssl;
const hostname = "127.0.0.1";
const logger = silentLogger();
const folder = new TemporaryFolder();
const authority = skip === false ? new Authority(folder) : undefined as never;
const good = skip === false ? authority.sign({ name: "good" }) : undefined as never;
const better = skip === false ? authority.sign({ name: "better" }) : undefined as never;
const weak = skip === false ? authority.sign({ name: "weak", key: "rsa:1024" }) : undefined as never;
const onMessage = (session: Session, payload: Uint8Array) => session.send(payload);

/** A free port that stays the same, as the options of a listener have it. */
async function findPort(transport: Transport): Promise<number> {
  const listener = await transport.listen({ kind: "tcp", hostname, port: 0 }, {
    onConnection: (connection) => connection.abort(),
    onAcceptError: () => {},
  });
  await listener.close();
  return listener.address.kind === "tcp" ? listener.address.port : 0;
}

function isWeakTaken(): boolean {
  try {
    createSecureContext(weak);
    return true;
  } catch {
    return false;
  }
}

const skipWeak = skip !== false ? skip : isWeakTaken() && "this runtime takes weak certificates";

for (const { name, make } of socketTransportsHere()) {
  test(`a certificate that the runtime refuses changes no listener, on ${name}`, { skip: skipWeak }, async () => {
    const transport = make();
    const port = await findPort(transport);
    const secure = (tls: typeof good): ListenerOptions => ({ hostname, port: 0, name: "secure", tls });
    const moved = { hostname, port, name: "moved" };
    const plain = { hostname, port: 0, name: "plain" };
    await using service = new TcpService({ logger, transport, onMessage, listeners: [secure(good), plain] });
    await service.start();
    const before = service.stats().listeners;
    const wrong = [secure(weak), secure({ ...good, serverNames: { weak } } as typeof good)];
    for (const one of wrong) {
      await assertRejects(
        () => service.reconfigure({ listeners: [one, moved] }),
        TypeError,
        "the runtime refuses a certificate",
      );
      assertEquals(service.stats().listeners, before);
      await assertRejects(() => connect({ port, transport, logger }));
    }
    await service.reconfigure({ listeners: [secure(better), moved] });
    await using session = await connect({ port, transport, logger });
    session.send(bytes("hi"));
    assertEquals(text(await within(session.receive(), "an answer") ?? bytes("nothing")), "hi");
    await using secured = await connect({ port: service.port, transport, logger, tls: { ca: authority.cert } });
    assertEquals(secured.tls?.peerCertificate?.subject, "CN=better");
  });
}

/** A transport in memory with listeners that say they speak TLS: it notes their certificates, and refuses some. */
function certifiedTransport(refuses: (port: number, cert: string) => boolean) {
  const inner = memoryTransport();
  const certs = new Map<number, string>();
  const transport: Transport = {
    ...inner,
    connect: inner.connect.bind(inner),
    async listen(address, handler, { tls, ...options } = {}) {
      const listener: TransportListener = await inner.listen(address, handler, options);
      const port = listener.address.kind === "tcp" ? listener.address.port : 0;
      if (tls === undefined) return listener;
      certs.set(port, tls.cert);
      return {
        address: listener.address,
        close: () => listener.close(),
        setCertificates({ cert }) {
          if (refuses(port, cert)) throw new Error("not this one");
          certs.set(port, cert);
        },
      };
    },
  };
  return { transport, certs };
}

test(
  "a transport that refuses a certificate leaves all listeners as they were, and takes the next",
  { skip },
  async () => {
    const { transport, certs } = certifiedTransport((port, cert) => port === 2 && cert === better.cert);
    const listeners = [{ port: 1, tls: good }, { port: 2, tls: good }, { port: 3, name: "a" }];
    await using service = new TcpService({ logger, transport, listeners });
    await service.start();
    const portsOf = () => service.stats().listeners.map((address) => address.kind === "tcp" && address.port).toSorted();
    const change = (tls: typeof good) =>
      service.reconfigure({
        listeners: [{ port: 1, tls: better }, { port: 2, tls }, { port: 3, name: "b" }, { port: 4 }],
      });
    await assertRejects(() => change(better), Error, "not this one");
    assertEquals([portsOf(), [...certs.values()]], [[1, 2, 3], [good.cert, good.cert]]);
    const third = authority.sign({ name: "third" });
    await change(third);
    assertEquals([portsOf(), [...certs.values()]], [[1, 2, 3, 4], [better.cert, third.cert]]);
  },
);

test("a listener that fails to close does not keep a change from taking effect", async () => {
  const inner = memoryTransport();
  const transport: Transport = {
    ...inner,
    connect: inner.connect.bind(inner),
    async listen(...details) {
      const listener = await inner.listen(...details);
      return {
        address: listener.address,
        async close() {
          await listener.close();
          throw new Error("not in order");
        },
      };
    },
  };
  await using service = new TcpService({ logger, transport, listeners: [{ port: 1 }] });
  await service.start();
  await service.reconfigure({ listeners: [{ port: 2 }] });
  await service.reconfigure({ listeners: [{ port: 2 }, { port: 3 }] });
  const ports = service.stats().listeners.map((address) => address.kind === "tcp" && address.port);
  assertEquals(ports, [2, 3]);
});

test("the folder of the certificates is removed", () => folder[Symbol.dispose]());
