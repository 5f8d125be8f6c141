/**
 * Transports: how a runtime listens and dials. A service picks the runtime's own by itself.
 *
 * @example A pair of connections in memory
 * ```ts
 * import { memoryPair } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = memoryPair();
 * const received = Promise.withResolvers<number>();
 * const ignore = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };
 * left.start(ignore);
 * right.start({ ...ignore, onData: (_buffer, length) => received.resolve(length) });
 * left.write(new Uint8Array([1, 2, 3]), 0, 3);
 * assertEquals(await received.promise, 3);
 * ```
 *
 * @module
 */

export {
  type Address,
  type AddressOptions,
  formatAddress,
  resolveAddress,
  type TcpAddress,
  tcpAddress,
  type UnixAddress,
} from "./address.ts";
export { bunTransport } from "./bun.ts";
export { capabilities, type Support, type TransportCapabilities } from "./capabilities.ts";
export { defaultTransport } from "./default.ts";
export { denoTransport } from "./deno.ts";
export { memoryPair, memoryTransport, type MemoryTransportOptions } from "./memory.ts";
export { MemoryConnection, type MemoryScript } from "./memory_connection.ts";
export { nodeTransport, type NodeTransportOptions } from "./node.ts";
export type { DialOptions, ListenOptions, SocketOptions } from "./socket_options.ts";
export type { TransportOptions, TransportTraits } from "./traits.ts";
export type {
  AcceptHandler,
  Connection,
  ConnectionEnd,
  ConnectionHandler,
  PendingConnection,
  Transport,
  TransportListener,
} from "./transport.ts";
export type {
  TlsDialOptions,
  TlsIdentity,
  TlsInfo,
  TlsListenOptions,
  TlsPeerCertificate,
  TlsVersion,
} from "./tls_options.ts";
