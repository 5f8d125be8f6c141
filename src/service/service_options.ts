// The options of a service, their defaults and checks. Runtime neutral.

import type { BufferPoolOptions } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";
import type { Codec } from "../codec/codec.ts";
import type { Logger } from "../logger.ts";
import { checkKeys, checkParts, describeValue, orDefault } from "../options.ts";
import type { SessionHandlers } from "../session/handlers.ts";
import { checkRange, type SessionLimits } from "../session/limits.ts";
import type { SessionOrigin } from "../session/session.ts";
import type { Address } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import { type Admission, checkAdmission } from "./admission.ts";
import { type ConnectOptions, resolveDial } from "./connector.ts";
import type { ConnectHandlers } from "./dialler.ts";
import { checkListenerOptions, type ListenerOptions } from "./listener.ts";
import type { ServiceObserver } from "./observers.ts";
import type { RefusedEvent } from "./refusals.ts";

/** More players than most servers have; where the process may open fewer files, those bound it (open_files.ts). */
const DEFAULT_MAX_CONNECTIONS = 10_000;
const DEFAULT_MAX_DIALS = 1_024;
const DEFAULT_MAX_GROUPS = 65_536;
const LARGEST_COUNT = 2 ** 31 - 1;

/**
 * The size classes of a service's pool: from a small turn to the largest frames that games send. From 64 KiB on they are a
 * little over a power of two, so that such a payload fits with its framing.
 */
const POOL_CLASSES: readonly number[] = [
  256,
  1_024,
  4_096,
  16_384,
  66_560,
  266_240,
  532_480,
  1_064_960,
  2_129_920,
  4_259_840,
];
/** Bytes of free buffers that the pool keeps. */
const POOL_MAX_FREE_BYTES = 67_108_864;
/** All buffers of a service together: a thousand peers that do not read, each with a full queue of the default size. */
const POOL_MAX_BYTES = 1_073_741_824;

/** Options of a `TcpService`: handlers, limits, where sessions come from, and what everything else is made of. */
export interface TcpServiceOptions<Data = undefined> extends SessionHandlers<Data>, ConnectHandlers, SessionLimits {
  /**
   * How frames are cut and made. `raw()` for bytes as they come.
   *
   * @default {lengthPrefixed()}
   */
  readonly codec?: Codec | undefined;
  /** Listeners that `start()` opens. More can be opened by `listen()`. */
  readonly listeners?: readonly ListenerOptions[] | undefined;
  /** Dials that `start()` begins and does not wait for. More can be made by `connect()`. */
  readonly dials?: readonly ConnectOptions[] | undefined;
  /** Makes the `data` of each session, given where it comes from: the listener, or the dial with its token. */
  readonly createData?: ((origin: SessionOrigin, remoteAddress: Address) => Data) | undefined;
  /**
   * Parts that decide about connections that come in, after `maxConnections`. Asked in this order, those of a listener last.
   *
   * @default {[]}
   */
  readonly admission?: readonly Admission[] | undefined;
  /**
   * Parts that hear of what happens, isolated from the handlers and from each other: metrics, traces, a guard.
   *
   * @default {[]}
   */
  readonly observers?: readonly ServiceObserver[] | undefined;
  /** A connection came and was refused: there are too many, an admission said so, or the service stops. */
  readonly onConnectionRefused?: ((event: RefusedEvent) => unknown) | undefined;
  /**
   * What a refused peer is told before it is closed, as one message of the codec: "server full", say. Up to 256 peers at a time
   * have a second to read it; others are closed at once.
   *
   * @default {undefined, which is nothing}
   */
  readonly refusalMessage?: Uint8Array | undefined;
  /**
   * Most sessions at the same time, accepted and dialled, 1 to 2^31 - 1. If the runtime tells how many files the process may
   * open, listeners stop at that number too, less a sixteenth (64 at least). A connection over the bound is refused and counted;
   * a dial fails with `"limit"`. TLS handshakes under way, and connections whose PROXY header has not come, count as sessions.
   *
   * @default {10000}
   */
  readonly maxConnections?: number | undefined;
  /**
   * Dials at the same time, 1 to 2^31 - 1. `connect()` over it rejects with a `ConnectError` `"limit"`.
   *
   * @default {1024}
   */
  readonly maxDials?: number | undefined;
  /**
   * Groups that have members at the same time, 1 to 2^31 - 1. Joining one more throws a `RangeError`.
   *
   * @default {65536}
   */
  readonly maxGroups?: number | undefined;
  /**
   * The buffer pool; `maxBytes` bounds what all sessions together have queued, half received, or held while their input is
   * paused. From half of it on, the sessions that hold most, and more than their share, are cut with `"over-budget"`. Where
   * there is no room all the same, `send` answers `"full"`, and a session whose unfinished frame finds none closes with
   * `"over-budget"`.
   *
   * @default {ten classes from 256 bytes to 4 MiB, at most 64 MiB kept, at most 1 GiB in all}
   */
  readonly pool?: BufferPoolOptions | undefined;
  /**
   * How to listen and dial.
   *
   * @default {defaultTransport()}
   */
  readonly transport?: Transport | undefined;
  /**
   * Where time comes from.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
  /**
   * Where faults of handlers are reported.
   *
   * @default {consoleLogger()}
   */
  readonly logger?: Logger | undefined;
  /**
   * Random numbers from 0 to below 1, for the jitter of retries.
   *
   * @default {Math.random}
   */
  readonly random?: (() => number) | undefined;
}

