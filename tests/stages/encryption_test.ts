// Tests of encryption(). Runtime neutral.

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { equals } from "@std/bytes";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import { FrameError } from "@laster/net";
import { encryption, type SessionKeys, type StageDecoder } from "@laster/net/stages";
import { Decryptor, Encryptor } from "../../src/stages/encryption.ts";
import { pattern } from "../codec/streams.ts";
import { check } from "../property.ts";
import { bytesOf, frameOf, makeKeys, noise, StageRun } from "./stacks.ts";

const HEADER_BYTES = 8;
const TAG_BYTES = 16;

function makeEnds(keyBytes: number = 32): { readonly near: StageRun; readonly far: StageDecoder } {
  return {
    near: new StageRun(encryption(makeKeys("near", 0, keyBytes))),
    far: encryption(makeKeys("far", 0, keyBytes)).createDecoder(),
  };
}

function decode(decoder: StageDecoder, bytes: Uint8Array): Uint8Array {
  const frame = frameOf(bytes);
  decoder.decode(frame);
  return bytesOf(frame);
}

function codeOf(decoder: StageDecoder, bytes: Uint8Array): string {
  return assertThrows(() => decode(decoder, bytes), FrameError).code;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

test("encryption() round-trips payloads under keys of 16 and 32 bytes, empty ones too", () => {
  for (const keyBytes of [16, 32]) {
    const { near, far } = makeEnds(keyBytes);
    for (const length of [0, 1, 15, 16, 17, 1_000, 65_536, 0]) {
      const bytes = near.encode(pattern(length));
      assertEquals(bytes.length, length + HEADER_BYTES + TAG_BYTES);
      assertEquals(decode(far, bytes), pattern(length));
    }
  }
});

test("encryption() writes what Web Crypto decrypts as AES-GCM, with number and length authenticated", async () => {
  const key = Uint8Array.from(pattern(32, 5));
  const bytes = new StageRun(encryption({ sendKey: key, receiveKey: pattern(32, 6) })).encode(pattern(100));
  const cryptoKey = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const additionalData = Uint8Array.of(0, 0, 0, 0, 100, 0, 0, 0);
  const algorithm = { name: "AES-GCM", iv: new Uint8Array(12), additionalData };
  const plain = await crypto.subtle.decrypt(algorithm, cryptoKey, bytes.slice(HEADER_BYTES));
  assertEquals(bytes.subarray(0, HEADER_BYTES), additionalData);
  assertEquals(new Uint8Array(plain), pattern(100));
});

test("encryption() counts its frames up on the wire, so that no nonce comes twice", () => {
  const { near } = makeEnds();
  const frames = Array.from({ length: 600 }, () => near.encode(new Uint8Array(40)));
  assertEquals(frames.map(numberOf), [...frames.keys()]);
  assertEquals(new Set(frames.map((bytes) => bytes.subarray(HEADER_BYTES).join())).size, 600);
});

test("encryption() leaves nothing of the payload to be seen, and encrypts each direction another way", () => {
  const text = new TextEncoder().encode("attack at dawn, attack at dawn, attack at dawn");
  const near = new StageRun(encryption(makeKeys("near"))).encode(text);
  const far = new StageRun(encryption(makeKeys("far"))).encode(text);
  assertEquals(new TextDecoder().decode(near).includes("attack"), false);
  assertNotEquals(near, far);
});

test("encryption() refuses a frame when any one bit is another: as tampered, or as incomplete if it says to be longer", () => {
  const bytes = makeEnds().near.encode(pattern(40));
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = bytes.slice();
    changed[bit >>> 3] ^= 1 << (bit & 7);
    const isLonger = new DataView(changed.buffer).getUint32(4, true) > 40;
    assertEquals(codeOf(makeEnds().far, changed), isLonger ? "incomplete" : "tampered");
  }
});

test("encryption() refuses a frame when several bytes are others, at random", () => {
  const bytes = makeEnds().near.encode(noise(60));
  const changes = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 5,
  });
  check(fc.property(changes, (list) => {
    const changed = bytes.slice();
    for (const [index, mask] of list) changed[index] ^= mask;
    if (equals(changed, bytes)) return;
    const isLonger = new DataView(changed.buffer).getUint32(4, true) > 60;
    assertEquals(codeOf(makeEnds().far, changed), isLonger ? "incomplete" : "tampered");
  }));
});

test("encryption() refuses a frame as incomplete when it is shorter than it says, down to nothing", () => {
  const bytes = makeEnds().near.encode(pattern(40));
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(codeOf(makeEnds().far, bytes.subarray(0, length)), "incomplete");
  }
});

test("encryption() refuses a frame as tampered when there is more than it says, or its tag is another's", () => {
  const { near, far } = makeEnds();
  const [first, second] = [near.encode(pattern(40)), near.encode(pattern(40))];
  assertEquals(codeOf(far, concat([first, Uint8Array.of(0)])), "tampered");
  assertEquals(codeOf(far, concat([first.subarray(0, -TAG_BYTES), second.subarray(-TAG_BYTES)])), "tampered");
  assertEquals(codeOf(far, concat([first.subarray(0, -TAG_BYTES), new Uint8Array(TAG_BYTES)])), "tampered");
});

