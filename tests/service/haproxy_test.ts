// Behind a real haproxy: the player's address arrives, by both versions of the PROXY protocol, plain and over TLS.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { connect as connectRaw, createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { assertEquals } from "@std/assert";
import { serve, type Session, silentLogger } from "@laster/net";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { frameOf } from "../raw_peer.ts";
import { bytes, text, turn, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

const skip = spawnSync("haproxy", ["-v"]).status === 0 ? skipWithoutOpenssl : "haproxy is not on this machine";
const hostname = "127.0.0.1";
/** Linux takes any address of 127.0.0.0/8 as its own. */
const PLAYER = "127.0.0.77";

test("the player's address arrives behind haproxy, with send-proxy and send-proxy-v2", { skip }, async () => {
  using folder = new TemporaryFolder();
  const identity = new Authority(folder).sign();
  const opened: Session[] = [];
  await using service = await serve({
    hostname,
    port: 0,
    logger: silentLogger(),
    proxyProtocol: { trusted: [hostname] },
    onOpen: (session) => void opened.push(session),
    onMessage: (session, payload) => session.send(payload),
  });
  const secure = await service.listen({ hostname, port: 0, tls: identity, proxyProtocol: { trusted: [hostname] } });
  const ways = await Promise.all(
    ["send-proxy", "send-proxy-v2"].flatMap((option) =>
      [false, true].map(async (isTls) => {
        const server = `${hostname}:${isTls ? secure.port : service.port} ${option} check check-send-proxy inter 100ms`;
        return { isTls, port: await findFreePort(), server };
      })
    ),
  );
  const listeners = ways.map(({ port, server }) => `listen l${port}\n bind ${hostname}:${port}\n server s ${server}\n`);
  const file = folder.file("haproxy.cfg");
  writeFileSync(
    file,
    `global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n${
      listeners.join("")
    }`,
  );
  const haproxy = spawn("haproxy", ["-db", "-f", file], { stdio: "ignore" });
  try {
    for (const { isTls, port } of ways) {
      const { answer, localPort } = await within(askOnceUp(port, isTls), `an answer by port ${port}`);
      assertEquals(answer, "hello");
      const session = opened.find(({ remoteAddress }) =>
        remoteAddress.kind === "tcp" && remoteAddress.port === localPort
      );
      assertEquals(session?.remoteAddress, { kind: "tcp", hostname: PLAYER, port: localPort });
      assertEquals(session?.tls !== undefined, isTls);
    }
  } finally {
    await endProcess(haproxy);
  }
});

/** Says hello through haproxy, from the player's address; again until haproxy is up. */
async function askOnceUp(port: number, isTls: boolean): Promise<{ answer: string; localPort: number }> {
  for (;;) {
    const asked = await ask(port, isTls).catch(() => undefined);
    if (asked !== undefined) return asked;
    for (let wait = 0; wait < 20; wait++) await turn();
  }
}

function ask(port: number, isTls: boolean): Promise<{ answer: string; localPort: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ answer: string; localPort: number }>();
  const raw = connectRaw({ port, host: hostname, localAddress: PLAYER });
  const socket = isTls ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
  raw.on("error", reject);
  raw.on("close", () => reject(new Error("closed")));
  socket.on("error", reject);
  socket.on("data", (chunk: Uint8Array) => {
    resolve({ answer: text(chunk.subarray(4)), localPort: raw.localPort ?? 0 });
    socket.destroy();
  });
  raw.on("connect", () => socket.write(frameOf(bytes("hello"))));
  return promise;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, hostname, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function endProcess(child: ChildProcess): Promise<void> {
  child.kill();
  await until(() => child.exitCode !== null || child.signalCode !== null, "haproxy is gone");
}
