// The conformance suite over recorded transports: memory, and the sockets of this runtime.

import { FlightRecorder } from "@laster/net/recorder";
import { memoryConformanceSuite, wrappedConformanceSuite } from "../transport/conformance.ts";
import { socketTransportsHere, transportsHere } from "../support.ts";

for (const { name, make } of transportsHere()) {
  const isSystem = socketTransportsHere().some((other) => other.name === name);
  const declareSuite = isSystem ? wrappedConformanceSuite : memoryConformanceSuite;
  declareSuite(`recorded ${name}`, () => new FlightRecorder({ maxBytes: 4_096 }).wrap(make()));
}
