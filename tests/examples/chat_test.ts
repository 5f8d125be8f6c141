// The chat examples: clients of this runtime with a server of each runtime that there is, over pipes; and peers that
// speak bytes.

import test from "node:test";
import process from "node:process";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { silentLogger, TcpService } from "@laster/net";
import { chatCodec, decodeMessage, encodeMessage } from "../../examples/chat_protocol.ts";
import { until } from "../support.ts";
import { ChatProcess, RawPeer } from "./chat_process.ts";
import { ownRuntime, Program, runtimesHere, type TestRuntime } from "./program.ts";

const own = ownRuntime();
const signals = { skip: process.platform === "win32" && "no signals" };

/** Hello of `ann` as a frame, and its answers. */
const HELLO = "0b000000 01000000 0a03616e6e 1200";
const WELCOME = "06000000020000000801";
const REFUSED = "06000000020000000802";
const WELCOME_BYTES = 10;

function startServer(runtime: TestRuntime = own): Program {
  return new Program(runtime, "chat_server.ts", ["--port", "0"]);
}

for (const runtime of runtimesHere()) {
  test(`chat_client on ${own.name} chats with another over chat_server on ${runtime.name}`, async () => {
    await using server = startServer(runtime);
    const port = await server.port();
    await using ann = await ChatProcess.join(port, "ann");
    await using bob = await ChatProcess.join(port, "밥");
    ann.type("hello");
    await bob.heard("ann: hello");
    bob.type("안녕 👋");
    ann.type("");
    await ann.heard("안녕 👋");
    await bob.heard("밥: 안녕 👋");
    const lines = ["ann: hello", "밥: 안녕 👋"];
    assertEquals([ann.lines, bob.lines], [lines, lines]);

    ann.type("/quit");
    assertEquals([await ann.exit(), ann.errors], [0, ""]);
    bob.type("alone");
    await bob.heard("밥: alone");
    bob.endInput();
    assertEquals([await bob.exit(), bob.errors, bob.lines], [0, "", [...lines, "밥: alone"]]);
  });
}

test("chat_client leaves on Ctrl-C, and its name is free again", signals, async () => {
  await using server = startServer();
  const port = await server.port();
  for (let times = 0; times < 2; times++) {
    await using ann = await ChatProcess.join(port, "ann");
    ann.interrupt();
    assertEquals([await ann.exit(), ann.errors], [0, ""]);
  }
});

test("chat_client says so and exits 1 when its name is taken, or nobody listens, or the server goes", async () => {
  await using server = startServer();
  const port = await server.port();
  await using ann = await ChatProcess.join(port, "ann");
  await using other = new ChatProcess(["--port", port, "--name", "ann"]);
  assertEquals([await other.exit(), other.output], [1, ""]);
  assertEquals(other.errors.trim(), "The server refuses the name ann: somebody has it, or it is not allowed");

  if (process.platform !== "win32") assertEquals(await server.stop(), 0, server.output);
  else await server[Symbol.asyncDispose]();
  assertEquals(await ann.exit(), 1);
  assertStringIncludes(ann.errors, "The server is gone: ");

  await using late = new ChatProcess(["--port", port, "--name", "ann"]);
  assertEquals([await late.exit(), late.output], [1, ""]);
  assertEquals(late.errors.trim(), `Cannot connect to 127.0.0.1:${port} as the connection was refused`);
});

test("chat_client refuses bad arguments, and sends no text that is too long", async () => {
  for (const words of [["--port", "0"], ["--name", ""], ["--name", "x".repeat(65)], ["--no-such-option"]]) {
    await using client = new ChatProcess(words);
    assertEquals(await client.exit(), 2, words.join(" "));
  }
  await using server = startServer();
  await using ann = await ChatProcess.join(await server.port(), "ann");
  ann.type("x".repeat(3_001));
  ann.type("x".repeat(3_000));
  ann.endInput();
  assertEquals([await ann.exit(), ann.errors], [0, ""]);
  assertEquals(ann.lines, [
    "not sent: a text has at most 3000 bytes, this has 3001",
    `ann: ${"x".repeat(3_000)}`,
  ]);
});

