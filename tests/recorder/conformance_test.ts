// The conformance suite over recorded transports: memory, and the sockets of this runtime; in a run of several runtimes one of the two
// on each, as what wraps them is the same. Those of `node:net` on Deno and Bun are left to the suite of their own.

import { FlightRecorder } from "@laster/net/recorder";
import { defaultTransport, memoryTransport } from "@laster/net/transport";
import { oneOf } from "../share.ts";
import { memoryConformanceSuite, wrappedConformanceSuite } from "../transport/conformance.ts";

const recorded = (transport: ReturnType<typeof defaultTransport>) =>
  new FlightRecorder({ maxBytes: 4_096 }).wrap(transport);

const suites = [
  () => wrappedConformanceSuite(`recorded ${defaultTransport().name}`, () => recorded(defaultTransport())),
  () => memoryConformanceSuite("recorded memory", () => recorded(memoryTransport())),
];
for (const run of oneOf(suites)) run();
