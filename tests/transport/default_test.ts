import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { bunTransport } from "../../src/transport/bun.ts";
import { capabilities } from "../../src/transport/capabilities.ts";
import { defaultTransport } from "../../src/transport/default.ts";
import { denoTransport } from "../../src/transport/deno.ts";
import { memoryTransport } from "../../src/transport/memory.ts";
import { nodeTransport } from "../../src/transport/node.ts";

const RUNTIME = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node";

test("defaultTransport() is the runtime's own", () => {
  assertEquals(defaultTransport().name, RUNTIME);
});

test("capabilities() has what each transport says of itself", () => {
  for (const { name, capabilities: own } of [defaultTransport(), nodeTransport(), memoryTransport()]) {
    assertEquals(capabilities()[name], own);
  }
  assertEquals(Object.keys(capabilities()).toSorted(), ["bun", "deno", "memory", "node"]);
});

test("denoTransport() and bunTransport() refuse other runtimes", () => {
  if (RUNTIME !== "deno") assertThrows(() => denoTransport(), TypeError);
  if (RUNTIME !== "bun") assertThrows(() => bunTransport(), TypeError);
});
