import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { toConnectError, toConnectionError, toListenError } from "../../src/transport/error_codes.ts";

/** An error as Node and Bun make them. */
function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** An error as Deno makes them. */
function withName(name: string): Error {
  return Object.assign(new Error(name), { name });
}

test("toListenError() knows the codes of Node and Bun and the names of Deno", () => {
  assertEquals(toListenError(withCode("EADDRINUSE"), "a").code, "address-in-use");
  assertEquals(toListenError(withName("AddrInUse"), "a").code, "address-in-use");
  assertEquals(toListenError(withCode("EMFILE"), "a").code, "too-many-files");
  assertEquals(toListenError(new Error("failed to lookup address information: x"), "a").code, "host-not-found");
  assertEquals(toListenError(withName("NotCapable"), "a").code, "permission-denied");
});

test("toConnectError() prefers the code to the name", () => {
  const cause = Object.assign(withCode("ECONNREFUSED"), { name: "TimedOut" });
  const error = toConnectError(cause, "127.0.0.1:9");
  assertEquals([error.code, error.address], ["refused", "127.0.0.1:9"]);
  assertStrictEquals(error.cause, cause);
});

test("toConnectError() knows an abort", () => {
  assertEquals(toConnectError(new DOMException("x", "AbortError"), "a").code, "aborted");
});

test("toConnectionError() knows resets and timeouts", () => {
  for (const code of ["ECONNRESET", "EPIPE", "ENOTCONN"]) assertEquals(toConnectionError(withCode(code)).code, "reset");
  for (const name of ["ConnectionReset", "BrokenPipe"]) assertEquals(toConnectionError(withName(name)).code, "reset");
  assertEquals(toConnectionError(withCode("ETIMEDOUT")).code, "timeout");
});

test("the translations take anything for a cause", () => {
  for (const cause of [undefined, null, "text", 5, {}, withCode("EWHAT"), withCode("constructor")]) {
    assertEquals(toListenError(cause, "a").code, "unknown");
    assertEquals(toConnectError(cause, "a").code, "unknown");
    assertEquals(toConnectionError(cause).code, "unknown");
  }
});
