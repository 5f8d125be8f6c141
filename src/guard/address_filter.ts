// AddressFilter: which addresses may come in. Runtime neutral.

import { checkKeys, describeValue } from "../options.ts";
import type { Admission, AdmissionRequest } from "../service/admission.ts";
import { AddressBlocks } from "../transport/address_blocks.ts";

/** The rules of an {@linkcode AddressFilter}: addresses, or blocks such as `"192.0.2.0/24"` and `"2001:db8::/32"`. */
export interface AddressRules {
  /**
   * The only addresses that may come in; an empty list lets nobody in.
   *
   * @default {undefined: all addresses}
   */
  readonly allow?: Iterable<string> | undefined;
  /**
   * Addresses that may not come in, even if `allow` has them.
   *
   * @default {[]}
   */
  readonly deny?: Iterable<string> | undefined;
}

/**
 * Decides by address who may connect. IPv4 addresses that come over a dual-stack socket are the same as plain ones. Unix
 * sockets have no address and are let in. Rules can be changed while the service runs; sessions that are there stay.
 *
 * @example Two ranges denied, and one address later
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { AddressFilter } from "@laster/net/guard";
 * import { assertEquals } from "@std/assert";
 *
 * const filter = new AddressFilter({ deny: ["192.0.2.0/24", "2001:db8::/32"] });
 * new TcpService({ listeners: [{ port: 11110 }], admission: [filter] });
 * filter.deny("198.51.100.7");
 * assertEquals([filter.isAllowed("192.0.2.9"), filter.isAllowed("198.51.100.7")], [false, false]);
 * assertEquals(filter.isAllowed("203.0.113.1"), true);
 * ```
 */
export class AddressFilter implements Admission {
  #allowed: AddressBlocks | undefined;
  #denied: AddressBlocks;

  /**
   * Makes a filter.
   *
   * @param rules Who may come in, and who may not.
   * @throws {TypeError} if a rule is no address and no block, or an option is wrong.
   */
  constructor(rules: AddressRules = {}) {
    ({ allowed: this.#allowed, denied: this.#denied } = readRules(rules));
  }

  /**
   * Replaces all rules.
   *
   * @param rules Who may come in, and who may not.
   * @throws {TypeError} if a rule is no address and no block, or an option is wrong; nothing has changed then.
   */
  change(rules: AddressRules): void {
    ({ allowed: this.#allowed, denied: this.#denied } = readRules(rules));
  }

  /** Shuts an address or a block out; throws a `TypeError` if `rule` is neither. */
  deny(rule: string): void {
    this.#denied.add(rule);
  }

  /**
   * Takes a rule out of the denied ones; says whether it was there. A block is taken out as it was given, not in parts. Throws a
   * `TypeError` if `rule` is neither an address nor a block.
   */
  undeny(rule: string): boolean {
    return this.#denied.delete(rule);
  }

  /** Whether an address may come in; false for a text that is no address. */
  isAllowed(address: string): boolean {
    const isDenied = this.#denied.has(address);
    return isDenied === false && this.#allowed?.has(address) !== false;
  }

  admit({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): string | undefined {
    if (remoteAddress.kind !== "tcp" || this.isAllowed(remoteAddress.hostname)) return undefined;
    return "address-denied";
  }
}

const NAMES: Record<keyof AddressRules, true> = { allow: true, deny: true };

function readRules(rules: AddressRules): { allowed: AddressBlocks | undefined; denied: AddressBlocks } {
  checkRules(rules);
  const { allow, deny } = rules;
  return { allowed: allow && new AddressBlocks(allow), denied: new AddressBlocks(deny) };
}

/** Copies the rules into arrays, which can be iterated more than once. */
export function copyRules(rules: AddressRules): AddressRules {
  checkRules(rules);
  const { allow, deny } = rules;
  return { allow: allow && [...allow], deny: deny && [...deny] };
}

/** Refuses unknown names, and values that are not lists: a string is none here, although it can be iterated. */
function checkRules(rules: AddressRules): void {
  checkKeys("address filter", rules, NAMES);
  for (const name of ["allow", "deny"] as const) {
    const list: unknown = rules[name];
    if (list === undefined) continue;
    const isList = typeof list === "object" && list !== null &&
      typeof (list as Partial<Iterable<unknown>>)[Symbol.iterator] === "function";
    if (isList) continue;
    throw new TypeError(
      `Cannot create address filter as ${name} must be a list of addresses: current value is ${describeValue(list)}`,
    );
  }
}
