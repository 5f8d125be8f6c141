// How a case of a transport is declared: once, and run at both ends of a connection and over each kind of socket. Runtime
// neutral.

import { messageOf, toError } from "../../../errors.ts";
import { Bench } from "./bench.ts";
import type { Transport } from "../../../transport/transport.ts";
import type { CaseList } from "../case_list.ts";
import type { Probe } from "./probe.ts";
import type { Network, TransportSettings } from "./settings.ts";

/** Which end is tested. */
type Role = "accepted" | "dialled";

const ROLES: readonly Role[] = ["accepted", "dialled"];

/** A connection, of which one end is tested. */
export interface Ends {
  readonly bench: Bench;
  readonly network: Network;
  /** The end that is tested; not started. */
  readonly subject: Probe;
  /** The other one; not started. */
  readonly peer: Probe;
}

/** Where the cases of one group are declared, for one transport. */
export type TransportSuite = CaseList<TransportSettings>;

/** Declares a case that opens its own connections, if `network` is among those of the suite. */
export function benchCase(
  suite: TransportSuite,
  behaviour: string,
  body: (bench: Bench) => Promise<void>,
  network: Network = "tcp",
): void {
  if (!suite.settings.networks.includes(network)) return;
  suite.add(behaviour, () => runOnBench(suite.settings, body), reasonToSkip(suite.settings, network));
}

/** Declares a case that runs for the accepted and for the dialled end, over TCP and over a Unix socket. */
export function endCase(suite: TransportSuite, behaviour: string, body: (ends: Ends) => Promise<void>): void {
  for (const network of suite.settings.networks) {
    for (const role of ROLES) {
      benchCase(suite, `${behaviour} (${role}, ${network})`, async (bench) => {
        const [accepted, dialled] = await bench.pair(network);
        await body({ bench, network, ...rolesOf(role, accepted, dialled) });
      }, network);
    }
  }
}

/**
 * As `endCase`, with a peer that can send a reset: `Deno.listen` and `Deno.connect` cannot, `node:net` always can. `notOnUnix`
 * says why a Unix socket of the system cannot behave so.
 */
export function breakCase(
  suite: TransportSuite,
  behaviour: string,
  body: (ends: Ends) => Promise<void>,
  notOnUnix?: string,
): void {
  const { settings } = suite;
  const { makePeer } = settings;
  for (const network of settings.networks) {
    for (const role of ROLES) {
      const name = `${behaviour} (${role}, ${network})`;
      if (makePeer === undefined) {
        suite.add(name, () => {}, "its abort() sends no reset: the option makePeer is needed");
        continue;
      }
      if (notOnUnix !== undefined && network === "unix" && settings.isSystem) {
        suite.add(name, () => {}, notOnUnix);
        continue;
      }
      benchCase(suite, name, async (bench) => {
        const peerTransport = makePeerOf(bench, makePeer);
        const options = role === "accepted" ? { dialler: peerTransport } : { listener: peerTransport };
        const [accepted, dialled] = await bench.pair(network, options);
        await body({ bench, network, ...rolesOf(role, accepted, dialled) });
      }, network);
    }
  }
}

/** The peer's transport. In memory it is the one under test, as that reaches no other. */
function makePeerOf(bench: Bench, makePeer: () => Transport): Transport {
  return bench.settings.isSystem ? makePeer() : bench.transport;
}

function reasonToSkip({ makeFolder, capabilities }: TransportSettings, network: Network): string | undefined {
  if (network === "tcp") return undefined;
  if (capabilities?.unixSockets === "missing") return "it has no Unix sockets";
  return makeFolder === undefined ? "Unix sockets need a folder: the option makeFolder is needed" : undefined;
}

/** Runs a case, and has its bench look at the end whether the contract was kept, whatever came of the case. */
async function runOnBench(settings: TransportSettings, body: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench(settings);
  try {
    await body(bench);
  } catch (error) {
    const cause = toError(error);
    const atEnd = await bench.end().then(() => "", (fault) => `; and at the end: ${messageOf(toError(fault))}`);
    throw new Error(`${messageOf(cause)}${atEnd}`, { cause });
  }
  await bench.end();
}

function rolesOf(role: Role, accepted: Probe, dialled: Probe): { subject: Probe; peer: Probe } {
  return role === "accepted" ? { subject: accepted, peer: dialled } : { subject: dialled, peer: accepted };
}
