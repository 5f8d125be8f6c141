// isThenable() and whenSettled(): what a handler returned, though it may be hostile.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { isThenable, whenSettled } from "../../src/session/handler_result.ts";
import { turn } from "../support.ts";

/** Says how often, and with what, the callbacks were called. */
async function settle(value: unknown): Promise<string[]> {
  const log: string[] = [];
  whenSettled(
    value as PromiseLike<unknown>,
    () => log.push("fulfilled"),
    (fault) => log.push(`rejected ${typeof fault === "object" ? "object" : String(fault)}`),
  );
  assertEquals(log, [], "later, in any case");
  await turn();
  return log;
}

test("whenSettled() calls exactly one callback once, whatever a then() does", async () => {
  const then = (run: (resolve: (value?: unknown) => void, reject: (fault: unknown) => void) => void) => ({ then: run });
  assertEquals(await settle(Promise.resolve(1)), ["fulfilled"]);
  assertEquals(await settle(Promise.reject("no")), ["rejected no"]);
  assertEquals(await settle(then((resolve) => (resolve(), resolve()))), ["fulfilled"]);
  assertEquals(await settle(then((resolve, reject) => (reject("a"), resolve(), reject("b")))), ["rejected a"]);
  assertEquals(
    await settle(then((resolve) => {
      resolve();
      throw "late";
    })),
    ["fulfilled"],
  );
  assertEquals(
    await settle(then(() => {
      throw Object.create(null);
    })),
    ["rejected object"],
  );
  assertEquals(await settle(then(() => {})), [], "one that never settles");
});

test("whenSettled() does not use the then() or the constructor that a promise has of its own", async () => {
  const odd = Promise.resolve();
  Object.defineProperty(odd, "then", {
    value: () => {
      throw new Error("mine");
    },
  });
  assertEquals(await settle(odd), ["fulfilled"]);
  const hostile = Promise.resolve();
  Object.defineProperty(hostile, "constructor", {
    get() {
      throw "constructor";
    },
  });
  assertEquals(await settle(hostile), ["rejected constructor"]);
});

test("isThenable() throws what the getter of then throws, where the caller looks for it", () => {
  const getter = {
    get then(): unknown {
      throw new RangeError("getter");
    },
  };
  assertThrows(() => isThenable(getter), RangeError, "getter");
});
