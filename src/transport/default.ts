// defaultTransport(): the one switch that picks the adapter of the runtime. Runtime neutral.

import { bunTransport } from "./bun.ts";
import { denoTransport } from "./deno.ts";
import { nodeTransport } from "./node.ts";
import type { Transport } from "./transport.ts";

/**
 * Makes the transport of the runtime: `Deno.listen` under Deno, `Bun.listen` under Bun, `node:net` elsewhere.
 *
 * @returns A transport.
 *
 * @example See which
 * ```ts
 * import { defaultTransport } from "@laster/net/transport";
 * import { assert } from "@std/assert";
 *
 * assert(["deno", "bun", "node"].includes(defaultTransport().name));
 * ```
 */
export function defaultTransport(): Transport {
  if ("Bun" in globalThis) return bunTransport();
  if ("Deno" in globalThis) return denoTransport();
  return nodeTransport();
}