test("chat_client makes harmless what others send, and ends when the server speaks another protocol", async () => {
  await using service = new TcpService({
    codec: chatCodec(),
    logger: silentLogger(),
    onMessage(session, payload) {
      const message = decodeMessage(payload);
      if (message.kind === "client-hello") session.send(encodeMessage({ kind: "server-hello", returnValue: "OK" }));
      if (message.kind !== "client-chat") return;
      session.send(encodeMessage({ kind: "server-chat", sender: "b\x1b[2J", chatMsg: "\r\nfake: hi\x07" }));
      session.send(new Uint8Array([4, 0, 0, 0]));
    },
  });
  await service.start();
  const { address } = await service.listen({ hostname: "127.0.0.1", port: 0 });
  await using ann = await ChatProcess.join(address.kind === "tcp" ? `${address.port}` : "", "ann");
  ann.type("go");
  assertEquals([await ann.exit(), ann.lines], [1, ["b\ufffd[2J: \ufffd\ufffdfake: hi\ufffd"]]);
  assertStringIncludes(ann.errors, "The server does not speak the protocol: Cannot decode chat message of 4 bytes");
});

test("chat_server speaks the original's bytes: hello, chat and bye", async () => {
  await using server = startServer();
  await using peer = await RawPeer.dial(await server.port());
  assertEquals(await peer.ask(HELLO, WELCOME_BYTES), WELCOME);
  const chat = await peer.ask("0b000000 03000000 0a0568656c6c6f", 20);
  assertEquals(chat, "10000000040000000a03616e6e120568656c6c6f");
  assertEquals(await peer.provoke("04000000 05000000"), ["0400000006000000", "remote-closing"]);
});

test("chat_server fails a hello without an account, with a taken or long one, and a second one", async () => {
  await using server = startServer();
  const port = await server.port();
  await using ann = await RawPeer.dial(port);
  await using other = await RawPeer.dial(port);
  assertEquals(await other.ask("08000000 01000000 0a00 1200", WELCOME_BYTES), REFUSED);
  assertEquals(await ann.ask(HELLO, WELCOME_BYTES), WELCOME);
  assertEquals(await other.ask(HELLO, WELCOME_BYTES), REFUSED);
  assertEquals(await other.ask(`49000000 01000000 0a41${"78".repeat(65)} 1200`, WELCOME_BYTES), REFUSED);
  assertEquals(await other.ask(`48000000 01000000 0a40${"78".repeat(64)} 1200`, WELCOME_BYTES), WELCOME);
  assertEquals(await other.ask("09000000 01000000 0a0162 1200", WELCOME_BYTES), REFUSED);

  // A bye frees the account at once, before the connection is gone.
  assertEquals(await ann.ask("04000000 05000000", 8), "0400000006000000");
  await using again = await RawPeer.dial(port);
  assertEquals(await again.ask(HELLO, WELCOME_BYTES), WELCOME);
});

test("chat_server closes only the session that is wrong, and says why", async () => {
  await using server = startServer();
  const port = await server.port();
  await using ann = await ChatProcess.join(port, "ann");
  const tooLong = `c00b0000 03000000 0ab917 ${"78".repeat(3_001)}`;
  const wrongs = [
    ["chats before its hello", "0b000000 03000000 0a0568656c6c6f"],
    ["id must be 1 to 6", "04000000 09000000"],
    ["Cannot decode chat message of 0 bytes", "00000000"],
    ["missing required", "04000000 01000000"],
    ["server-chat is no message for a server", "0a000000 04000000 0a0161 120162"],
    ["decode-error", "ffffffff"],
    ["decode-error", "fc0f0000"],
    ["at most 3000 bytes: this has 3001", "09000000 01000000 0a0162 1200" + tooLong],
  ];
  for (const [reason, request] of wrongs) {
    await using peer = await RawPeer.dial(port);
    const [, end] = await peer.provoke(request);
    assertEquals(end, reason === "decode-error" ? end : "remote-closing", reason);
    await until(() => server.output.includes(reason), `the server says ${reason}`);
  }
  ann.type("still here");
  await ann.heard("ann: still here");
  assertEquals(ann.lines, ["ann: still here"]);
});
