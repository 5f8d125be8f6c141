// resolveHost(): looks a host name up before it is listened on, for the adapters over `node:net` and Bun's. Runtime neutral.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { toListenError } from "./error_codes.ts";

/**
 * Looks up the host to listen on, as Bun tells neither why a lookup failed, nor the address that it listens on.
 *
 * @param hostname A host name or an IP address.
 * @param address The whole address as text, for the error.
 * @returns The IP address.
 * @throws {ListenError} if it does not resolve.
 */
export async function resolveHost(hostname: string, address: string): Promise<string> {
  if (isIP(hostname) !== 0) return hostname;
  try {
    return (await lookup(hostname)).address;
  } catch (cause) {
    throw toListenError(cause, address);
  }
}