test("encryption() refuses a frame as replayed when it comes again, too early or too late", () => {
  // What comes: the last is refused, those before are taken.
  const orders: readonly (readonly number[])[] = [[0, 0], [0, 1, 0], [0, 1, 1], [1], [0, 2], [2]];
  for (const order of orders) {
    const { near, far } = makeEnds();
    const frames = [0, 1, 2].map((seed) => near.encode(pattern(30, seed)));
    for (const index of order.slice(0, -1)) assertEquals(decode(far, frames[index]), pattern(30, index));
    assertEquals(codeOf(far, frames[order[order.length - 1]]), "replayed");
  }
});

test("encryption() refuses a frame as tampered when it is of another key, another session or the other direction", () => {
  const { far } = makeEnds();
  assertEquals(codeOf(far, new StageRun(encryption(makeKeys("near", 1))).encode(pattern(40))), "tampered");
  assertEquals(codeOf(far, new StageRun(encryption(makeKeys("near", 0, 16))).encode(pattern(40))), "tampered");
  assertEquals(codeOf(far, new StageRun(encryption(makeKeys("far"))).encode(pattern(40))), "tampered");
});

test("encryption() hands on nothing of a frame that it refuses", () => {
  const { near, far } = makeEnds();
  const bytes = near.encode(pattern(40));
  bytes[20] ^= 1;
  const frame = frameOf(bytes);
  const before = bytesOf(frame);
  assertThrows(() => far.decode(frame), FrameError);
  assertEquals(bytesOf(frame), before);
});

test("encryption() leaves the received bytes as they are", () => {
  const { near, far } = makeEnds();
  const frame = frameOf(near.encode(pattern(40)));
  const { buffer } = frame;
  const before = buffer.slice();
  far.decode(frame);
  assertEquals(buffer, before);
  assertEquals(frame.buffer === buffer, false);
});

test("encryption() throws a TypeError when a second encoder or decoder is asked for", () => {
  const stage = encryption(makeKeys("near"));
  stage.createDecoder();
  stage.createEncoder();
  assertThrows(() => stage.createEncoder(), TypeError, "Cannot create another encoder");
  assertThrows(() => stage.createDecoder(), TypeError, "Cannot create another decoder");
});

test("encryption() throws a RangeError when both keys are the same, or one is not of 16 or 32 bytes", () => {
  const key = pattern(32);
  assertThrows(() => encryption({ sendKey: key, receiveKey: key.slice() }), RangeError, "both are the same");
  for (const length of [0, 15, 17, 24, 31, 33]) {
    const wrong = pattern(length, 1);
    assertThrows(() => encryption({ sendKey: wrong, receiveKey: key }), RangeError, `current value has ${length}`);
    assertThrows(() => encryption({ sendKey: key, receiveKey: wrong }), RangeError, `current value has ${length}`);
  }
  const text = { sendKey: "a key of 16 bytes", receiveKey: key } as unknown as SessionKeys;
  assertThrows(() => encryption(text), RangeError, "must be a Uint8Array");
  assertThrows(() => encryption({ receiveKey: key } as SessionKeys), RangeError, "current value has undefined");
  assertThrows(() => encryption({ ...makeKeys("near"), key } as SessionKeys), TypeError, `"key"`);
});

test("encryption() copies its keys", () => {
  const keys = makeKeys("near");
  const stage = encryption(keys);
  keys.sendKey.fill(0);
  assertEquals(decode(makeEnds().far, new StageRun(stage).encode(pattern(9))), pattern(9));
});

test("encryption() refuses to encrypt more than 2^32 frames under one key, and takes none after the last", () => {
  const key = pattern(32);
  const encryptor = new Encryptor(key, 2 ** 32 - 1);
  const decryptor = new Decryptor(key, 2 ** 32 - 1);
  const last = new Uint8Array(33);
  assertEquals(encryptor.encode(pattern(9), 0, 9, last, 0), 33);
  assertEquals(numberOf(last), 2 ** 32 - 1);
  assertEquals(decode(decryptor, last), pattern(9));
  const error = assertThrows(() => encryptor.encode(pattern(9), 0, 9, new Uint8Array(33), 0), FrameError);
  assertEquals(error.code, "codec-fault");
  assertThrows(() => encryptor.encode(pattern(9), 0, 9, new Uint8Array(33), 0), FrameError);
  const zeroth = new Uint8Array(33);
  new Encryptor(key).encode(pattern(9), 0, 9, zeroth, 0);
  for (const bytes of [last, zeroth]) assertEquals(codeOf(decryptor, bytes), "replayed");
});

test("encryption() counts a frame that could not be written, so that its nonce is not used again", () => {
  const encryptor = new Encryptor(pattern(32));
  assertThrows(() => encryptor.encode(pattern(9), 0, 9, new Uint8Array(20), 0), RangeError);
  const next = new Uint8Array(33);
  encryptor.encode(pattern(9), 0, 9, next, 0);
  assertEquals(numberOf(next), 1);
});
