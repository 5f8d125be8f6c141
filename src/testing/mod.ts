/**
 * What tests of a service need: a clock to move by hand, and connections without sockets.
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

export { FakeClock } from "./fake_clock.ts";
export { memoryPair, memoryTransport, type MemoryTransportOptions } from "../transport/memory.ts";
export { MemoryConnection, type MemoryScript } from "../transport/memory_connection.ts";
