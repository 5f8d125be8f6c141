// Tests of deriveSessionKeys(). Runtime neutral.

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { deriveSessionKeys, type SessionKeyOptions } from "@laster/net/stages";
import { pattern } from "../codec/streams.ts";
import { check } from "../property.ts";

const GIVEN: SessionKeyOptions = { secret: pattern(32, 1), ownHello: pattern(16, 2), peerHello: pattern(40, 3) };

const inputs = fc.uint8Array({ minLength: 16, maxLength: 80 });

test("deriveSessionKeys() gives each side's send key to the other as receive key, at random", () => {
  check(fc.property(inputs, inputs, inputs, (secret, one, other) => {
    fc.pre(one.join() !== other.join());
    const near = deriveSessionKeys({ secret, ownHello: one, peerHello: other });
    const far = deriveSessionKeys({ secret, ownHello: other, peerHello: one });
    assertEquals([near.sendKey, near.receiveKey], [far.receiveKey, far.sendKey]);
    assertEquals([near.sendKey.length, near.receiveKey.length], [32, 32]);
    assertNotEquals(near.sendKey, near.receiveKey);
  }));
});

test("deriveSessionKeys() gives the same keys for the same input, and others when one bit of any is another", () => {
  const keys = deriveSessionKeys(GIVEN);
  assertEquals(deriveSessionKeys(GIVEN), keys);
  for (const name of ["secret", "ownHello", "peerHello"] as const) {
    for (let index = 0; index < GIVEN[name].length; index++) {
      const changed = GIVEN[name].slice();
      changed[index] ^= 0x80;
      const others = deriveSessionKeys({ ...GIVEN, [name]: changed });
      assertNotEquals(others.sendKey, keys.sendKey);
      assertNotEquals(others.receiveKey, keys.receiveKey);
    }
  }
});

test("deriveSessionKeys() gives other keys when the hellos are cut at another place", () => {
  const whole = pattern(64);
  const at = (place: number) =>
    deriveSessionKeys({ ...GIVEN, ownHello: whole.subarray(0, place), peerHello: whole.subarray(place) });
  const keys = Array.from({ length: 33 }, (_, index) => at(16 + index).sendKey.join());
  assertEquals(new Set(keys).size, keys.length);
});

test("deriveSessionKeys() throws a RangeError when the peer sent our hello back", () => {
  const ownHello = pattern(32, 5);
  assertThrows(
    () => deriveSessionKeys({ ...GIVEN, ownHello, peerHello: ownHello.slice() }),
    RangeError,
    "sent back ours",
  );
});

test("deriveSessionKeys() throws a RangeError when an input is shorter than 16 bytes or no bytes", () => {
  for (const name of ["secret", "ownHello", "peerHello"] as const) {
    assertThrows(
      () => deriveSessionKeys({ ...GIVEN, [name]: pattern(15) }),
      RangeError,
      `${name} must be a Uint8Array`,
    );
    assertThrows(() => deriveSessionKeys({ ...GIVEN, [name]: undefined } as never), RangeError, "undefined");
    assertThrows(() => deriveSessionKeys({ ...GIVEN, [name]: "sixteen bytes ok" } as never), RangeError, name);
    assertEquals(deriveSessionKeys({ ...GIVEN, [name]: pattern(16) }).sendKey.length, 32);
  }
});
