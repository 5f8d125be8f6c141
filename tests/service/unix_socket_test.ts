// Listening on Unix sockets: where a server that was killed left its own, where there is no folder, and on paths that are none.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import process from "node:process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, ConnectError, ListenError, serve } from "@laster/net";
import type { Transport } from "@laster/net/transport";
import { ownRuntime } from "../examples/program.ts";
import { bytes, socketTransportsHere, text, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

const skip = process.platform === "win32" && "no Unix sockets";
const RUN = { deno: ["run", "--no-check", "-A"], bun: ["run"], node: [] } as const;

/** Runs `unix_socket_child.ts`. */
function runChild(...words: string[]) {
  const { command, name } = ownRuntime();
  const program = fileURLToPath(new URL("./unix_socket_child.ts", import.meta.url));
  return spawn(command, [...RUN[name], program, ...words], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Has a server listen on a path and be killed, as it would be by a machine without memory. */
async function leaveSocket(path: string): Promise<void> {
  const child = runChild(path);
  const listening = new Promise((resolve) => child.stdout.once("data", resolve));
  await within(listening, "the server to listen");
  const gone = new Promise((resolve) => child.on("close", resolve));
  child.kill("SIGKILL");
  await gone;
}

for (const { name, make } of socketTransportsHere()) {
  const transport = make();
  const echo = (path: string) => serve({ path, transport, onMessage: (session, payload) => session.send(payload) });

  test(`a socket that a killed server left is replaced, over ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("game.sock");
    await leaveSocket(path);
    assert(existsSync(path), "it is left behind");
    await using _service = await echo(path);
    await using session = await connect({ path, transport });
    session.send(bytes("hello"));
    assertEquals(text(await session.receive() ?? new Uint8Array()), "hello");
  });

  test(`a socket that somebody listens on is not replaced, nor is a file, over ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("game.sock");
    {
      await using _service = await echo(path);
      assertEquals((await assertRejects(() => echo(path), ListenError)).code, "address-in-use");
      await using session = await connect({ path, transport });
      session.send(bytes("still here"));
      assertEquals(text(await session.receive() ?? new Uint8Array()), "still here");
    }
    await writeFile(path, "a file of somebody's");
    assertEquals((await assertRejects(() => echo(path), ListenError)).code, "address-in-use");
    assert(existsSync(path));
  });

  /** A transport that has something done after each dial. */
  const afterDial = (act: () => Promise<unknown>): Transport => ({
    ...transport,
    name: transport.name,
    listen: (...args) => transport.listen(...args),
    async connect(...args) {
      try {
        return await transport.connect(...args);
      } finally {
        await act();
      }
    },
  });

  test(`of two servers that find a socket of a killed one the first gets it, over ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("game.sock");
    await leaveSocket(path);
    let first: Awaited<ReturnType<typeof echo>> | undefined;
    const slow = afterDial(async () => first ??= await echo(path));
    try {
      const error = await assertRejects(() => serve({ path, transport: slow, onMessage() {} }), ListenError);
      assertEquals(error.code, "address-in-use");
      await using session = await connect({ path, transport });
      session.send(bytes("hello"));
      assertEquals(text(await within(session.receive(), "the first server's answer") ?? new Uint8Array()), "hello");
    } finally {
      await first?.stop();
    }
  });

  test(`a server listens where a socket of a killed one has just been removed, over ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("game.sock");
    await leaveSocket(path);
    await using _service = await serve({ path, transport: afterDial(() => rm(path)), onMessage() {} });
    assert(existsSync(path));
  });

  test(`a missing folder and a path that is too long have their own codes, over ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const missing = await assertRejects(() => echo(folder.file("no/such/game.sock")), ListenError);
    assertEquals(missing.code, "folder-not-found");
    const long = folder.file("x".repeat(108));
    assertEquals((await assertRejects(() => echo(long), ListenError)).code, "path-too-long");
    assertEquals((await assertRejects(() => connect({ path: long, transport }), ConnectError)).code, "path-too-long");
    assertEquals(
      (await assertRejects(() => echo(`${folder.file("a")}\0b`), ListenError)).code,
      "address-not-available",
    );
  });
}

test("a server that stops at once can listen there again", { skip }, async () => {
  using folder = new TemporaryFolder();
  const child = runChild(folder.file("game.sock"), "again"); // A process just begun is slow to close its first socket.
  const code = await within(new Promise((resolve) => child.on("close", resolve)), "the child");
  assertEquals(code, 0);
});
