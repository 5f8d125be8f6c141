// Stand-in for `@std/assert` where JSR cannot be reached: the part that this project uses, same names and signatures.
// Never laxer than the real package: at times stricter, as `node:assert/strict` is. Runtime neutral.

import nodeAssert from "node:assert/strict";

// deno-lint-ignore no-explicit-any -- as in the real package: any constructor will do.
type ErrorConstructor<E extends Error> = new (...args: any[]) => E;

/** What every assertion here throws. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Asserts that `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is false {
  if (expr) throw new AssertionError(msg);
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Asserts that both are deeply equal and of the same class; byte arrays of any size are compared at full speed. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  const difference = findDifference(actual, expected);
  if (difference !== undefined) throw new AssertionError(`Values are not equal${suffix(msg)}\n${difference}`);
}

/** Asserts that both are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (findDifference(actual, expected) !== undefined) return;
  throw new AssertionError(`Expected actual: ${show(actual)} not to be: ${show(expected)}${suffix(msg)}`);
}

/** Asserts that both are the same value, as `Object.is` sees it. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw new AssertionError(
    `Values are not strictly equal${suffix(msg)}\nactual: ${show(actual)}\nexpected: ${show(expected)}`,
  );
}

/** Asserts that both are not the same value, as `Object.is` sees it. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(`Expected "actual" to not be strictly equal to: ${show(actual)}${suffix(msg)}`);
}

/** Asserts that `actual` is neither undefined nor null. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(`Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`);
}

/** Asserts that `actual` is an instance of `expectedType`. */
// deno-lint-ignore no-explicit-any -- as in the real package: any constructor will do.
export function assertInstanceOf<T extends abstract new (...args: any[]) => any>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    msg || `Expected object to be an instance of "${expectedType.name}" but was ${show(actual)}`,
  );
}

/** Asserts that `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`);
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`);
}

/** Asserts `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) failOrder(actual, ">", expected, msg);
}

/** Asserts `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) failOrder(actual, ">=", expected, msg);
}

/** Asserts `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) failOrder(actual, "<", expected, msg);
}

/** Asserts `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) failOrder(actual, "<=", expected, msg);
}

/** Asserts that both differ by at most `tolerance`; without one, by a ten-millionth of `expected`. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(expected - actual) <= allowed) return;
  throw new AssertionError(`Expected actual: "${actual}" to be close to "${expected}"${suffix(msg)}`);
}

/** Asserts that `error` is an error, of a class if one is given, and that its message has a part or matches. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any -- as in the real package: any constructor will do.
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) throw new AssertionError(`Expected "error" to be an Error object${suffix(msg)}`);
  if (ErrorClass !== undefined && !(error instanceof ErrorClass)) {
    const was = `but was "${error.constructor.name}": ${error.message}`;
    throw new AssertionError(`Expected error to be instance of "${ErrorClass.name}", ${was}${suffix(msg)}`);
  }
  if (msgMatches === undefined) return;
  const { message } = error;
  if (typeof msgMatches === "string" ? message.includes(msgMatches) : msgMatches.test(message)) return;
  throw new AssertionError(`Expected error message to include "${msgMatches}", but got "${message}"${suffix(msg)}`);
}

/** Asserts that `fn` throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that `fn` throws an `ErrorClass` whose message has `msgIncludes`, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  return checkThrown(thrown as { error: unknown } | undefined, "throw", classOrMsg, msgIncludes, msg);
}

/** Asserts that the promise of `fn` rejects, and returns what it rejected with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the promise of `fn` rejects with an `ErrorClass` whose message has `msgIncludes`, and returns it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  let promise: PromiseLike<unknown> | undefined;
  let thrown: { error: unknown } | undefined;
  try {
    promise = fn();
    await promise;
  } catch (error) {
    thrown = { error };
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(`Function throws when expected to reject${suffix(msg)}`, { cause: thrown?.error });
  }
  return checkThrown(thrown, "reject", classOrMsg, msgIncludes, msg);
}

function checkThrown(
  thrown: { error: unknown } | undefined,
  verb: "throw" | "reject",
  classOrMsg?: ErrorConstructor<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const text = typeof classOrMsg === "string" ? classOrMsg : msg;
  if (thrown === undefined) throw new AssertionError(`Expected function to ${verb}${suffix(text)}`);
  if (typeof classOrMsg === "function") assertIsError(thrown.error, classOrMsg, msgIncludes, text);
  return thrown.error;
}

/** What differs, in words; undefined if nothing does. */
function findDifference(actual: unknown, expected: unknown): string | undefined {
  if (actual instanceof Uint8Array && expected instanceof Uint8Array) {
    if (Object.getPrototypeOf(actual) === Object.getPrototypeOf(expected)) return findByteDifference(actual, expected);
  }
  try {
    nodeAssert.deepStrictEqual(actual, expected);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function findByteDifference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  const shorter = Math.min(actual.length, expected.length);
  let index = 0;
  while (index < shorter && actual[index] === expected[index]) index++;
  if (index === actual.length && index === expected.length) return undefined;
  return `first difference at index ${index}\nactual: ${showBytes(actual, index)}\nexpected: ${
    showBytes(expected, index)
  }`;
}

function showBytes(bytes: Uint8Array, index: number): string {
  return `${bytes.length} bytes, from there [${bytes.subarray(index, index + 16).join(", ")}]`;
}

function show(value: unknown): string {
  return typeof value === "object" && value !== null ? `${value.constructor?.name ?? "object"}` : String(value);
}

function failOrder(actual: unknown, operator: string, expected: unknown, msg: string | undefined): never {
  throw new AssertionError(msg ?? `Expect ${String(actual)} ${operator} ${String(expected)}`);
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
