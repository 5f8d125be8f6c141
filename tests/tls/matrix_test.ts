// TLS with certificates at both ends, this runtime as the server and each as the client: who is good gets in, and every fault has
// its own name, at the end that finds it.

import { execFile } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { serve, type Session, silentLogger } from "@laster/net";
import { runtimesHere, type TestRuntime } from "../examples/program.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { within } from "../support.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";
import type { MatrixDial } from "./matrix_client.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN_ARGUMENTS = { deno: ["run", "--no-check", "--quiet", "-A"], bun: ["run"], node: [] } as const;

for (const runtime of runtimesHere()) {
  test(`mutual TLS with a client on ${runtime.name}`, { skip: skipWithoutOpenssl }, async () => {
    using folder = new TemporaryFolder();
    const authority = new Authority(folder);
    const rogue = new Authority(folder, "Rogue");
    const { cert: ca } = authority;
    const player = authority.sign({ name: "ann", altNames: "DNS:ann.players" });
    const opened: (string | undefined)[] = [];
    const start = (identity: ReturnType<Authority["sign"]>) =>
      serve({
        hostname: "127.0.0.1",
        port: 0,
        logger: silentLogger(),
        tls: { ...identity, ca, clientCertificates: "required" },
        onOpen: (session) => void opened.push(session.tls?.peerCertificate?.subject),
        onMessage: (session: Session, payload: Uint8Array) => session.send(payload),
      });
    await using good = await start(authority.sign());
    await using untrusted = await start(rogue.sign());
    await using expired = await start(authority.sign({ isExpired: true }));
    const to = (service: typeof good, more: object = player): MatrixDial => (
      { port: service.port ?? 0, tls: { ca, ...more } }
    );
    const answers = await ask(runtime, [
      to(good),
      to(good, { ...player, minVersion: "TLSv1.3" }),
      to(untrusted),
      to(expired),
      to(good, { ...player, serverName: "other.example.com" }),
      to(good, {}),
      to(good, rogue.sign({ name: "eve" })),
      to(good, authority.sign({ name: "old", isExpired: true })),
    ]);
    assertEquals(answers, [
      "hello",
      "hello",
      "certificate-untrusted",
      "certificate-expired",
      "certificate-name",
      "closed",
      "closed",
      "closed",
    ]);
    assertEquals(opened, ["CN=ann", "CN=ann"]);
    const { "handshake-failed": _ofWrongName, ...refusals } = good.stats().refusals;
    assertEquals(refusals, { "certificate-missing": 1, "certificate-untrusted": 1, "certificate-expired": 1 });
  });
}

async function ask({ name, command }: TestRuntime, dials: readonly MatrixDial[]): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const words = [...RUN_ARGUMENTS[name], "tests/tls/matrix_client.ts", JSON.stringify({ dials })];
  execFile(command, words, { cwd: ROOT }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`${error.message}: ${stderr}`));
  });
  return JSON.parse(await within(promise, `the client on ${name}`));
}
