// The secure contexts of a TLS listener: what the runtime makes of its certificates. Runs on Node, Bun and Deno.

import { createSecureContext, type SecureContext } from "node:tls";
import { type ResolvedTlsListen, resolveTlsListen, splitPem } from "./tls_identity.ts";
import type { TlsListenOptions } from "./tls_options.ts";

/** The options of a secure context: one certificate, and what the listener has for all its certificates. */
export function contextOptions({ cert, key }: { cert: string; key: string }, { ca, minVersion }: ResolvedTlsListen) {
  return { cert, key, minVersion, ...(ca === undefined ? {} : { ca: [...splitPem(ca)] }) };
}

/**
 * Makes the contexts of a listener.
 *
 * @returns Them by name, in lower case; the listener's own has the empty name.
 * @throws {TypeError} if the runtime refuses a certificate, such as one whose key is too short.
 */
export function contextsOf(options: ResolvedTlsListen): ReadonlyMap<string, SecureContext> {
  try {
    const contexts = new Map([["", createSecureContext(contextOptions(options, options))]]);
    for (const [name, identity] of Object.entries(options.serverNames ?? {})) {
      contexts.set(name.toLowerCase(), createSecureContext(contextOptions(identity, options)));
    }
    return contexts;
  } catch (cause) {
    throw new TypeError("Cannot use TLS as the runtime refuses a certificate", { cause });
  }
}

/**
 * Checks how a listener is to speak TLS, and that the runtime takes its certificates.
 *
 * @throws {TypeError | RangeError} if an option is wrong, or the runtime refuses a certificate.
 */
export function checkTlsListen(options: TlsListenOptions): void {
  contextsOf(resolveTlsListen(options));
}
