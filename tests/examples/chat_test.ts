// The chat examples: clients of this runtime with a server of another, over pipes.

import test from "node:test";
import process from "node:process";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { silentLogger, TcpService } from "@laster/net";
import { chatCodec, decodeMessage, encodeMessage } from "../../examples/chat_protocol.ts";
import { ChatProcess } from "./chat_process.ts";
import { nextRuntime, ownRuntime, Program, type TestRuntime } from "./program.ts";

const own = ownRuntime();
const next = nextRuntime();
const signals = { skip: process.platform === "win32" && "no signals" };

function startServer(runtime: TestRuntime = own): Program {
  return new Program(runtime, "chat_server.ts", ["--port", "0"]);
}

test(`chat_client on ${own.name} chats with another over chat_server on ${next.name}`, async () => {
  await using server = startServer(next);
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

test("chat_client brings all lines of a pipe, though the server makes it wait, and then leaves", async () => {
  await using server = startServer();
  await using ann = await ChatProcess.join(await server.port(), "ann");
  const texts = Array.from({ length: 26 }, (_, index) => `line ${index}`);
  for (const text of texts) ann.type(text);
  ann.endInput();
  assertEquals([await ann.exit(), ann.errors, ann.lines], [0, "", texts.map((text) => `ann: ${text}`)]);
});

test("chat_client refuses bad arguments, and sends no text that is too long", async () => {
  for (const words of [["--port", "0"], ["--name", "a:b"], ["--no"]]) {
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
    "not sent, as a text has at most 3000 bytes, and this has 3001",
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
      session.send(new Uint8Array([2, 0, 0, 0, 8, 4]));
    },
  });
  await service.start();
  const { address } = await service.listen({ hostname: "127.0.0.1", port: 0 });
  await using ann = await ChatProcess.join(address.kind === "tcp" ? `${address.port}` : "", "ann");
  ann.type("go");
  assertEquals([await ann.exit(), ann.lines], [1, ["b\ufffd[2J: \ufffd\ufffdfake: hi\ufffd"]]);
  assertStringIncludes(ann.errors, "The server does not speak the protocol: Cannot decode chat message of 6 bytes");
});
