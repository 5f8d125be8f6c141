/**
 * What tests of a service need: a clock to move by hand, connections without sockets, and a simulation of a whole world.
 *
 * @example A whole service in memory
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { FakeClock, memoryTransport } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const transport = memoryTransport();
 * await using service = new TcpService({ transport, clock: new FakeClock(), listeners: [{ port: 1 }] });
 * await service.start();
 * await service.connect({ hostname: "0.0.0.0", port: 1 });
 * assertEquals(service.sessionCount, 2);
 * ```
 *
 * @module
 */

export type { CodecCasesOptions, RefusedBytes } from "./conformance/codec/settings.ts";
export { codecCases } from "./conformance/codec_cases.ts";
export type { ConformanceCase } from "./conformance/conformance_case.ts";
export type { SocketFolder, TransportCasesOptions } from "./conformance/transport/settings.ts";
export { transportCases } from "./conformance/transport_cases.ts";
export { FakeClock } from "./fake_clock.ts";
export { memoryPair, memoryTransport, type MemoryTransportOptions } from "../transport/memory.ts";
export { MemoryConnection, type MemoryScript } from "../transport/memory_connection.ts";
export type { FaultKind } from "./simulation/faults.ts";
export type { LinkConditions } from "./simulation/link_conditions.ts";
export { MessageLedger } from "./simulation/message_ledger.ts";
export { SeededRandom } from "./simulation/seeded_random.ts";
export type { Scenario, SimulateOptions } from "./simulation/scenario.ts";
export { simulate, type SimulationReport } from "./simulation/simulate.ts";
export type { SimulatedParts, SimulatedWorld } from "./simulation/simulated_world.ts";
export { SimulationError } from "./simulation/simulation_error.ts";
