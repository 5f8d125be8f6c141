// The chat protocol against bytes that were written out by hand, and against any other bytes. What the original sent is
// in chat_recording_test.ts.

import test from "node:test";
import fc from "fast-check";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  type ChatMessage,
  ChatProtocolError,
  decodeMessage,
  encodeMessage,
  MAX_CHAT_BYTES,
  MAX_PAYLOAD_BYTES,
} from "../../examples/chat_protocol.ts";
import { MAX_ACCOUNT_BYTES } from "../../examples/chat_text.ts";
import { check } from "../property.ts";
import { fromHex, toHex } from "./chat_process.ts";

/** Each message with its id in front, then a tag (number * 8 + 2 for a text, + 0 for an enum), a length and the rest. */
const VECTORS: readonly (readonly [digits: string, message: ChatMessage])[] = [
  ["0200000008 01 0a03616e6e 12027077 1a026869", { kind: "client-hello", account: "ann", passwd: "pw", desc: "hi" }],
  ["0200000008 01 0a03616e6e 1200", { kind: "client-hello", account: "ann", passwd: "" }],
  ["0200000008 02 0801", { kind: "server-hello", returnValue: "OK" }],
  ["0200000008 02 0802", { kind: "server-hello", returnValue: "FAILED" }],
  ["0200000008 03 0a0568656c6c6f", { kind: "client-chat", chatMsg: "hello" }],
  ["0200000008 04 0a03616e6e 1206ec9588eb8595", { kind: "server-chat", sender: "ann", chatMsg: "안녕" }],
  ["0200000008 05", { kind: "client-bye" }],
  ["0200000008 06", { kind: "server-bye" }],
];

test("encodeMessage() and decodeMessage() agree with bytes written by hand", () => {
  for (const [digits, message] of VECTORS) {
    assertEquals(toHex(encodeMessage(message)), digits.replaceAll(" ", ""), message.kind);
    assertEquals(decodeMessage(fromHex(digits)), message);
  }
});

test("decodeMessage() reads fields in any order, takes the last of two, and skips what it does not know", () => {
  const message = { kind: "client-hello", account: "ann", passwd: "pw" } as const;
  assertEquals(decodeMessage(fromHex("0200000008 01 12027077 0a03616e6e")), message);
  assertEquals(decodeMessage(fromHex("0200000008 01 0a0162 0a03616e6e 12027077")), message);
  assertEquals(decodeMessage(fromHex("0200000008 01 0a03616e6e 12027077 2001 2a0178")), message);
  assertEquals(decodeMessage(fromHex("0200000008 05 0801")), { kind: "client-bye" });
});

test("decodeMessage() refuses what is no message", () => {
  const malformed = [
    ["nothing", ""],
    ["half a length", "0200"],
    ["a length alone", "02000000"],
    ["a tag and no id", "0200000008"],
    ["an id of four bytes, without a length", "03000000 0a0568656c6c6f"],
    ["a length in the other order", "0000000208 03 0a0568656c6c6f"],
    ["a length that is too short", "0100000008 03 0a0568656c6c6f"],
    ["a length that is too long", "0300000008 03 0a0568656c6c6f"],
    ["a length past the end", "ffffffff08 05"],
    ["no length, but an id", "00000000 05"],
    ["another tag", "0200000010 05"],
    ["an id that is no varint", "020000000d 05"],
    ["an id of two bytes, of which one is idle", "0300000008 8500"],
    ["an id of two bytes", "0300000008 8502"],
    ["an id that goes on", "0200000008 85"],
    ["id 0", "0200000008 00"],
    ["id 7", "0200000008 07"],
    ["no account and no passwd", "0200000008 01"],
    ["no passwd", "0200000008 01 0a03616e6e"],
    ["no text", "0200000008 03"],
    ["no sender", "0200000008 04 12026869"],
    ["a text past the end", "0200000008 03 0a0568656c6c"],
    ["a number for a text", "0200000008 03 0801"],
    ["no enum", "0200000008 02"],
    ["an enum of no name", "0200000008 02 0809"],
    ["a tag that goes on", "0200000008 05 ff"],
    ["field number 0", "0200000008 05 0001"],
    ["a wire type that there is not", "0200000008 05 0f"],
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
        decodeMessage(new Uint8Array([2, 0, 0, 0, 8, id, ...rest]));
      } catch (error) {
        assertInstanceOf(error, ChatProtocolError);
      }
    }),
    2_000,
  );
});

test("decodeMessage() of a message of which one byte is another gives a message or throws a ChatProtocolError", () => {
  for (const [digits] of VECTORS) {
    const bytes = fromHex(digits);
    for (let index = 0; index < bytes.length; index++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0xff, bytes[index] ^ 1]) {
        const changed = bytes.with(index, byte);
        try {
          const { kind } = decodeMessage(changed);
          assertEquals(index >= 5 || byte === bytes[index], true, `${kind} of ${toHex(changed)}`);
        } catch (error) {
          assertInstanceOf(error, ChatProtocolError);
        }
      }
    }
  }
});

test("encodeMessage() keeps the longest message within the 4,095 bytes of a payload that the original takes", () => {
  const sender = "a".repeat(MAX_ACCOUNT_BYTES);
  const payload = encodeMessage({ kind: "server-chat", sender, chatMsg: "x".repeat(MAX_CHAT_BYTES) });
  assertEquals(payload.length, 6 + 2 + MAX_ACCOUNT_BYTES + 3 + MAX_CHAT_BYTES);
  assertEquals([payload.length < MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES], [true, 4_095]);
});
