// The conformance suite over recorded transports: memory, and the sockets of this runtime. Those of `node:net` on Deno and Bun are left to
// the suite of their own, as what wraps them is the same on Node.

import { FlightRecorder } from "@laster/net/recorder";
import { defaultTransport, memoryTransport } from "@laster/net/transport";
import { memoryConformanceSuite, wrappedConformanceSuite } from "../transport/conformance.ts";

const recorded = (transport: ReturnType<typeof defaultTransport>) =>
  new FlightRecorder({ maxBytes: 4_096 }).wrap(transport);

wrappedConformanceSuite(`recorded ${defaultTransport().name}`, () => recorded(defaultTransport()));
memoryConformanceSuite("recorded memory", () => recorded(memoryTransport()));
