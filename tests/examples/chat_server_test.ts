// The chat server against peers that speak bytes: accounts, and what is refused. The original's own frames are in
// chat_recording_test.ts.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { type ChatMessage, encodeMessage } from "../../examples/chat_protocol.ts";
import { bytes, until } from "../support.ts";
import { ChatProcess, RawPeer, toHex } from "./chat_process.ts";
import { countBytes, ORIGINAL } from "./chat_recording.ts";
import { ownRuntime, Program } from "./program.ts";

const WELCOME = ORIGINAL.welcome;
const REFUSED = frameOf({ kind: "server-hello", returnValue: "FAILED" });

function startServer(): Program {
  return new Program(ownRuntime(), "chat_server.ts", ["--port", "0"]);
}

/** A payload in its frame, as hexadecimal digits. */
function frame(payload: Uint8Array): string {
  const length = new Uint8Array(new Uint32Array([payload.length]).buffer); // Little-endian, as all machines here.
  return toHex(length) + toHex(payload);
}

function frameOf(message: ChatMessage): string {
  return frame(encodeMessage(message));
}

function hello(account: string): string {
  return frameOf({ kind: "client-hello", account, passwd: "" });
}

/** Says hello, and gives the answer. */
function greet(peer: RawPeer, account: string): Promise<string> {
  return peer.ask(hello(account), countBytes(WELCOME));
}

/** Says something, and gives the line that all hear, as hexadecimal digits, if it is as long as `line`. */
function say(peer: RawPeer, chatMsg: string, line: string): Promise<string> {
  return peer.ask(frameOf({ kind: "client-chat", chatMsg }), countBytes(line));
}

function lineOf(sender: string, chatMsg: string): string {
  return frameOf({ kind: "server-chat", sender, chatMsg });
}

test("chat_server answers a second hello with OK, as the original, and takes the new name", async () => {
  await using server = startServer();
  const port = await server.port();
  await using ann = await RawPeer.dial(port);
  await using other = await RawPeer.dial(port);
  assertEquals(await greet(ann, "ann"), WELCOME);
  assertEquals(await greet(ann, "ann"), WELCOME);
  assertEquals(await say(ann, "one", lineOf("ann", "one")), lineOf("ann", "one"));
  assertEquals(await greet(ann, "anna"), WELCOME);
  assertEquals(await say(ann, "two", lineOf("anna", "two")), lineOf("anna", "two"));
  // The name before is free, the one of now is not.
  assertEquals([await greet(other, "anna"), await greet(other, "ann")], [REFUSED, WELCOME]);
  // A second hello that fails changes nothing.
  assertEquals(await greet(ann, "ann"), REFUSED);
  assertEquals(await say(ann, "three", lineOf("anna", "three")), lineOf("anna", "three"));
});

test("chat_server fails a hello with the name of another, with one that looks like it, or with none", async () => {
  await using server = startServer();
  const port = await server.port();
  await using ann = await RawPeer.dial(port);
  await using other = await RawPeer.dial(port);
  assertEquals(await greet(ann, "ann"), WELCOME);
  const alike = [
    "ann",
    "Ann",
    "a\u200bnn",
    "ann\u0000",
    "ann ",
    "\u3000ann",
    "ａｎｎ",
    "a\u0301nn",
    "\u202eann",
    "ann\ufe0f",
  ];
  const others = ["", " ", "x".repeat(65), "bob: hi\nann", "ann: hi", "\u1160", "\u0301"];
  for (const account of [...alike, ...others]) {
    assertEquals(await greet(other, account), REFUSED, JSON.stringify(account));
  }
  assertEquals(await greet(other, "x".repeat(64)), WELCOME);

  // A bye frees the account at once, before the connection is gone.
  assertEquals(await ann.ask(ORIGINAL.bye, countBytes(ORIGINAL.byeAnswer)), ORIGINAL.byeAnswer);
  await using again = await RawPeer.dial(port);
  assertEquals(await greet(again, "Ann"), WELCOME);
});

test("chat_server shows a name in one form, and passes no control bytes on", async () => {
  await using server = startServer();
  await using peer = await RawPeer.dial(await server.port());
  assertEquals(await greet(peer, "ａｎｎ"), WELCOME);
  const texts = [
    ["\x1b[2J\x1b]0;x\x07", "?[2J?]0;x?"],
    ["hi\r\nbob: hi\u2028\u2029\u0085", "hi??bob: hi???"],
    ["\u202eabc\u2066", "?abc?"],
    ["\x9b31m\0\x7f", "?31m??"],
    ["👩‍💻 ❤️ 안녕", "👩‍💻 ❤️ 안녕"],
  ];
  for (const [text, passed] of texts) assertEquals(await say(peer, text, lineOf("ann", passed)), lineOf("ann", passed));
  // The longest text, of control bytes alone, is no longer than it was.
  const longest = lineOf("ann", "?".repeat(3_000));
  assertEquals(await say(peer, "\x1b".repeat(3_000), longest), longest);
});

test("chat_server closes only the session that is wrong, and says why", async () => {
  await using server = startServer();
  const port = await server.port();
  await using ann = await ChatProcess.join(port, "ann");
  const hi = frameOf({ kind: "client-chat", chatMsg: "hi" });
  const wrongs = [
    ["chats before its hello", hi],
    ["id must be 1 to 6: it is 9", frame(new Uint8Array([2, 0, 0, 0, 8, 9]))],
    ["must begin with 02 00 00 00 08 and its id", frame(new Uint8Array([3, 0, 0, 0, 10, 2, 104, 105]))],
    ["must begin with 02 00 00 00 08 and its id", frame(new Uint8Array(0))],
    ["missing required", frame(new Uint8Array([2, 0, 0, 0, 8, 1]))],
    ["server-chat is no message for a server", lineOf("a", "b")],
    ["at most 3000 bytes: this has 3001", hello("b") + frameOf({ kind: "client-chat", chatMsg: "x".repeat(3_001) })],
    // The longest payload that the original takes is a message that is none; one more byte is refused at its length.
    ["must begin with 02 00 00 00 08 and its id", frame(bytes("x".repeat(4_095)))],
    ["decode-error", "00100000"],
    ["decode-error", "ffffffff"],
  ];
  for (const [reason, request] of wrongs) {
    await using peer = await RawPeer.dial(port);
    const before = server.output.split(reason).length;
    const [, end] = await peer.provoke(request);
    assertEquals(end, reason === "decode-error" ? end : "remote-closing", reason);
    await until(() => server.output.split(reason).length > before, `the server says ${reason}`);
  }
  ann.type("still here");
  await ann.heard("ann: still here");
  assertEquals(ann.lines, ["ann: still here"]);
});
