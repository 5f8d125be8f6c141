// A recording as text: back and forth without a loss, and what is none is refused with its line.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { Recording, type RecordingParts } from "@laster/net/recorder";
import { pattern } from "../support.ts";

const received = pattern(30);
const sent = pattern(7, 3);
const PARTS: RecordingParts = {
  origin: "accepted",
  localAddress: { kind: "tcp", hostname: "127.0.0.1", port: 80 },
  remoteAddress: { kind: "unix", path: "" },
  isTls: true,
  startedAtMs: 1_785_000_000_000.125,
  missingReceivedBytes: 70,
  missingSentBytes: 0,
  received: new Uint8Array(received),
  sent: new Uint8Array(sent),
  entries: [
    { timeMs: 0.25, kind: "received", bytes: new Uint8Array(received.subarray(0, 10)), length: 80 },
    { timeMs: 0.5, kind: "sent", bytes: new Uint8Array(sent), length: 7 },
    { timeMs: 1, kind: "received", bytes: new Uint8Array(received.subarray(10)), length: 20 },
    { timeMs: 2, kind: "received-end", bytes: new Uint8Array(0), length: 0 },
    { timeMs: 3, kind: "discarded", bytes: new Uint8Array(0), length: 4_000 },
    { timeMs: 4.125, kind: "gone", bytes: new Uint8Array(0), length: 0 },
  ],
  end: { reason: "decode-error", detail: "too-large", error: 'a "fault"\nof two lines', connectionError: "reset" },
};

test("Recording.parse() reads what toJsonLines() writes, whole", () => {
  const recording = new Recording(PARTS);
  const text = recording.toJsonLines();
  assertEquals(text.split("\n").length, 8, "a line each, and the end of the last");
  const read = Recording.parse(text);
  for (const name of Object.keys(PARTS) as (keyof RecordingParts)[]) assertEquals(read[name], recording[name], name);
  assertEquals([read.toJsonLines(), read.isWhole], [text, false]);
  read.received.fill(9);
  assertEquals([...read.entries[0].bytes], Array.from({ length: 10 }, () => 9), "the entries show the same bytes");
});

test("Recording.parse() reads one without an end, and without entries, and with lines of Windows", () => {
  const recording = new Recording({ ...PARTS, entries: [], end: undefined, received: new Uint8Array(0) });
  const read = Recording.parse(recording.toJsonLines().replaceAll("\n", "\r\n"));
  assertEquals([read.end, read.entries, read.received.length], [undefined, [], 0]);
});

test("Recording.parse() refuses what is none, and names the line", () => {
  const text = new Recording(PARTS).toJsonLines();
  const refuses = (broken: string, message: string) =>
    assertThrows(() => Recording.parse(broken), TypeError, `Cannot read recording as line ${message}`);
  refuses("", "1 must be the head of a recording");
  refuses("[1", '1 must be an object of JSON: current value is "[1"');
  refuses("{}", "1 must have the format laster-recording: current value is undefined");
  refuses(text.replace('"version":1', '"version":2'), "1 must have the version 1: current value is 2");
  refuses(text.replace('"origin":"accepted"', '"origin":"found"'), "1 must have an origin");
  refuses(text.replace('"kind":"unix"', '"kind":"udp"'), "1 must have two addresses");
  refuses(text.replace('"missingSentBytes":0', '"missingSentBytes":-1'), "1 must have missingSentBytes");
  refuses(text.replace('"kind":"sent"', '"kind":"lost"'), "3 must have a kind of received, sent,");
  refuses(text.replace('"bytes":"03', '"bytes":"0'), "3 must have bytes in hexadecimal digits");
  refuses(text.replace('"timeMs":4.125', '"timeMs":null'), "7 must have timeMs");
  for (const length of [1e10, 4_294_967_296, -1, 1.5, "7", null]) {
    const broken = text.replace('"length":4000', `"length":${JSON.stringify(length)}`);
    refuses(broken, "6 must have length, an integer from 0 to 4294967295");
  }
  refuses(text.replace('"length":80', '"length":9'), "2 must have length, an integer from 10 to 4294967295");
  refuses(text.replace(/"startedAtMs":[\d.]+/, '"startedAtMs":1e300'), "1 must have startedAtMs");
  refuses(text.slice(0, -20), "7 must be an object of JSON");
});
