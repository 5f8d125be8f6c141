// What other people's programs see of a TLS port: openssl's and curl's view of versions, ALPN and chain; and clients that
// renegotiate, or update their keys.

import { spawn, spawnSync } from "node:child_process";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, ConnectionError, raw, serve, type Session, silentLogger } from "@laster/net";
import { TemporaryFolder } from "../temporary_folder.ts";
import { text, until, within } from "../support.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";
import { writeFileSync } from "node:fs";

const skip = skipWithoutOpenssl;
const skipCurl = spawnSync("curl", ["--version"]).status === 0 ? skip : "curl is not on this machine";
const hostname = "127.0.0.1";

/** A server that echoes bytes, with a chain of two certificates. */
class Server {
  readonly folder = new TemporaryFolder();
  readonly caPath = this.folder.file("ca.pem");
  readonly dial = { ca: "", serverName: "localhost" };
  readonly opened: Session[] = [];
  readonly faults: string[] = [];
  readonly #authority = new Authority(this.folder);

  async start(onMessage?: (session: Session, payload: Uint8Array) => unknown) {
    writeFileSync(this.caPath, this.#authority.cert);
    this.dial.ca = this.#authority.cert;
    const { cert, key } = this.#authority.sign();
    return await serve({
      hostname,
      port: 0,
      codec: raw(),
      logger: silentLogger(),
      tls: { cert: `${cert}\n${this.#authority.cert}`, key, alpn: ["game/2", "game/1"] },
      onOpen: (session) => void this.opened.push(session),
      onClose: (_session, { error }) => void this.faults.push(error instanceof ConnectionError ? error.code : "none"),
      onMessage: onMessage ?? ((session, payload) => session.send(payload)),
    });
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

/** Runs a program, says something to it now and then, and gives all that it printed. */
function run(command: string, words: readonly string[], lines: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => output += text(chunk));
  }
  child.stdin.on("error", () => {});
  const left = [...lines];
  const timer = setInterval(() => {
    const line = left.shift();
    if (line === undefined) child.stdin.end();
    else child.stdin.write(`${line}\n`);
  }, 150);
  child.on("close", () => {
    clearInterval(timer);
    resolve(output);
  });
  return within(promise, `${command} to end`);
}

test("openssl sees TLS 1.2 and 1.3 and nothing older, the chain, and the protocol", { skip }, async () => {
  using server = new Server();
  await using service = await server.start();
  const ask = (...words: string[]) =>
    run("openssl", [
      "s_client",
      "-connect",
      `${hostname}:${service.port}`,
      "-CAfile",
      server.caPath,
      "-servername",
      "localhost",
      "-alpn",
      "game/1,other",
      "-showcerts",
      ...words,
    ], ["hello, server", "Q"]);
  for (const [option, version] of [["-tls1_3", "TLSv1.3"], ["-tls1_2", "TLSv1.2"]]) {
    const seen = await ask(option);
    assert(seen.includes("Verification: OK"), seen);
    assert(seen.includes("ALPN protocol: game/1"), seen);
    assert(new RegExp(`(?:New|Protocol\\s*:).*${version.replace(".", "\\.")}`).test(seen), seen);
    assertEquals([...seen.matchAll(/-----BEGIN CERTIFICATE-----/g)].length >= 2, true, "the chain is shown");
    assert(/^hello, server$/m.test(seen), "it echoes");
    assertEquals(server.opened.at(-1)?.tls?.protocol, version);
  }
  const opened = server.opened.length;
  const old = await ask("-tls1_1", "-cipher", "ALL:@SECLEVEL=0");
  assert(!/^hello, server$/m.test(old), old);
  assertEquals(server.opened.length, opened, "nobody comes in by TLS 1.1");
  const stranger = [
    "s_client",
    "-connect",
    `${hostname}:${service.port}`,
    "-CAfile",
    server.caPath,
    "-alpn",
    "other/1",
  ];
  const refused = await run("openssl", stranger, ["hello, server", "Q"]);
  assert(/no application protocol/.test(refused), refused);
  assertEquals(server.opened.length, opened, "nobody comes in who speaks other protocols only");
});

test("a client that renegotiates again and again ends nobody but itself", { skip }, async () => {
  using server = new Server();
  await using service = await server.start();
  const words = ["s_client", "-connect", `${hostname}:${service.port}`, "-tls1_2", "-CAfile", server.caPath];
  const honest = run("openssl", words, ["one", "", "", "", "", "", "", "two", "Q"]);
  await run("openssl", words, [...new Array(12).fill("R"), "hello", "Q"]);
  const seen = await honest;
  assert(/^one$/m.test(seen) && /^two$/m.test(seen), seen);
  assertEquals(server.faults.toSorted(), ["none", "tls-failed"]);
  assertEquals(service.state, "running");
});

/** Runs openssl, and has it update its keys again and again, until it ends. */
function updateKeys(words: readonly string[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const child = spawn("openssl", words, { stdio: ["pipe", "ignore", "pipe"] });
  child.stdin.on("error", () => {});
  child.stdin.write("K\n");
  child.stderr.on("data", (chunk: Uint8Array) => text(chunk).includes("KEYUPDATE") && child.stdin.write("K\n"));
  child.on("close", () => resolve());
  return within(promise, "openssl to be ended");
}

test("a client that updates its keys again and again ends nobody but itself", { skip }, async () => {
  using server = new Server();
  await using service = await server.start();
  const words = ["s_client", "-connect", `${hostname}:${service.port}`, "-tls1_3", "-CAfile", server.caPath];
  const honest = await connect({
    hostname,
    port: service.port,
    codec: raw(),
    logger: silentLogger(),
    tls: server.dial,
  });
  await updateKeys(words);
  assertEquals(server.faults, ["tls-failed"]);
  honest.send(new TextEncoder().encode("hello"));
  assertEquals(text(await honest.receive() ?? new Uint8Array()), "hello");
  const few = await run("openssl", words, ["K", "one", "K", "two", "Q"]);
  assert(/^one$/m.test(few) && /^two$/m.test(few), few);
  await honest.close();
  await until(() => server.faults.length === 3, "all to end");
  assertEquals(server.faults, ["tls-failed", "none", "none"]);
});

test("curl takes the port for what it is", { skip: skipCurl }, async () => {
  using server = new Server();
  await using service = await server.start((session) => {
    session.send(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"));
  });
  const url = `https://localhost:${service.port}/`;
  const seen = await run("curl", ["-sv", "--http1.1", "--no-alpn", "--cacert", server.caPath, "-4", url], []);
  assert(seen.includes("hello") && /SSL connection using TLSv1\.[23]/.test(seen), seen);
  const untrusting = await run("curl", ["-sS", "-4", "--no-alpn", url], []);
  assert(/certificate/i.test(untrusting), untrusting);
});