/** Requires `createData` if `Data` does not allow undefined, as handlers then rely on `session.data`. */
export type NeedsData<Data> = undefined extends Data ? unknown
  : { readonly createData: (origin: SessionOrigin, remoteAddress: Address) => Data };

/** Every name there is; a missing or wrong one does not compile. */
export const SERVICE_NAMES: Record<keyof TcpServiceOptions, true> = {
  onOpen: true,
  onMessage: true,
  onMessageRange: true,
  onChunk: true,
  onSend: true,
  onRefused: true,
  onEnd: true,
  onClose: true,
  onConnectFailed: true,
  onConnectAttemptFailed: true,
  admission: true,
  observers: true,
  onConnectionRefused: true,
  refusalMessage: true,
  codec: true,
  listeners: true,
  dials: true,
  createData: true,
  maxConnections: true,
  maxDials: true,
  maxGroups: true,
  highWaterMarkBytes: true,
  lowWaterMarkBytes: true,
  maxQueuedBytes: true,
  maxQueuedFrames: true,
  whenFull: true,
  maxInFlightBytes: true,
  maxInFlightMs: true,
  heartbeat: true,
  idleTimeoutMs: true,
  closeTimeoutMs: true,
  highWaterMarkFrames: true,
  lowWaterMarkFrames: true,
  pauseWhenFull: true,
  allowHalfOpen: true,
  framesPerTurn: true,
  turnMs: true,
  handlerTimeoutMs: true,
  flush: true,
  flushIntervalMs: true,
  pool: true,
  transport: true,
  clock: true,
  logger: true,
  random: true,
};

const FUNCTIONS = [
  "onOpen",
  "onMessage",
  "onMessageRange",
  "onChunk",
  "onSend",
  "onRefused",
  "onEnd",
  "onClose",
  "onConnectFailed",
  "onConnectAttemptFailed",
  "onConnectionRefused",
  "createData",
  "random",
] as const;

const ARRAYS = ["listeners", "dials", "observers"] as const;

const POOL_NAMES: Record<keyof BufferPoolOptions, true> = {
  classes: true,
  maxFreePerClass: true,
  maxFreeBytes: true,
  maxBytes: true,
  recycleHandles: true,
};

/** The options that are the service's own, resolved. */
export interface ResolvedServiceOptions {
  /** Sessions at the same time. */
  readonly maxConnections: number;
  /** Dials at the same time. */
  readonly maxDials: number;
  /** Groups at the same time. */
  readonly maxGroups: number;
  /** The pool's options. */
  readonly pool: BufferPoolOptions;
}

/**
 * Checks the options that are the service's own and fills in their defaults.
 *
 * @param options The options as given.
 * @returns The resolved ones.
 * @throws {TypeError} if a name is unknown, an option is of another type, or both message handlers are given.
 * @throws {RangeError} if a number is out of range.
 */
export function resolveServiceOptions<Data>(options: TcpServiceOptions<Data>): ResolvedServiceOptions {
  checkKeys("service", options, SERVICE_NAMES);
  checkTypes(options);
  if (options.onMessage !== undefined && options.onMessageRange !== undefined) {
    throw new TypeError(
      "Cannot create service as it has one message handler: current value is onMessage and onMessageRange",
    );
  }
  const maxConnections = orDefault(options.maxConnections, DEFAULT_MAX_CONNECTIONS);
  const maxDials = orDefault(options.maxDials, DEFAULT_MAX_DIALS);
  const maxGroups = orDefault(options.maxGroups, DEFAULT_MAX_GROUPS);
  checkRange("maxConnections", maxConnections, 1, LARGEST_COUNT);
  checkRange("maxDials", maxDials, 1, LARGEST_COUNT);
  checkRange("maxGroups", maxGroups, 1, LARGEST_COUNT);
  const pool = {
    classes: POOL_CLASSES,
    maxFreeBytes: POOL_MAX_FREE_BYTES,
    maxBytes: POOL_MAX_BYTES,
    recycleHandles: true,
    ...Object.fromEntries(Object.entries(options.pool ?? {}).filter(([, value]) => value !== undefined)),
  };
  for (const listener of options.listeners ?? []) checkListenerOptions(listener, options.transport);
  for (const dial of options.dials ?? []) resolveDial(dial);
  return { maxConnections, maxDials, maxGroups, pool };
}

function checkTypes<Data>(options: TcpServiceOptions<Data>): void {
  for (const name of FUNCTIONS) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== "function") refuseType(name, "a function", value);
  }
  for (const name of ARRAYS) {
    const value: unknown = options[name];
    if (value !== undefined && !Array.isArray(value)) refuseType(name, "an array", value);
  }
  checkParts("service", options);
  for (const observer of options.observers ?? []) {
    if (typeof observer !== "object" || observer === null) refuseType("observers", "an array of objects", observer);
  }
  checkAdmission("service", options.admission);
  const { refusalMessage } = options;
  if (refusalMessage !== undefined && refusalMessage?.BYTES_PER_ELEMENT !== 1) {
    refuseType("refusalMessage", "a Uint8Array", refusalMessage);
  }
  if (options.pool !== undefined) checkKeys("pool", options.pool, POOL_NAMES);
}

function refuseType(name: string, type: string, value: unknown): never {
  throw new TypeError(`Cannot create service as ${name} must be ${type}: current value is ${describeValue(value)}`);
}
