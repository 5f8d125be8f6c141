// makeSessionContext(): all that the sessions of a service share, made of its options. Runtime neutral.

import { BufferPool, type BufferPoolOptions } from "../buffer/buffer_pool.ts";
import { type Clock, systemClock } from "../clock.ts";
import { type Codec, Frame } from "../codec/codec.ts";
import { messageOf } from "../errors.ts";
import { consoleLogger } from "../logger.ts";
import { DiscardPacer } from "../session/discard_pacer.ts";
import { FaultLog } from "../session/fault_log.ts";
import { findPing, Heartbeat } from "../session/heartbeat.ts";
import { IdleWatch } from "../session/idle_watch.ts";
import { InputWatch } from "../session/input_watch.ts";
import { type ResolvedSessionLimits, resolveSessionLimits } from "../session/limits.ts";
import { MemoryGuard } from "../session/memory_guard.ts";
import { makeSendQueueContext, queueMeasures } from "../outbound/send_queue_context.ts";
import type { SessionContext } from "../session/session_context.ts";
import { closeLookMs } from "../session/session_ending.ts";
import type { SessionCore } from "../session/session_core.ts";
import { TimeoutQueue } from "../session/timeout_queue.ts";
import { TurnQueue } from "../session/turn_queue.ts";
import type { Transport } from "../transport/transport.ts";
import { guardClock } from "./guarded_clock.ts";
import { guardLogger } from "./guarded_logger.ts";
import { observeHandlers } from "./observed_handlers.ts";
import { Observers } from "./observers.ts";
import type { TcpServiceOptions } from "./service_options.ts";
import { findSettings, type SessionSettings } from "./session_settings.ts";

/** What the sessions of a service share, and the service with them. */
export interface ServiceContext<Data> extends SessionContext<Data> {
  /** The service's observers; undefined if there are none. */
  readonly observers: Observers | undefined;
}

/** What the service adds to its options. */
export interface ContextParts<Data> {
  /** The codec of sessions that have none of their own: one object, as those with the same encoder share broadcasts. */
  readonly codec: Codec;
  /** The options of the pool, with their defaults. */
  readonly pool: BufferPoolOptions;
  /** The limits, with their defaults. */
  readonly limits: ResolvedSessionLimits;
  /** How it listens and dials. */
  readonly transport: Transport;
  /** All sessions. */
  readonly sessions: () => Iterable<SessionCore<Data>>;
  /** See `SessionContext`. */
  readonly leaveGroups: SessionContext<Data>["leaveGroups"];
  /** See `SessionContext`. */
  readonly handleSessionOver: SessionContext<Data>["handleSessionOver"];
}

/**
 * Makes what the sessions of a service share.
 *
 * @param options The application's options, checked.
 * @param parts What the service brings.
 * @returns The context.
 */
export function makeSessionContext<Data>(
  options: TcpServiceOptions<Data>,
  { codec, pool: poolOptions, limits, transport, sessions, leaveGroups, handleSessionOver }: ContextParts<Data>,
): ServiceContext<Data> {
  const logger = guardLogger(options.logger ?? consoleLogger());
  const clock = options.clock === undefined ? systemClock() : guardClock(options.clock, (error, count) => {
    logger.error("The clock failed {count} times: {error}", { count, error: messageOf(error) });
  });
  const faults = new FaultLog(clock, logger);
  const observers = options.observers === undefined ? undefined : new Observers(options.observers, faults);
  const handlers = observers === undefined ? options : observeHandlers(options, observers);
  const pool = new BufferPool(poolOptions);
  new MemoryGuard(clock, pool, sessions).start();
  return {
    ...makeSendQueueContext({ clock, pool, limits, handlers, ping: findPing(codec, limits), traits: transport.traits }),
    ...limitParts(clock, limits, sessions),
    clock,
    codec,
    frame: new Frame(),
    traffic: { lightChunks: 0 },
    turns: new TurnQueue(clock, limits.turnMs),
    faults,
    observers,
    handlers,
    pressure: observers?.pressure(),
    inputWatch: new InputWatch(clock, sessions),
    discardPacer: new DiscardPacer(clock),
    // Without `createData` the type parameter is `undefined`, its default.
    createData: options.createData ?? (() => undefined as Data),
    leaveGroups,
    handleSessionOver,
  };
}

/**
 * Makes the context of sessions that have settings of their own; all else they share with the others of the service.
 *
 * @param context That of the service.
 * @param options The application's options.
 * @param own The options of a listener or a dial, which say what differs.
 * @param parts What the service brings.
 * @returns The context: that of the service, if nothing differs.
 * @throws {RangeError | TypeError} if a setting is out of range.
 */
export function deriveSessionContext<Data>(
  context: SessionContext<Data>,
  options: TcpServiceOptions<Data>,
  own: SessionSettings,
  { transport, sessions }: Pick<ContextParts<Data>, "transport" | "sessions">,
): SessionContext<Data> {
  const settings = findSettings(own);
  if (settings === undefined) return context;
  const codec = settings.codec ?? context.codec;
  const limits = resolveSessionLimits({ ...options, ...settings }, codec.createEncoder());
  return {
    ...context,
    codec,
    ping: findPing(codec, limits),
    ...queueMeasures(limits, (settings.transport ?? transport).traits),
    ...limitParts(context.clock, limits, sessions),
  };
}

/** The parts of a context that depend on the limits. */
function limitParts<Data>(clock: Clock, limits: ResolvedSessionLimits, sessions: () => Iterable<SessionCore<Data>>) {
  const { heartbeat } = limits;
  return {
    limits,
    heartbeat: heartbeat === undefined ? undefined : new Heartbeat(clock, heartbeat, sessions),
    idleWatch: new IdleWatch(clock, limits.idleTimeoutMs, sessions),
    closeLooks: new TimeoutQueue(clock, closeLookMs(limits.closeTimeoutMs)),
    handlerTimeouts: new TimeoutQueue(clock, limits.handlerTimeoutMs),
  };
}
