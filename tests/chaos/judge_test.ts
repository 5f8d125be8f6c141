import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { type Account, type Circumstances, emptyTally, judgeDirection, readLedger } from "./judge.ts";

const CLOSED: Account = {
  sent: 10,
  got: 0,
  end: { reason: "local-closing", unsentFrames: 0, isConfirmed: true },
  hadQueue: false,
  port: 1,
};
const READ: Account = {
  sent: 0,
  got: 10,
  end: { reason: "remote-closing", unsentFrames: 0, isConfirmed: false },
  hadQueue: false,
  port: 1,
};
const CALM: Circumstances = { killed: undefined, deceived: undefined, isBroken: false };

const faultsOf = (from: Partial<Account>, to: Partial<Account>, circumstances: Partial<Circumstances> = {}) =>
  judgeDirection({ ...CLOSED, ...from }, { ...READ, ...to }, "client", { ...CALM, ...circumstances }, emptyTally());
const endOf = (change: Partial<NonNullable<Account["end"]>>) => ({
  end: { reason: "local-closing", unsentFrames: 0, isConfirmed: true, ...change } as const,
});

test("readLedger() counts what was accepted, what came, and how it ended", () => {
  const accounts = new Map<string, Account>();
  const end = '{"reason":"local-closing","unsentFrames":1,"isConfirmed":false,"error":"it is gone"}';
  const lines = ["open 1.2 40", "sent 1.2 0", "sent 1.2 1", "undo 1.2 1", "got 1.2 0", `end 1.2 ${end}`];
  assertEquals(readLedger(lines, accounts), []);
  assertEquals(accounts.get("1.2"), { sent: 1, got: 1, hadQueue: false, end: JSON.parse(end), port: 40 });
});

test("readLedger() finds a wrong message, and a second end", () => {
  const accounts = new Map<string, Account>();
  assertEquals(readLedger(["bad 1.2 5 bytes"], accounts), ["bad 1.2 5 bytes"]);
  assertEquals(readLedger(["end 1.2 {}", "end 1.2 {}"], accounts), ["end 1.2 {}"]);
});

test("judgeDirection() finds what is lost before a clean close", () => {
  assertEquals(faultsOf({}, {}), []);
  const lost = "9 of 10 came before a clean close, with 0 unsent";
  assertEquals(faultsOf(endOf({ isConfirmed: false }), { got: 9 }, { isBroken: true }), [lost]);
  assertEquals(faultsOf(endOf({ isConfirmed: false, unsentFrames: 1 }), { got: 9 }, { isBroken: true }), []);
  assertEquals(faultsOf(endOf({ isConfirmed: false }), { got: 9 }, { deceived: "server", isBroken: true }), []);
});

test("judgeDirection() finds what nobody sent", () => {
  assertEquals(faultsOf({}, { got: 11 }), ["11 came of 10"]);
});

test("judgeDirection() finds an end that was confirmed and should not, and one that was not and should", () => {
  const reset = endOf({ reason: "reset" });
  assertEquals(faultsOf({}, { got: 9, ...reset }), ["confirmed, and 9 of 10 came"]);
  assertEquals(faultsOf(endOf({ unsentFrames: 1 }), { got: 10 }), ["confirmed, with frames unsent"]);
  assertEquals(faultsOf(endOf({ isConfirmed: false }), {}), ["a clean close was not confirmed, with 0 unsent"]);
  assertEquals(faultsOf(endOf({ isConfirmed: false }), {}, { killed: "server" }), []);
  const closing = endOf({ reason: "local-closing" });
  assertEquals(faultsOf(endOf({ reason: "remote-closing" }), closing), ["confirmed, and it ended with remote-closing"]);
});

test("judgeDirection() lets ends pass that cross, as the documentation of isConfirmed says", () => {
  assertEquals(faultsOf({}, { got: 9, ...endOf({ reason: "shutdown" }) }), []);
  assertEquals(faultsOf({}, { got: 9, end: undefined }, { killed: "server" }), []);
});
