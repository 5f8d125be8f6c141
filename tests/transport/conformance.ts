// The conformance suite of transports: the contract in src/transport/transport.ts, in cases. Every adapter runs it on
// every runtime it loads on; see the *_test.ts files here. Runtime neutral.

import { describe, test } from "node:test";
import { isRuntime } from "../../src/runtime_name.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { breakCases } from "./conformance/break_cases.ts";
import type { Capabilities } from "./conformance/capabilities.ts";
import { closeCases } from "./conformance/close_cases.ts";
import { dataCases } from "./conformance/data_cases.ts";
import { dialCases } from "./conformance/dial_cases.ts";
import { faultCases } from "./conformance/fault_cases.ts";
import { keepAliveCases } from "./conformance/keep_alive_cases.ts";
import { fairnessCases } from "./conformance/fairness_cases.ts";
import { flowCases } from "./conformance/flow_cases.ts";
import { listenCases } from "./conformance/listen_cases.ts";
import { optionCases } from "./conformance/option_cases.ts";
import { reentrancyCases } from "./conformance/reentrancy_cases.ts";
import type { Suite } from "./conformance/suite.ts";
import { systemCases } from "./conformance/system_cases.ts";
import { watchCases } from "./conformance/watch_cases.ts";

/** Declares what of the suite is of streams of bytes, for an adapter over TLS. */
export function tlsConformanceSuite(name: string, parts: Required<Pick<Suite, "makeTransport" | "makePeer">>): void {
  const capabilities: Capabilities = {
    isSystem: true,
    abortResets: ["tcp"],
    outOfFiles: "silent",
    keepAliveMs: 60_000,
    hasAfterPoll: false,
  };
  const suite: Suite = { ...parts, capabilities, networks: ["tcp"], mayEndFirst: true };
  describe(`${name} Transport over TLS`, () => {
    describe("data", () => dataCases(suite));
    describe("flow", () => flowCases(suite));
    describe("close", () => closeCases(suite));
    // `node:tls` of Deno tells a reset as an end, and that of Bun one behind a shutdown.
    const reason = isRuntime("Node") ? undefined : "a reset of TLS is no reset here";
    if (reason === undefined) describe("break", () => breakCases(suite));
    else test("break", { skip: reason }, () => {});
    describe("reentrancy", () => reentrancyCases(suite));
  });
}

/** Declares the suite for one adapter; without what is the system's own, for a transport around an adapter. */
export function conformanceSuite(
  name: string,
  makeTransport: () => Transport,
  capabilities: Capabilities,
  { hasSystemCases } = { hasSystemCases: capabilities.isSystem },
): void {
  const suite = { makeTransport, capabilities };
  describe(`${name} Transport`, () => {
    describe("data", () => dataCases(suite));
    describe("flow", () => flowCases(suite));
    describe("close", () => closeCases(suite));
    describe("break", () => breakCases(suite));
    describe("watch", () => watchCases(suite));
    describe("faults", () => faultCases(suite));
    describe("reentrancy", () => reentrancyCases(suite));
    describe("listen", () => listenCases(suite));
    describe("dial", () => dialCases(suite));
    describe("options", () => optionCases(suite));
    if (!hasSystemCases) return;
    describe("system", () => systemCases(suite));
    describe("keep-alive", () => keepAliveCases(suite));
    describe("fairness", () => fairnessCases(suite));
  });
}
