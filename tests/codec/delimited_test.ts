// Tests of delimited(). Runtime neutral.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import { delimited, Frame, FrameError } from "@laster/net";
import { check } from "../property.ts";
import { assertRefusesOptions } from "./refused_options.ts";
import { assertMessages, encodeFrame, forEveryCut, pattern, readStream } from "./streams.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Every delimiter, by its text and how it may look inside itself. */
const DELIMITERS = ["\n", "\r\n", "aab", "aaa", "--end--"];

test("delimited() cuts lines by default, empty ones too", () => {
  assertMessages(delimited(), utf8("one\n\ntwo\n"), ["one", "", "two"].map(utf8));
});

test("delimited() round-trips random payloads of a small alphabet, with and without the delimiter kept", () => {
  const letters = fc.constantFrom(...utf8("ab-end\r\n"));
  const payloads = fc.array(fc.array(letters, { maxLength: 12 }).map((list) => Uint8Array.from(list)), {
    maxLength: 6,
  });
  check(
    fc.property(payloads, fc.constantFrom(...DELIMITERS), fc.boolean(), (drawn, delimiter, keepDelimiter) => {
      const codec = delimited({ delimiter, keepDelimiter, maxPayloadBytes: 12 });
      const sendable = drawn.filter((payload) => isSendable(payload, utf8(delimiter)));
      const sent = keepDelimiter ? sendable.map((payload) => concat([payload, utf8(delimiter)])) : sendable;
      const frames = sent.map((payload) => encodeFrame(codec, payload));
      assertEquals(frames, sendable.map((payload) => concat([payload, utf8(delimiter)])));
      assertMessages(codec, concat(frames), sent, 3);
    }),
    100,
  );
});

test("delimited() refuses to encode what would arrive as something else", () => {
  const encode = (payload: string, options: object) => encodeFrame(delimited(options), utf8(payload));
  const refused: readonly (readonly [string, object])[] = [
    ["a\nb", {}],
    ["a\n", {}],
    ["\n", { delimiter: "\n\n" }],
    ["xa", { delimiter: "aaa" }],
    ["a\nb\n", { keepDelimiter: true }],
    ["a", { keepDelimiter: true }],
    ["", { keepDelimiter: true }],
  ];
  for (const [payload, options] of refused) {
    assertThrows(() => encode(payload, options), FrameError, "Cannot encode payload");
  }
  assertEquals(encode("xaa", { delimiter: "aab" }), utf8("xaaaab"), "the first delimiter there is the last");
});

test("delimited({ keepDelimiter: true }) refuses payloads shorter than the delimiter, wherever their frame goes", () => {
  for (const delimiter of [undefined, ...DELIMITERS]) {
    const encoder = delimited({ delimiter, keepDelimiter: true }).createEncoder();
    const { length } = utf8(delimiter ?? "\n");
    for (let offset = 0; offset <= length; offset++) {
      for (let count = 0; count < length; count++) {
        const encode = () => encoder.encode(pattern(length).fill(65), 0, count, new Uint8Array(2 * length), offset);
        assertThrows(encode, FrameError, "must end with the delimiter", `${count} bytes at ${offset}`);
      }
    }
  }
});

test("delimited() takes a payload at the limit and refuses one past it, with and without its delimiter", () => {
  const codec = delimited({ delimiter: "\r\n", maxPayloadBytes: 50 });
  assertMessages(codec, concat([pattern(50).fill(65), utf8("\r\n")]), [pattern(50).fill(65)]);
  for (const end of ["\r\n", "", "\r"]) {
    forEveryCut(concat([pattern(52).fill(65), utf8(end)]), (chunks) => {
      const { messages, refusal } = readStream(codec.createDecoder(), chunks);
      assertEquals([messages.length, refusal], [0, "too-large"]);
    });
  }
  forEveryCut(concat([pattern(51).fill(65), utf8("\r\n")]), (chunks) => {
    assertEquals(readStream(codec.createDecoder(), chunks).refusal, "too-large");
  });
  assertEquals(codec.createEncoder().maxPayloadBytes, 50);
  assertEquals(delimited({ maxPayloadBytes: 0 }).createEncoder().maxPayloadBytes, 0);
});

test("delimited() stands inside a frame when the stream ends without a delimiter", () => {
  forEveryCut(utf8("one\r\ntwo\r"), (chunks) => {
    const { messages, isInsideFrame } = readStream(delimited({ delimiter: "\r\n" }).createDecoder(), chunks);
    assertEquals([messages, isInsideFrame], [[utf8("one")], true]);
  });
});

test("delimited() looks at each byte of a long frame about once, however small the chunks are", () => {
  const decoder = delimited({ maxPayloadBytes: 1_000_000 }).createDecoder();
  const input = new Uint8Array(200_001).fill(65);
  input[200_000] = 10;
  let looked = 0;
  const spied = new Proxy(input, {
    get(target, name) {
      if (name !== "indexOf") return Reflect.get(target, name);
      return (byte: number, from: number) => {
        const at = target.indexOf(byte, from);
        looked += 1; // A native search from where the last one ended.
        assert(from >= 0);
        return at;
      };
    },
  });
  const frame = new Frame();
  for (let end = 1_000; end <= 200_000; end += 1_000) assertEquals(decoder.decode(input, 0, end, frame), 0);
  assertEquals(decoder.decode(spied, 0, input.length, frame), 200_001);
  assertEquals([frame.length, looked], [200_000, 1]);
});

/** An array that counts how many bytes its searches look at, also those of its parts. */
class Searched extends Uint8Array {
  static looked = 0;

  override indexOf(byte: number, from = 0): number {
    const at = super.indexOf(byte, from);
    Searched.looked += (at < 0 ? this.length : at + 1) - from;
    return at;
  }
}

