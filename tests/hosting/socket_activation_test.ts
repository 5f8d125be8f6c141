// A listening socket that somebody else made, as systemd does: the process is handed it, and serves on it.

import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, silentLogger, simpleBinary } from "@laster/net";
import { ListenError } from "@laster/net";
import { nodeTransport } from "@laster/net/transport";
import { ownRuntime } from "../examples/program.ts";
import { bytes, text, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";

const skip = spawnSync("perl", ["-MSocket", "-e", "1"]).status === 0 ? false : "perl is not on this machine";
const RUN_ARGUMENTS = { deno: ["run", "--no-check", "--quiet", "-A"], bun: ["run"], node: [] } as const;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Makes a listening socket, prints its port, and becomes a program that has it as descriptor 3. */
const ACTIVATE = `
use Socket; use POSIX (); $| = 1; $^F = 20;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die; bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die; listen($s, 64) or die;
my ($port) = sockaddr_in(getsockname($s)); print "port $port\\n";
POSIX::dup2(fileno($s), 3) if fileno($s) != 3;
exec @ARGV;
`;

/** The program with its socket. */
class Activated implements AsyncDisposable {
  output = "";
  code: number | null | undefined = undefined;
  readonly #child;

  constructor(...words: readonly string[]) {
    const { name, command } = ownRuntime();
    const program = [command, ...RUN_ARGUMENTS[name], "tests/hosting/activated_program.ts", ...words];
    this.#child = spawn("perl", ["-e", ACTIVATE, ...program], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on("data", (chunk: Uint8Array) => this.output += text(chunk));
    }
    this.#child.on("close", (code) => this.code = code);
  }

  /** The port of the socket, before the program has started. */
  async port(): Promise<number> {
    const find = () => /^port (\d+)$/m.exec(this.output)?.[1];
    await until(() => find() !== undefined, "the socket");
    return Number(find());
  }

  async stop(): Promise<number | null | undefined> {
    if (this.#child.pid !== undefined) process.kill(this.#child.pid, "SIGTERM");
    await until(() => this.code !== undefined, `the end of a program that said ${this.output}`);
    return this.code;
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.code === undefined) this.#child.kill("SIGKILL");
    return until(() => this.code !== undefined, "the end of the program");
  }
}

test(
  "a service listens on a socket that the process was handed; clients that came before it are served",
  { skip },
  async () => {
    await using program = new Activated();
    const port = await program.port();
    const early = await connect({ port, codec: simpleBinary(), logger: silentLogger() }); // The system has accepted it.
    early.send(bytes("early"));
    assertEquals(text(await within(early.receive(), "an echo") ?? bytes("")), "early");
    assert(program.output.includes(`listening on 127.0.0.1:${port}`), program.output);
    await early.close();
    assertEquals(await program.stop(), 0);
  },
);

test("it may speak TLS", { skip: skip || skipWithoutOpenssl }, async () => {
  using folder = new TemporaryFolder();
  const authority = new Authority(folder);
  const { cert, key } = authority.sign();
  const [certFile, keyFile] = [folder.file("server.crt"), folder.file("server.key")];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  await using program = new Activated(certFile, keyFile);
  const tls = { ca: authority.cert, serverName: "localhost" };
  const session = await connect({ port: await program.port(), codec: simpleBinary(), logger: silentLogger(), tls });
  session.send(bytes("hello"));
  assertEquals(text(await within(session.receive(), "an echo") ?? bytes("")), "hello");
  await session.close();
  assertEquals(await program.stop(), 0);
});

test("the number of a socket is checked; one that is none, or was listened on, is a ListenError", async () => {
  for (const fd of [-1, 0, 2, 3.5, NaN, "3" as never]) assertThrows(() => nodeTransport({ fd }), RangeError, "fd");
  const address = { kind: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  const handler = { onConnection: () => {}, onAcceptError: () => {} };
  const transport = nodeTransport({ fd: 987 });
  await assertRejects(() => transport.listen(address, handler), ListenError);
  const error = await assertRejects(() => transport.listen(address, handler), ListenError);
  assertEquals(error.code, "address-in-use");
});
