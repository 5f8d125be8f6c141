// nextState(): the table of a session's life.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { nextState, type SessionState } from "../../src/session/session_state.ts";

const STATES: readonly SessionState[] = ["opening", "open", "closing", "closed"];
const ALLOWED: readonly string[] = ["opening open", "open closing", "open closed", "closing closed"];

test("nextState() lets a session go forward as its table says, and nowhere else", () => {
  for (const from of STATES) {
    for (const to of STATES) {
      if (ALLOWED.includes(`${from} ${to}`)) assertEquals(nextState(from, to), to);
      else assertThrows(() => nextState(from, to), Error, `Cannot enter state ${to}`);
    }
  }
});
