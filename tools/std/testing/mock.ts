// Stand-in for `@std/testing/mock` where JSR cannot be reached: `spy()` of a function and the assertions on its calls.
// Spies on methods and stubs are not here. Runtime neutral.

import { assert, assertEquals, AssertionError } from "@std/assert";

/** One call of a spy. */
export interface SpyCall<Self, Args extends unknown[], Return> {
  args: Args;
  self?: Self;
  returned?: Return;
  error?: Error;
}

/** A function that keeps its calls. */
export interface Spy<Self, Args extends unknown[], Return> {
  (this: Self, ...args: Args): Return;
  original: (this: Self, ...args: Args) => Return;
  calls: SpyCall<Self, Args, Return>[];
}

/** Makes a spy that does nothing. */
// deno-lint-ignore no-explicit-any -- as in the real package: such a spy takes anything.
export function spy<Self = any, Args extends unknown[] = any[]>(): Spy<Self, Args, undefined>;
/** Makes a spy around `func`. */
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
export function spy(func: (...args: unknown[]) => unknown = () => undefined): Spy<unknown, unknown[], unknown> {
  const calls: SpyCall<unknown, unknown[], unknown>[] = [];
  function spied(this: unknown, ...args: unknown[]): unknown {
    const call: SpyCall<unknown, unknown[], unknown> = { args };
    if (this !== undefined) call.self = this;
    calls.push(call);
    try {
      call.returned = func.apply(this, args);
      return call.returned;
    } catch (error) {
      call.error = error as Error;
      throw error;
    }
  }
  return Object.assign(spied, { original: func, calls });
}

/** Asserts that the spy was called `expectedCalls` times. */
export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  expectedCalls: number,
): void {
  const count = spy.calls.length;
  if (count === expectedCalls) return;
  const message = count < expectedCalls ? "Spy not called as much as expected" : "Spy called more than expected";
  throw new AssertionError(`${message}: ${count} calls, expected ${expectedCalls}`);
}

/** Asserts that the spy's call `callIndex` had these arguments, and returned this. */
export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  expected: { args?: [...Args, ...unknown[]]; returned?: Return } = {},
): void {
  const call = spy.calls[callIndex];
  assert(call !== undefined, `Spy not called as much as expected: ${spy.calls.length} calls`);
  if (expected.args !== undefined) assertEquals<unknown>(call.args, expected.args);
  if ("returned" in expected) assertEquals(call.returned, expected.returned);
}
