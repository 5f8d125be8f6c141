// The chat protocol against bytes that were written out by hand, and against any other bytes.

import test from "node:test";
import fc from "fast-check";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  type ChatMessage,
  ChatProtocolError,
  decodeMessage,
  encodeMessage,
  MAX_ACCOUNT_BYTES,
  MAX_CHAT_BYTES,
  printable,
} from "../../examples/chat_protocol.ts";
import { check } from "../property.ts";
import { fromHex, toHex } from "./chat_process.ts";

/** Each message with the id in front, then a tag (number * 8 + 2 for a text, + 0 for an enum), a length and the rest. */
const VECTORS: readonly (readonly [digits: string, message: ChatMessage])[] = [
  ["01000000 0a03616e6e 12027077 1a026869", { kind: "client-hello", account: "ann", passwd: "pw", desc: "hi" }],
  ["01000000 0a03616e6e 1200", { kind: "client-hello", account: "ann", passwd: "" }],
  ["02000000 0801", { kind: "server-hello", returnValue: "OK" }],
  ["02000000 0802", { kind: "server-hello", returnValue: "FAILED" }],
  ["03000000 0a0568656c6c6f", { kind: "client-chat", chatMsg: "hello" }],
  ["04000000 0a03616e6e 1206ec9588eb8595", { kind: "server-chat", sender: "ann", chatMsg: "안녕" }],
  ["05000000", { kind: "client-bye" }],
  ["06000000", { kind: "server-bye" }],
];

test("encodeMessage() and decodeMessage() agree with bytes written by hand", () => {
  for (const [digits, message] of VECTORS) {
    assertEquals(toHex(encodeMessage(message)), digits.replaceAll(" ", ""), message.kind);
    assertEquals(decodeMessage(fromHex(digits)), message);
  }
});

test("decodeMessage() reads fields in any order, takes the last of two, and skips what it does not know", () => {
  const message = { kind: "client-hello", account: "ann", passwd: "pw" } as const;
  assertEquals(decodeMessage(fromHex("01000000 12027077 0a03616e6e")), message);
  assertEquals(decodeMessage(fromHex("01000000 0a0162 0a03616e6e 12027077")), message);
  assertEquals(decodeMessage(fromHex("01000000 0a03616e6e 12027077 2001 2a0178")), message);
  assertEquals(decodeMessage(fromHex("05000000 0801")), { kind: "client-bye" });
});

test("decodeMessage() refuses what is no message", () => {
  const malformed = [
    ["no id", ""],
    ["half an id", "0300"],
    ["id 0", "00000000"],
    ["id 7", "07000000"],
    ["the id in the other order", "00000003 0a0568656c6c6f"],
    ["no account and no passwd", "01000000"],
    ["no passwd", "01000000 0a03616e6e"],
    ["no text", "03000000"],
    ["no sender", "04000000 12026869"],
    ["a text past the end", "03000000 0a0568656c6c"],
    ["a number for a text", "03000000 0801"],
    ["no enum", "02000000"],
    ["an enum of no name", "02000000 0809"],
    ["a tag that goes on", "05000000 ff"],
    ["field number 0", "05000000 0001"],
    ["a wire type that there is not", "05000000 0f"],
  ];
  for (const [what, digits] of malformed) {
    assertThrows(() => decodeMessage(fromHex(digits)), ChatProtocolError, "Cannot decode chat message", what);
  }
});

test("decodeMessage() of any bytes gives a message or throws a ChatProtocolError", () => {
  const anyBytes = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 60 }));
  check(
    fc.property(anyBytes, ([id, rest]) => {
      try {
        decodeMessage(new Uint8Array([id, 0, 0, 0, ...rest]));
      } catch (error) {
        assertInstanceOf(error, ChatProtocolError);
      }
    }),
    2_000,
  );
});

test("encodeMessage() keeps the longest message under the 4,096 bytes of a frame that the original takes", () => {
  const sender = "a".repeat(MAX_ACCOUNT_BYTES);
  const payload = encodeMessage({ kind: "server-chat", sender, chatMsg: "x".repeat(MAX_CHAT_BYTES) });
  assertEquals(payload.length, 4 + 2 + MAX_ACCOUNT_BYTES + 3 + MAX_CHAT_BYTES);
  assertEquals(payload.length + 4 < 4_096, true);
});

test("printable() leaves letters and emoji, and takes what moves a cursor or turns the writing", () => {
  assertEquals(printable("안녕, ann 👩‍💻 é"), "안녕, ann 👩‍💻 é");
  assertEquals(printable("\x1b[2Jx\r\ny\x07\x7f\x9b"), "\ufffd[2Jx\ufffd\ufffdy\ufffd\ufffd\ufffd");
  assertEquals(printable("a\u2028b\u202ec\u2066d"), "a\ufffdb\ufffdc\ufffdd");
});
