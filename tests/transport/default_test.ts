import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { bunTransport } from "../../src/transport/bun.ts";
import { defaultTransport } from "../../src/transport/default.ts";
import { denoTransport } from "../../src/transport/deno.ts";

const RUNTIME = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node";

test("defaultTransport() is the runtime's own", () => {
  assertEquals(defaultTransport().name, RUNTIME);
});

test("denoTransport() and bunTransport() refuse other runtimes", () => {
  if (RUNTIME !== "deno") assertThrows(() => denoTransport(), TypeError);
  if (RUNTIME !== "bun") assertThrows(() => bunTransport(), TypeError);
});
