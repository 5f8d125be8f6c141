/**
 * TCP sessions for game servers, the same on Deno, Bun and Node.
 *
 * @example A server
 * ```ts
 * import { simpleBinary, TcpService } from "@laster/net";
 *
 * const service = new TcpService({
 *   codec: simpleBinary(),
 *   listeners: [{ hostname: "127.0.0.1", port: 0 }],
 *   onMessage: (session, payload) => session.send(payload),
 * });
 * await service.start();
 * await service.stop();
 * ```
 *
 * @module
 */

export { type Clock, systemClock } from "./src/clock.ts";
export * from "./src/codec/mod.ts";
export {
  ConnectError,
  type ConnectErrorCode,
  ConnectionError,
  type ConnectionErrorCode,
  FrameError,
  type FrameErrorCode,
  ListenError,
  type ListenErrorCode,
  PoolError,
  type PoolErrorCode,
  ReceiveTimeoutError,
  ServiceStateError,
  SessionClosedError,
} from "./src/errors.ts";
export { consoleLogger, type Logger, silentLogger } from "./src/logger.ts";
export type { BroadcastResult } from "./src/broadcast/broadcaster.ts";
export type { CloseEvent, CloseReason } from "./src/session/close_reason.ts";
export type { SessionHandlers } from "./src/session/handlers.ts";
export type { ReceiveOptions } from "./src/session/message_stream.ts";
export type { FullPolicy } from "./src/outbound/queue_limits.ts";
export type { HeartbeatOptions } from "./src/session/heartbeat.ts";
export type { FlushMode, SessionLimits } from "./src/session/limits.ts";
export type { SendResult, SentEvent } from "./src/outbound/send_result.ts";
export {
  type AcceptedOrigin,
  type AnySession,
  type ConnectedOrigin,
  Session,
  type SessionOrigin,
} from "./src/session/session.ts";
export type { CloseOptions, SendOptions } from "./src/session/session_options.ts";
export type { SessionState } from "./src/session/session_state.ts";
export type { DropCounts } from "./src/outbound/backlog.ts";
export type { Refusal, SessionStats } from "./src/session/session_stats.ts";
export type { QueueDepths, SessionTotals } from "./src/session/session_registry.ts";
export type { ConnectOptions } from "./src/service/connector.ts";
export { Group } from "./src/broadcast/group.ts";
export { Listener, type ListenerOptions } from "./src/service/listener.ts";
export type { ReconfigureOptions } from "./src/service/service_settings.ts";
export type { ProxyProtocolOptions } from "./src/service/proxied_peers.ts";
export type { ConnectAttemptFailedEvent, ConnectFailedEvent, ConnectHandlers } from "./src/service/dialler.ts";
export type { Admission, AdmissionRequest } from "./src/service/admission.ts";
export type {
  AcceptedEvent,
  ConnectingEvent,
  FaultEvent,
  ListenerEvent,
  ServiceObserver,
} from "./src/service/observers.ts";
export type { DropReason } from "./src/session/pressure_watch.ts";
export type { RefusedEvent } from "./src/service/refusals.ts";
export type { SessionSettings } from "./src/service/session_settings.ts";
export { connect, type ConnectSessionOptions, serve, type ServeOptions } from "./src/service/serve.ts";
export type { NeedsData, TcpServiceOptions } from "./src/service/service_options.ts";
export type { StopOptions, StopResult } from "./src/service/start_stop.ts";
export type { ServiceState, ServiceStats } from "./src/service/service_stats.ts";
export type { BroadcastOptions, BroadcastReport } from "./src/broadcast/messaging.ts";
export { TcpService } from "./src/service/tcp_service.ts";
export { Tick, tick, type Ticked, type TickOptions, type TickStats, type TickStep } from "./src/service/tick.ts";
export {
  type Address,
  type AddressOptions,
  formatAddress,
  type TcpAddress,
  type UnixAddress,
} from "./src/transport/address.ts";
export type {
  TlsDialOptions,
  TlsIdentity,
  TlsInfo,
  TlsListenOptions,
  TlsPeerCertificate,
  TlsVersion,
} from "./src/transport/tls_options.ts";
export type { Transport } from "./src/transport/transport.ts";
