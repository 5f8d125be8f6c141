// One at a time: it counts bytes of memory and milliseconds.
//
// TLS under load: certificates that are replaced while sessions talk, a paused session that is sent 64 MiB, small messages that
// follow each other, and dials that nobody answers.

import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { connect as connectTls } from "node:tls";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { serve, type Session, silentLogger, TcpService } from "@laster/net";
import { ownRuntime } from "../examples/program.ts";
import { frameOf } from "../raw_peer.ts";
import { bytes, text, turn, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN_ARGUMENTS = { deno: ["run", "--no-check", "--quiet", "-A"], bun: ["run"], node: [] } as const;
const skip = skipWithoutOpenssl;
const isLong = process.env.LASTER_LONG === "1";
const hostname = "127.0.0.1";
const logger = silentLogger();

test(
  "certificates are replaced 100 times under sessions that talk: none drops, no handshake fails",
  { skip },
  async () => {
    using folder = new TemporaryFolder();
    const authority = new Authority(folder);
    const identities = [authority.sign({ name: "one" }), authority.sign({ name: "two" })];
    const sessions = isLong ? 500 : 100;
    await using server = new TcpService({
      logger,
      listeners: [],
      onMessage: (session, payload) => void session.send(payload),
    });
    await server.start();
    const listener = await server.listen({ hostname, port: 0, tls: { ...identities[0], maxHandshakes: 1_000 } });
    await using client = new TcpService({ logger });
    await client.start();
    const dial = () =>
      client.connect({ hostname, port: listener.port, tls: { ca: authority.cert, serverName: "localhost" } });
    let answers = 0;
    let isOver = false;
    const talk = async (session: Session) => {
      for (let count = 0; !isOver; count++) {
        session.send(bytes(`${count}`));
        const answer = await session.receive();
        assertEquals(answer === undefined ? "closed" : text(answer), `${count}`);
        answers++;
        // A process that never rests: then `node:net` on Deno does not hear that a dial has come about.
        await wait(20);
      }
    };
    const talks: Promise<void>[] = [];
    for (let opened = 0; opened < sessions; opened += 50) {
      for (const session of await within(Promise.all(Array.from({ length: 50 }, dial)), "50 dials")) {
        talks.push(
          talk(session),
        );
      }
    }
    for (let count = 1; count <= 100; count++) {
      const identity = identities[count % 2];
      if (count % 10 === 0) {
        for (
          const broken of [{ ...identity, cert: "nonsense" }, { ...identity, key: identities[(count + 1) % 2].key }]
        ) {
          assertThrows(() => listener.setCertificates(broken), TypeError, "Cannot use TLS");
        }
      }
      listener.setCertificates(identity);
      const next = await within(dial(), "a dial behind a change");
      assertEquals(next.tls?.peerCertificate?.subject, `CN=${count % 2 === 0 ? "one" : "two"}`);
      void next.close();
    }
    isOver = true;
    await within(Promise.all(talks), "the last answers");
    assert(answers >= sessions, `${answers}`);
    const { refusals, closedSessions } = server.stats();
    assertEquals(refusals, {});
    assertEquals(Object.keys(closedSessions).filter((reason) => reason !== "remote-closing"), []);
  },
);

test("64 MiB for a paused TLS session take no memory", { skip }, async () => {
  using folder = new TemporaryFolder();
  const { cert, key } = new Authority(folder).sign();
  const files = [folder.file("cert.pem"), folder.file("key.pem")];
  writeFileSync(files[0], cert);
  writeFileSync(files[1], key);
  const { name, command } = ownRuntime();
  const words = [...RUN_ARGUMENTS[name], "tests/tls/paused_server.ts", ...files];
  const child = spawn(command, words, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  const memory = () => Number(output.match(/^memory (\d+)\r?$/gm)?.at(-1)?.slice(7) ?? NaN);
  try {
    await until(() => /:(\d+)/.test(output), "the server to listen");
    const socket = connectTls({ port: Number(/:(\d+)/.exec(output)?.[1]), host: hostname, rejectUnauthorized: false });
    socket.on("error", () => {});
    socket.write(frameOf(bytes("hello")));
    await wait(1_500);
    const before = memory();
    const chunk = new Uint8Array(65_536);
    for (let sent = 0; sent < 64 * 2 ** 20; sent += chunk.length) socket.write(chunk);
    // What the system takes is in its own buffers; the rest waits here.
    await wait(3_000);
    const grownBytes = memory() - before;
    assert(socket.writableLength > 32 * 2 ** 20, `${socket.writableLength} bytes wait at the client`);
    assert(grownBytes < 8_000_000, `the server has grown by ${grownBytes} bytes`);
    socket.destroy();
  } finally {
    await end(child);
  }
});

test("small messages over TLS do not wait for each other", { skip }, async () => {
  using folder = new TemporaryFolder();
  await using service = await serve({
    hostname,
    port: 0,
    logger,
    tls: new Authority(folder).sign(),
    onMessage: async (session) => {
      session.send(bytes("one"), { flush: "now" });
      await turn();
      session.send(bytes("two"), { flush: "now" });
    },
  });
  const socket = connectTls({ port: service.port ?? 0, host: hostname, rejectUnauthorized: false });
  const times: number[] = [];
  let received = 0;
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    received += chunk.length;
    times.push(performance.now());
  });
  const gaps: number[] = [];
  for (let count = 1; count <= 30; count++) {
    socket.write(frameOf(bytes("go")));
    await until(() => received === 14 * count, "both messages");
    gaps.push((times.at(-1) ?? 0) - (times.at(-2) ?? 0));
  }
  socket.destroy();
  gaps.sort((one, other) => one - other);
  // By Nagle's algorithm and a delayed acknowledgement it would be 40 ms.
  assert(gaps[15] < 20, `the median is ${gaps[15].toFixed(1)} ms`);
  if (isLong) console.log(`gap of two small writes: median ${gaps[15].toFixed(2)} ms, most ${gaps[29].toFixed(2)} ms`);
});

test("dials that nobody answers leave nothing behind", { skip }, async () => {
  using folder = new TemporaryFolder();
  const { cert: ca } = new Authority(folder);
  await using client = new TcpService({ logger, dials: [] });
  await client.start();
  const dead = await serve({ hostname, port: 0, logger });
  const { port } = dead;
  await dead.stop();
  const dial = async (count: number) => {
    for (let done = 0; done < count; done += 50) {
      const dials = Array.from(
        { length: 50 },
        (_, index) =>
          client.connect({ hostname, port, tls: index % 2 === 0 ? undefined : { ca } }).then(
            () => "came about",
            (error: { code?: string }) => error.code,
          ),
      );
      for (const outcome of await Promise.all(dials)) assertEquals(outcome, "refused");
    }
  };
  const count = isLong ? 10_000 : 1_000;
  const grown: number[] = [];
  for (let window = 0; window < 8; window++) {
    const before = process.memoryUsage().rss;
    await dial(count);
    grown.push(process.memoryUsage().rss - before);
  }
  if (isLong) {
    console.log(`${count} dials, again and again: grown by ${grown.map((bytes) => Math.round(bytes / 1e6))} MB`);
  }
  // The heap grows to its size, which takes some 50,000 dials on Deno; what leaks grows every time.
  const most = isLong ? 1_000 * count : 40_000 * count;
  assert(Math.min(...grown) < most, `grown by ${grown}`);
  assertEquals([client.stats().dials, client.sessionCount], [0, 0]);
});

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await until(() => child.exitCode !== null || child.signalCode !== null, "the server is gone");
}
