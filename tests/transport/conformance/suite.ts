// How a case is declared: once, and run at both ends of a connection and over each kind of socket. Runtime neutral.

import { test } from "node:test";
import { nodeTransport } from "../../../src/transport/node.ts";
import type { Transport } from "../../../src/transport/transport.ts";
import { Bench, type Network } from "./bench.ts";
import type { Capabilities } from "./capabilities.ts";
import type { Probe } from "./probe.ts";

const NETWORKS: readonly Network[] = ["tcp", "unix"];

/** Which end is tested. */
type Role = "accepted" | "dialled";

const ROLES: readonly Role[] = ["accepted", "dialled"];

/** The adapter under test. */
export interface Suite {
  readonly makeTransport: () => Transport;
  readonly capabilities: Capabilities;
  /**
   * The kinds of socket that cases run over.
   *
   * @default {both}
   */
  readonly networks?: readonly Network[];
  /**
   * Whether a reset may show as an end first, as `node:tls` has it for one right behind the handshake.
   *
   * @default {false}
   */
  readonly mayEndFirst?: boolean;
  /**
   * A transport whose `abort()` sends a reset over TCP, to break connections from the other end.
   *
   * @default {nodeTransport}
   */
  readonly makePeer?: () => Transport;
}

/** A connection, of which one end is tested. */
export interface Ends {
  readonly bench: Bench;
  readonly network: Network;
  /** The end that is tested; not started. */
  readonly subject: Probe;
  /** The other one; not started. */
  readonly peer: Probe;
}

/** Declares a case that opens its own connections. */
export function benchCase(suite: Suite, behaviour: string, body: (bench: Bench) => Promise<void>): void {
  test(behaviour, async () => {
    const bench = new Bench(suite.makeTransport(), suite.capabilities);
    try {
      await body(bench);
    } finally {
      await bench.end();
    }
  });
}

/** Declares a case that runs for the accepted and for the dialled end, over TCP and over a Unix socket. */
export function endCase(suite: Suite, behaviour: string, body: (ends: Ends) => Promise<void>): void {
  for (const network of suite.networks ?? NETWORKS) {
    for (const role of ROLES) {
      benchCase(suite, `${behaviour} (${role}, ${network})`, async (bench) => {
        const [accepted, dialled] = await bench.pair(network);
        await body({ bench, network, ...rolesOf(role, accepted, dialled) });
      });
    }
  }
}

/** As `endCase`, with a peer that can send a reset: `Deno.listen` and `Deno.connect` cannot, `node:net` always can. */
export function breakCase(suite: Suite, behaviour: string, body: (ends: Ends) => Promise<void>): void {
  for (const network of suite.networks ?? NETWORKS) {
    for (const role of ROLES) {
      benchCase(suite, `${behaviour} (${role}, ${network})`, async (bench) => {
        const { capabilities, makePeer = nodeTransport } = suite;
        const peerTransport = capabilities.isSystem ? makePeer() : bench.transport;
        const options = role === "accepted" ? { dialler: peerTransport } : { listener: peerTransport };
        const [accepted, dialled] = await bench.pair(network, options);
        await body({ bench, network, ...rolesOf(role, accepted, dialled) });
      });
    }
  }
}

function rolesOf(role: Role, accepted: Probe, dialled: Probe): { subject: Probe; peer: Probe } {
  return role === "accepted" ? { subject: accepted, peer: dialled } : { subject: dialled, peer: accepted };
}
