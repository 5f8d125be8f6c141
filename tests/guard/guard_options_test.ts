// What the guard's parts refuse: names that they do not know, and values of the wrong type, when made and when changed.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import {
  AddressFilter,
  ConnectionLimits,
  guard,
  MessageLimits,
  MessageValidator,
  onePattern,
  SlowPeers,
  tooLong,
  tooShort,
} from "@laster/net/guard";
import { FakeClock } from "@laster/net/testing";

/** What an option is not; typed as anything, as JavaScript passes anything. */
// deno-lint-ignore no-explicit-any
const odd = (...values: unknown[]): any[] => values;

test("AddressFilter refuses unknown names, and lists that are none, when made and when changed", () => {
  const filter = new AddressFilter({ deny: ["192.0.2.1"] });
  const wrong: readonly [rules: unknown, message: string][] = [
    [{ denny: ["192.0.2.2"] }, "did you mean deny?"],
    ...odd(null, "192.0.2.2", true, 5).map((rules) => [rules, "its options must be an object"] as [unknown, string]),
    ...odd(null, "", "192.0.2.2", true, 0, {}, Symbol("odd")).flatMap((list) => [
      [{ allow: list }, "allow must be a list of addresses"] as [unknown, string],
      [{ deny: list }, "deny must be a list of addresses"] as [unknown, string],
    ]),
  ];
  for (const [rules, message] of wrong) {
    assertThrows(() => new AddressFilter(rules as object), TypeError, message);
    assertThrows(() => guard({ addresses: rules as object }), TypeError, message);
    assertThrows(() => filter.change(rules as object), TypeError, message);
    assertThrows(() => guard().change({ addresses: rules as object }), TypeError, message);
  }
  assertEquals([filter.isAllowed("192.0.2.1"), filter.isAllowed("192.0.2.2")], [false, true], "nothing has changed");
  filter.change({ allow: undefined, deny: new Set(["192.0.2.2"]) });
  assertEquals([filter.isAllowed("192.0.2.1"), filter.isAllowed("192.0.2.2")], [true, false]);
});

test("guard() refuses a part that is neither options nor false", () => {
  for (const name of ["connections", "load", "slowPeers", "messages", "validator"] as const) {
    for (const value of odd(null, true, 0, 1, "", "off", Symbol("odd"), () => {})) {
      const message = `${name} must be an object${name === "validator" ? "" : " or false"}`;
      assertThrows(() => guard({ [name]: value }), TypeError, message);
      assertThrows(() => guard().change({ [name]: value }), TypeError, message);
    }
    guard({ [name]: undefined });
  }
  assertThrows(() => guard({ validator: false as never }), TypeError, "validator must be an object");
  for (const value of odd(null, true, "all")) assertThrows(() => guard(value), TypeError, "must be an object");
});

test("countLoopback is a boolean, in every part that has it", () => {
  for (const value of odd(null, 0, 1, "false", {})) {
    const options = { countLoopback: value };
    const message = "countLoopback must be true or false";
    for (const Part of [ConnectionLimits, SlowPeers, MessageValidator]) {
      assertThrows(() => new Part(options), TypeError, message);
      assertThrows(() => new Part().change(options), TypeError, message);
    }
  }
});

test("guard.change() refuses to leave out a part that is there", () => {
  for (const name of ["connections", "load", "slowPeers", "messages"] as const) {
    const guarded = guard();
    const message = `${name} cannot be left out of a guard that has it`;
    assertThrows(
      () => guarded.change({ [name]: false, addresses: { deny: ["192.0.2.1"] } }),
      TypeError,
      message,
    );
    assertEquals(guarded.addresses.isAllowed("192.0.2.1"), true, "nothing has changed");
    guard({ [name]: false }).change({ [name]: false });
  }
});

test("handlers and lengths that are none are refused when they are given, not at the first message", () => {
  for (const nothing of odd(undefined, null, {}, "f")) {
    assertThrows(() => guard().protect(nothing), TypeError, "handler must be a function");
    assertThrows(() => guard({ messages: false }).protect(nothing), TypeError, "handler must be a function");
    assertThrows(() => new MessageLimits().wrap(nothing), TypeError, "handler must be a function");
    assertThrows(() => new MessageValidator().wrap(nothing, () => {}), TypeError, "validate must be a function");
    assertThrows(() => new MessageValidator().wrap(tooShort(2), nothing), TypeError, "handler must be a function");
  }
  assertThrows(() => guard().protect(() => {}, null as never), TypeError, "validate must be a function");
  for (const length of odd("2", -1, 1.5, NaN, null)) {
    assertThrows(() => tooShort(length), RangeError, "leastBytes");
    assertThrows(() => tooLong(length), RangeError, "mostBytes");
    assertThrows(() => onePattern(length), RangeError, "leastBytes");
  }
  assertThrows(() => guard([] as never), TypeError, "its options must be an object: current value is an array");
});

test("guard()'s clock is that of a part whose clock is undefined; null is refused", () => {
  for (const name of ["connections", "load", "slowPeers", "messages", "validator"] as const) {
    assertThrows(() => guard({ clock: new FakeClock(), [name]: { clock: null } }), TypeError, "clock");
  }
  const session = {
    origin: { kind: "accepted", listener: { address: {} } },
    remoteAddress: { kind: "unix", path: "" },
  };
  for (const name of ["load", "slowPeers"] as const) {
    for (const part of [{}, { clock: undefined }]) {
      const clock = new FakeClock();
      const guarded = guard({ clock, [name]: part });
      guarded[name]?.onOpened(session as never);
      assertEquals(clock.timerCount, 1, `${name} with ${Object.keys(part)}`);
      guarded[name]?.onClosed(session as never);
    }
  }
});
