// defaultTransport(): the one switch that picks the adapter of the runtime. Runtime neutral.

import { bunTransport } from "./bun.ts";
import { denoTransport } from "./deno.ts";
import { nodeTransport } from "./node.ts";
import type { TransportOptions } from "./traits.ts";
import type { Transport } from "./transport.ts";

/**
 * Makes the transport of the runtime: `Deno.listen` under Deno, `Bun.listen` under Bun, `node:net` elsewhere.
 *
 * @param options The clock.
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
export function defaultTransport(options: TransportOptions = {}): Transport {
  if ("Bun" in globalThis) return bunTransport(options);
  if ("Deno" in globalThis) return denoTransport(options);
  return nodeTransport(options);
}
