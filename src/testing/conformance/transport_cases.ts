// transportCases(): the contract of src/transport/transport.ts, in cases, for whoever writes a transport. Runtime neutral.

import { collectCases } from "./case_list.ts";
import type { ConformanceCase } from "./conformance_case.ts";
import { breakCases } from "./transport/break_cases.ts";
import { closeCases } from "./transport/close_cases.ts";
import { dataCases } from "./transport/data_cases.ts";
import { dialCases } from "./transport/dial_cases.ts";
import { faultCases } from "./transport/fault_cases.ts";
import { flowCases } from "./transport/flow_cases.ts";
import { listenCases } from "./transport/listen_cases.ts";
import { optionCases } from "./transport/option_cases.ts";
import { reentrancyCases } from "./transport/reentrancy_cases.ts";
import { resolveSettings, type TransportCasesOptions } from "./transport/settings.ts";
import type { TransportSuite } from "./transport/suite.ts";
import { watchCases } from "./transport/watch_cases.ts";

const GROUPS: Readonly<Record<string, (suite: TransportSuite) => void>> = {
  data: dataCases,
  flow: flowCases,
  close: closeCases,
  break: breakCases,
  watch: watchCases,
  faults: faultCases,
  reentrancy: reentrancyCases,
  listen: listenCases,
  dial: dialCases,
  options: optionCases,
};

/**
 * Makes the cases that every transport has to pass: the adapters of Deno, Bun and Node do, and so does the in-memory
 * transport. In each case a handler checks the whole contract at each of its calls, so a case may fail for another reason
 * than its name says; the message tells which.
 *
 * The groups are `"data"`, `"flow"` (pause and resume), `"close"`, `"break"` (resets), `"watch"` (looks at the peer while
 * paused), `"faults"`, `"reentrancy"`, `"listen"`, `"dial"` and `"options"`. A case moves up to 32 MiB, and one opens 500
 * connections.
 *
 * @param options The transport, and its properties.
 * @returns The cases, which do not depend on each other.
 * @throws {RangeError} if `timeoutMs` is out of range.
 * @throws {TypeError} if an option is unknown, or `networks` lacks `"tcp"`.
 *
 * @example With `node:test`, or any other test runner
 * ```ts ignore
 * import { memoryTransport, transportCases } from "@laster/net/testing";
 * import { test } from "node:test";
 *
 * // Your transport in the place of this one, and `isSystem` left out if it is one of sockets.
 * const cases = transportCases({ makeTransport: () => memoryTransport(), isSystem: false });
 * for (const { group, name, skip, run } of cases) {
 *   test(`${group}: ${name}`, { skip: skip ?? false }, run);
 * }
 * ```
 *
 * @example By hand, the cases of one group
 * ```ts
 * import { memoryTransport, transportCases } from "@laster/net/testing";
 * import { assert } from "@std/assert";
 *
 * const cases = transportCases({ makeTransport: () => memoryTransport(), isSystem: false });
 * const dials = cases.filter(({ group, skip }) => group === "dial" && skip === undefined);
 * for (const { run } of dials) await run();
 * assert(dials.length > 0);
 * ```
 */
export function transportCases(options: TransportCasesOptions): readonly ConformanceCase[] {
  return collectCases(resolveSettings(options), GROUPS);
}
