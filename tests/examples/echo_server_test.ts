// The echo server as a process: its guard, its TLS, and what it says of files that it cannot use.

import { writeFileSync } from "node:fs";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, type Session, silentLogger, simpleBinary } from "@laster/net";
import { bytes, text, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { ownRuntime, Program } from "./program.ts";

const logger = silentLogger();
const skip = skipWithoutOpenssl;

function start(...options: readonly string[]): Program {
  return new Program(ownRuntime(), "echo_server.ts", ["--port", "0", ...options], ["--allow-read"]);
}

async function connectTo(server: Program): Promise<Session> {
  return await connect({ port: Number(await server.port()), codec: simpleBinary(), logger });
}

async function echo(session: Session): Promise<string> {
  session.send(bytes("hello"));
  return text(await within(session.receive(), "an echo") ?? bytes("nothing"));
}

/** A folder with a server's certificate, a client's, and the authority of both. */
class Files {
  readonly folder = new TemporaryFolder();
  readonly authority = new Authority(this.folder);
  readonly client = this.authority.sign({ name: "ann" });
  readonly cert: string;
  readonly key: string;
  readonly ca: string;

  constructor() {
    const { cert, key } = this.authority.sign();
    this.cert = this.#write("server.crt", cert);
    this.key = this.#write("server.key", key);
    this.ca = this.#write("ca.crt", this.authority.cert);
  }

  #write(name: string, content: string): string {
    const path = this.folder.file(name);
    writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

test("echo_server closes a peer that says nothing for ten seconds, unless its guard is off", async () => {
  await using guarded = start();
  await using open = start("--guard", "off");
  const [silent, spoken, kept] = [await connectTo(guarded), await connectTo(guarded), await connectTo(open)];
  assertEquals(await echo(spoken), "hello");
  await silent.closed;
  assertEquals([await echo(spoken), await echo(kept)], ["hello", "hello"]);
  await spoken.close();
  await kept.close();
  assertEquals([await guarded.stop(), await open.stop()], [0, 0]);
});

test("echo_server speaks TLS, and asks for clients' certificates", { skip }, async () => {
  using files = new Files();
  const { authority, cert, key, ca, client } = files;
  await using server = start("--cert", cert, "--key", key, "--client-ca", ca);
  const port = Number(await server.port());
  const dial = (identity: object) =>
    connect({ port, codec: simpleBinary(), logger, tls: { ca: authority.cert, serverName: "localhost", ...identity } });
  const known = await dial(client);
  assertEquals(await echo(known), "hello");
  await known.close();
  const stranger = await dial({}).catch(() => undefined); // The server may refuse it when the dial is done already.
  if (stranger !== undefined) assertEquals((await stranger.receive()) ?? "nothing", "nothing");
  assertEquals(await server.stop(), 0);
});

test("echo_server ends with 2 at files that it cannot use, and says which", { skip }, async () => {
  using files = new Files();
  const { cert, key } = files;
  const cases = [
    [["--cert", cert], "expected --cert FILE and --key FILE"],
    [["--client-ca", cert], "expected --cert FILE and --key FILE"],
    [["--cert", cert, "--key", `${key}.gone`], "Cannot read the file of --key"],
    [["--cert", cert, "--key", cert], "Cannot use TLS as key must be a private key"],
    [["--guard", "no"], "Cannot use no as --guard"],
  ] as const;
  for (const [options, words] of cases) {
    await using server = start(...options);
    assertEquals(await server.exit(), 2);
    assert(server.output.startsWith(words), server.output);
  }
});
