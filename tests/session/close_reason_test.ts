// Why a session ended, as its connection and its frames tell.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { ConnectionError, FrameError, PoolError } from "@laster/net";
import { detailOf, reasonOfEnd, reasonOfFrame } from "../../src/session/close_reason.ts";

test("reasonOfEnd() tells a connection that is gone between frames from one inside a frame, unless it had an error", () => {
  assertEquals([reasonOfEnd(undefined, false), reasonOfEnd(undefined, true)], ["remote-closing", "truncated"]);
  for (const isInsideFrame of [false, true]) {
    const reasons = (["reset", "timeout"] as const).map((code) =>
      reasonOfEnd(new ConnectionError(code), isInsideFrame)
    );
    assertEquals(reasons, ["reset", "socket-error"]);
  }
});

test("detailOf() gives the code of a FrameError, and nothing of one whose code is no text or refuses to be read", () => {
  const withCode = (error: Error, code: PropertyDescriptor) => Object.defineProperty(error, "code", code);
  const refuses = () => {
    throw new Error("no");
  };
  const frameError = () => new FrameError("malformed", "wrong");
  const odd = [withCode(frameError(), { value: 5 }), withCode(frameError(), { get: refuses })];
  assertEquals([frameError(), new Error("other"), undefined, ...odd].map(detailOf), [
    "malformed",
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const full = new PoolError("over-budget", "full");
  assertEquals([full, frameError(), ...odd].map(reasonOfFrame), [
    "over-budget",
    "decode-error",
    "decode-error",
    "decode-error",
  ]);
  assertEquals(reasonOfFrame(withCode(new PoolError("over-budget", "full"), { get: refuses })), "decode-error");
});