test("delimited() does not search what is behind the bytes that came, when a line comes byte by byte", () => {
  for (const delimiter of [undefined, "\r\n", "--"]) {
    const decoder = delimited({ delimiter }).createDecoder();
    const input = new Searched(100_000).fill(65); // What is behind the line is no delimiter, so that a search would go on.
    const line = concat([pattern(1_000).fill(66), utf8(delimiter ?? "\n")]);
    const frame = new Frame();
    Searched.looked = 0;
    for (let end = 1; end < line.length; end++) {
      input[end - 1] = line[end - 1];
      assertEquals(decoder.decode(input, 0, end, frame), 0);
    }
    input.set(line);
    assertEquals(decoder.decode(input, 0, line.length, frame), line.length);
    assert(Searched.looked <= 4 * line.length, `looked at ${Searched.looked} bytes for a line of ${line.length}`);
  }
});

test("delimited() does not see a delimiter that lies behind the bytes that came", () => {
  for (const delimiter of ["\n", "\n\n", "aab"]) {
    const decoder = delimited({ delimiter }).createDecoder();
    const line = utf8(`xyz${delimiter}`);
    const input = concat([line, utf8(delimiter.repeat(20))]);
    const frame = new Frame();
    for (let end = 0; end < line.length; end++) assertEquals(decoder.decode(input, 0, end, frame), 0, `${end} bytes`);
    assertEquals([decoder.decode(input, 0, line.length, frame), frame.length], [line.length, 3]);
  }
});

test("delimited() takes any bytes as a delimiter, and copies them", () => {
  const delimiter = Uint8Array.of(0, 255, 0);
  const codec = delimited({ delimiter });
  delimiter.fill(7);
  assertMessages(codec, Uint8Array.of(1, 0, 255, 0, 0, 255, 0), [Uint8Array.of(1), Uint8Array.of()]);
});

test("delimited() refuses options that are out of range, of another type or name", () => {
  const make = delimited as (options: object) => ReturnType<typeof delimited>;
  assertRefusesOptions(make, RangeError, [
    [{ delimiter: "" }, "delimiter must have 1 to 255 bytes: current value has 0"],
    [{ delimiter: new Uint8Array(256) }, "current value has 256"],
    [{ maxPayloadBytes: -1 }, "maxPayloadBytes must be an integer"],
  ]);
  assertRefusesOptions(make, TypeError, [
    [{ delimiter: 10 }, "delimiter must be a text or a Uint8Array: current value is 10"],
    [{ keepDelimiter: 1 }, "keepDelimiter must be a boolean: current value is 1"],
    [{ delimeter: "\n" }, `current value is "delimeter"`],
  ]);
});

/** Whether a payload with its delimiter has no other before its end. */
function isSendable(payload: Uint8Array, delimiter: Uint8Array): boolean {
  const text = String.fromCharCode(...payload, ...delimiter);
  return text.indexOf(String.fromCharCode(...delimiter)) === payload.length;
}

test("delimited() takes lines as people send them: the carriage return is no part of the payload, nor of its length", () => {
  const codec = delimited({ maxPayloadBytes: 5 });
  const sent = "one\r\ntwo\n\r\n\nhello\r\nhello\na\rb\n";
  forEveryCut(utf8(sent), (chunks) => {
    const { messages, refusal } = readStream(codec.createDecoder(), chunks);
    assertEquals([messages.map((each) => new TextDecoder().decode(each)), refusal], [
      ["one", "two", "", "", "hello", "hello", "a\rb"],
      undefined,
    ]);
  });
  for (const line of ["hello!\n", "hello!\r\n", "hello\r\r\n", "hello! "]) {
    forEveryCut(utf8(line), (chunks) => {
      assertEquals(readStream(codec.createDecoder(), chunks).refusal, "too-large", JSON.stringify(line));
    });
  }
});

test("delimited() refuses a line that would arrive without its last character, and takes it with another delimiter", () => {
  assertThrows(() => encodeFrame(delimited(), utf8("a\r")), FrameError, "carriage return");
  assertEquals(encodeFrame(delimited(), utf8("a\rb")), utf8("a\rb\n"));
  assertEquals(encodeFrame(delimited({ delimiter: "\n" }), utf8("a\r")), utf8("a\r\n"));
  assertMessages(delimited({ delimiter: "\n" }), utf8("a\r\n"), [utf8("a\r")]);
  assertMessages(delimited({ keepDelimiter: true }), utf8("a\r\nb\n"), [utf8("a\r\n"), utf8("b\n")]);
});

test("delimited({ keepDelimiter: true }) sends every line that it receives, and none that a peer of the same limit refuses", () => {
  const codec = delimited({ keepDelimiter: true, maxPayloadBytes: 4 });
  const { maxPayloadBytes } = codec.createEncoder();
  for (const line of ["\n", "\r\n", "abcd\n", "abcd\r\n", "abc\r\n"]) {
    assertMessages(codec, utf8(line), [utf8(line)]);
    assert(line.length <= maxPayloadBytes, `${JSON.stringify(line)} is longer than ${maxPayloadBytes}`);
    assertEquals(encodeFrame(codec, utf8(line)), utf8(line));
  }
  assertEquals(maxPayloadBytes, 6);
  const tooLong = utf8("abcde\n");
  assertEquals(readStream(codec.createDecoder(), [tooLong]).refusal, "too-large");
  assertThrows(
    () => encodeFrame(codec, tooLong),
    FrameError,
    "Cannot encode payload as a line must have at most 4 bytes",
  );
  assertEquals(
    delimited({ delimiter: "\n", keepDelimiter: true, maxPayloadBytes: 4 }).createEncoder().maxPayloadBytes,
    5,
  );
});
