// deriveSessionKeys(): fresh keys for one session from a shared secret and two hellos. Runtime neutral, over `node:crypto`.

import { hkdfSync } from "node:crypto";
import type { SessionKeys } from "./encryption.ts";

/** Shorter random hellos might repeat. */
const LEAST_BYTES = 16;
const KEY_BYTES = 32;

/** The inputs of the key derivation. */
export interface SessionKeyOptions {
  /** Known to the two sides only, 16 bytes or more: a pre-shared key, the result of a Diffie-Hellman exchange, or both. */
  readonly secret: Uint8Array;
  /** The hello that this side sent: 16 bytes or more, never used before, such as random bytes or a fresh public key. */
  readonly ownHello: Uint8Array;
  /** The hello that the other side sent: 16 bytes or more. */
  readonly peerHello: Uint8Array;
}

/**
 * Derives the keys of one session by HKDF (RFC 5869) with SHA-256. Both sides call it with the same secret and hellos, each
 * with its own hello as `ownHello`. As each side's hello is fresh, so are the keys: frames of another session are refused.
 *
 * @param options The secret and the hellos.
 * @returns Two keys of 32 bytes: the `sendKey` of one side is the `receiveKey` of the other.
 * @throws {RangeError} if an input is not a Uint8Array of 16 bytes or more, or the hellos are equal (the peer reflects them).
 *
 * @example Both sides
 * ```ts
 * import { deriveSessionKeys } from "@laster/net/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const secret = new Uint8Array(32);
 * const [one, other] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
 * const near = deriveSessionKeys({ secret, ownHello: one, peerHello: other });
 * const far = deriveSessionKeys({ secret, ownHello: other, peerHello: one });
 * assertEquals(near.sendKey, far.receiveKey);
 * assertEquals(far.sendKey, near.receiveKey);
 * ```
 */
export function deriveSessionKeys({ secret, ownHello, peerHello }: SessionKeyOptions): SessionKeys {
  for (const [name, value] of Object.entries({ secret, ownHello, peerHello })) {
    if (value?.BYTES_PER_ELEMENT === 1 && value.length >= LEAST_BYTES) continue;
    throw new RangeError(
      `Cannot derive keys as ${name} must be a Uint8Array of ${LEAST_BYTES} bytes or more: current value has ` +
        `${value?.length}`,
    );
  }
  if (ownHello.length === peerHello.length && ownHello.every((byte, index) => byte === peerHello[index])) {
    throw new RangeError("Cannot derive keys as the hellos must differ: the peer sent back ours");
  }
  return {
    sendKey: derive(secret, ownHello, peerHello),
    receiveKey: derive(secret, peerHello, ownHello),
  };
}

/** The key for frames from the sender of `from`. The label has the lengths, so that different pairs give different salts. */
function derive(secret: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const label = new TextEncoder().encode(`laster-net session key ${from.length} ${to.length} `);
  const salt = new Uint8Array(label.length + from.length + to.length);
  salt.set(label);
  salt.set(from, label.length);
  salt.set(to, label.length + from.length);
  return new Uint8Array(hkdfSync("sha256", secret, salt, new Uint8Array(0), KEY_BYTES));
}
