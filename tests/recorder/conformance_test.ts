// The conformance suite over recorded transports: memory, and the sockets of this runtime. What is the system's own, as a crowd
// or files that run out, is left to the suites of the adapters.

import { FlightRecorder } from "@laster/net/recorder";
import { conformanceSuite } from "../transport/conformance.ts";
import { socketTransportsHere, transportsHere } from "../support.ts";

for (const { name, make } of transportsHere()) {
  const isSystem = socketTransportsHere().some((other) => other.name === name);
  const canResetTcp = make().capabilities?.reset !== "missing";
  conformanceSuite(`recorded ${name}`, () => new FlightRecorder({ maxBytes: 4_096 }).wrap(make()), {
    isSystem,
    abortResets: [...(canResetTcp ? ["tcp" as const] : []), ...(isSystem ? [] : ["unix" as const])],
    outOfFiles: "silent",
    keepAliveMs: 60_000,
    hasAfterPoll: make().traits?.afterPoll !== undefined,
  }, { hasSystemCases: false });
}
