// Why a session ended, as its connection and its frames tell.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { ConnectionError } from "@laster/net";
import { reasonOfEnd } from "../../src/session/close_reason.ts";

test("reasonOfEnd() tells a connection that is gone between frames from one inside a frame, unless it had an error", () => {
  assertEquals([reasonOfEnd(undefined, false), reasonOfEnd(undefined, true)], ["remote-closing", "truncated"]);
  for (const isInsideFrame of [false, true]) {
    const reasons = (["reset", "timeout"] as const).map((code) =>
      reasonOfEnd(new ConnectionError(code), isInsideFrame)
    );
    assertEquals(reasons, ["reset", "socket-error"]);
  }
});
