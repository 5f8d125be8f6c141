// Runs the conformance suite of transports, transportCases() of `./testing`, for the adapters; and, for those of sockets, what
// needs the system: other processes, files, /proc. See the *_test.ts files here. Runtime neutral.

import { describe, test } from "node:test";
import { type ConformanceCase, transportCases, type TransportCasesOptions } from "@laster/net/testing";
import { isRuntime } from "../../src/runtime_name.ts";
import { collectCases } from "../../src/testing/conformance/case_list.ts";
import { resolveSettings } from "../../src/testing/conformance/transport/settings.ts";
import type { TransportSuite } from "../../src/testing/conformance/transport/suite.ts";
import { nodeTransport } from "../../src/transport/node.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { fairnessCases } from "./conformance/fairness_cases.ts";
import { keepAliveCases } from "./conformance/keep_alive_cases.ts";
import { noDelayCases } from "./conformance/no_delay_cases.ts";
import { systemCases } from "./conformance/system_cases.ts";
import type { SystemTraits } from "./conformance/system_traits.ts";

/** The groups that are of streams of bytes, whatever is below. */
const STREAM_GROUPS: readonly string[] = ["data", "flow", "close", "break", "reentrancy"];

/** Resets that `node:tls` tells as an end. On Deno both ends of a case are of that, and an accepted one is looked at after 2 s. */
const UNSEEN_ON_BUN = ["reports a reset after shutdown()"];
const UNSEEN_ON_DENO = [
  ...UNSEEN_ON_BUN,
  "reports a reset while idle (dialled",
  "reports a reset that comes before start() (dialled",
  "reports a reset in the middle of reading",
  "resets the peer by abort()",
];

/** Declares what of the suite is of streams of bytes, and of no-delay, for an adapter over TLS. */
export function tlsConformanceSuite(
  name: string,
  parts: Required<Pick<TransportCasesOptions, "makeTransport" | "makePeer">>,
): void {
  const cases = transportCases({ ...parts, networks: ["tcp"], abortResets: ["tcp"], mayEndFirst: true });
  const systemCasesHere = collectCases(resolveSettings(parts), { "no-delay": noDelayCases });
  const all = [...cases.filter(({ group }) => STREAM_GROUPS.includes(group)), ...systemCasesHere];
  describe(`${name} Transport over TLS`, () => {
    declare(all.map((one) => isResetUnseen(one) ? { ...one, skip: "node:tls tells this reset as an end here" } : one));
  });
}

/** Whether a case wants a reset that `node:tls` of this runtime does not tell apart from an end. */
function isResetUnseen({ group, name }: ConformanceCase): boolean {
  if (group !== "break" || isRuntime("Node")) return false;
  const unseen = isRuntime("Deno") ? UNSEEN_ON_DENO : UNSEEN_ON_BUN;
  return unseen.some((behaviour) => name.startsWith(behaviour));
}

/** Declares the suite for a transport around an adapter of sockets: what is the system's own is left to the adapter's suite. */
export function wrappedConformanceSuite(name: string, makeTransport: () => Transport): void {
  const cases = transportCases({ makeTransport, makePeer: nodeTransport, makeFolder: () => new TemporaryFolder() });
  describe(`${name} Transport`, () => declare(cases));
}

/** Declares the suite for an adapter of sockets. */
export function socketConformanceSuite(name: string, makeTransport: () => Transport, traits: SystemTraits): void {
  const options = { makeTransport, makePeer: nodeTransport, makeFolder: () => new TemporaryFolder() };
  const systemGroups: Readonly<Record<string, (suite: TransportSuite) => void>> = {
    "no-delay": noDelayCases,
    system: (suite) => systemCases(suite, traits),
    "keep-alive": (suite) => keepAliveCases(suite, traits),
    fairness: fairnessCases,
  };
  const systemCasesHere = collectCases(resolveSettings(options), systemGroups);
  describe(`${name} Transport`, () => declare([...transportCases(options), ...systemCasesHere]));
}

/** Declares the suite for the transport in memory. */
export function memoryConformanceSuite(name: string, makeTransport: () => Transport): void {
  const makeFolder = () => new TemporaryFolder();
  const cases = transportCases({ makeTransport, makeFolder, isSystem: false });
  describe(`${name} Transport`, () => declare(cases));
}

function declare(cases: readonly ConformanceCase[]): void {
  for (const group of new Set(cases.map(({ group }) => group))) {
    describe(group, () => {
      for (const { name, skip, run } of cases.filter((one) => one.group === group)) {
        test(name, { skip: skip ?? false }, run);
      }
    });
  }
}
