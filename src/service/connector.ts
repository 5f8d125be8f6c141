// Connector: dials with a timeout, retries with backoff, and can be cancelled. Knows nothing of sessions.
// Runtime neutral.

import type { Clock } from "../clock.ts";
import { ConnectError, type ConnectErrorCode, toError } from "../errors.ts";
import { checkKeys, checkParts, checkSignal, LARGEST_TIMER_MS, orDefault } from "../options.ts";
import { checkRange } from "../session/limits.ts";
import { type Address, type AddressOptions, formatAddress, resolveAddress } from "../transport/address.ts";
import type { DialOptions } from "../transport/socket_options.ts";
import { checkTlsDial } from "../transport/tls_identity.ts";
import type { Connection, Transport } from "../transport/transport.ts";
import { type SessionSettings, SETTING_NAMES } from "./session_settings.ts";
import { checkSocketOptions, dialOptionsOf, SOCKET_NAMES } from "./socket_settings.ts";

const DEFAULT_HOSTNAME = "127.0.0.1";
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MIN_RETRY_DELAY_MS = 100;
const DEFAULT_MAX_RETRY_DELAY_MS = 10_000;

/** Where and how to dial. The host is `"127.0.0.1"` if none is given. */
export interface ConnectOptions extends AddressOptions, SessionSettings, DialOptions {
  /**
   * Milliseconds that one attempt may take, 0 for as long as the system tries, at most 2^31 - 1.
   *
   * @default {10000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Attempts after the first one has failed, 0 or more; `Infinity` tries for ever.
   *
   * @default {0}
   */
  readonly retries?: number | undefined;
  /**
   * Milliseconds before the first retry, 0 to 2^31 - 1; doubles with each. Each pause is cut by up to half at random.
   *
   * @default {100}
   */
  readonly minRetryDelayMs?: number | undefined;
  /**
   * The longest pause between two attempts, in milliseconds, from `minRetryDelayMs` to 2^31 - 1.
   *
   * @default {10000, or `minRetryDelayMs` if that is more}
   */
  readonly maxRetryDelayMs?: number | undefined;
  /** Ends the dial, and the pauses between attempts; the promise rejects with `ConnectError` `"aborted"`. */
  readonly signal?: AbortSignal | undefined;
  /** Anything: comes back in `session.origin.token` and in `onConnectFailed`. */
  readonly token?: unknown | undefined;
}

/** Every name there is; a missing or wrong one does not compile. */
export const CONNECT_NAMES: Record<keyof ConnectOptions, true> = {
  hostname: true,
  port: true,
  path: true,
  timeoutMs: true,
  retries: true,
  minRetryDelayMs: true,
  maxRetryDelayMs: true,
  signal: true,
  token: true,
  localAddress: true,
  tls: true,
  ...SOCKET_NAMES,
  ...SETTING_NAMES,
};

/** A dial with every default filled in. */
export interface Dial {
  /** Where to. */
  readonly address: Address;
  /** How long an attempt may take; 0 for no limit. */
  readonly timeoutMs: number;
  /** Attempts after the first. */
  readonly retries: number;
  /** The first pause. */
  readonly minRetryDelayMs: number;
  /** The longest pause. */
  readonly maxRetryDelayMs: number;
  /** How to dial; undefined for the transport of the service. */
  readonly transport: Transport | undefined;
  /** The options of the socket. */
  readonly socket: DialOptions;
  /** What cancels it: the caller's signal, the service's stop. */
  readonly signals: readonly AbortSignal[];
}

/** A dial that connected, and with which attempt. */
export interface Dialled {
  readonly state: "connected";
  readonly connection: Connection;
  readonly attempts: number;
}

/** What dialling came to. */
export type DialResult =
  | Dialled
  | { readonly state: "failed"; readonly error: ConnectError; readonly attempts: number };

/**
 * Checks where to dial and fills in the defaults.
 *
 * @param options Where and how.
 * @param stopSignal Cancels the dial too.
 * @returns The dial.
 * @throws {TypeError | RangeError} if an option is wrong.
 */
export function resolveDial(options: ConnectOptions, stopSignal?: AbortSignal): Dial {
  checkKeys("dial", options, CONNECT_NAMES);
  checkParts("dial", options);
  checkSocketOptions("dial", options);
  if (options.tls !== undefined) checkTlsDial(options.tls);
  const retries = orDefault(options.retries, 0);
  const minRetryDelayMs = orDefault(options.minRetryDelayMs, DEFAULT_MIN_RETRY_DELAY_MS);
  const maxRetryDelayMs = orDefault(options.maxRetryDelayMs, Math.max(DEFAULT_MAX_RETRY_DELAY_MS, minRetryDelayMs));
  const timeoutMs = orDefault(options.timeoutMs, DEFAULT_TIMEOUT_MS);
  checkRange("timeoutMs", timeoutMs, 0, LARGEST_TIMER_MS);
  if (retries !== Infinity) checkRange("retries", retries, 0, Number.MAX_SAFE_INTEGER);
  checkRange("minRetryDelayMs", minRetryDelayMs, 0, LARGEST_TIMER_MS);
  checkRange("maxRetryDelayMs", maxRetryDelayMs, minRetryDelayMs, LARGEST_TIMER_MS);
  const { signal } = options;
  checkSignal("dial", signal);
  const address = resolveAddress(options, DEFAULT_HOSTNAME);
  if (address.kind === "tcp" && address.port === 0) {
    throw new RangeError("Cannot dial as port must be an integer from 1 to 65535: current value is 0");
  }
  const signals = [signal, stopSignal].filter((one) => one !== undefined);
  return {
    address,
    timeoutMs,
    retries,
    minRetryDelayMs,
    maxRetryDelayMs,
    transport: options.transport,
    socket: dialOptionsOf(options),
    signals,
  };
}

/** Errors after which another attempt cannot succeed. */
const FINAL_CODES: readonly ConnectErrorCode[] = ["aborted", "unsupported"];

/** Told of an attempt that failed and is followed by another. */
export type AttemptHandler = (error: ConnectError, attempt: number, retryDelayMs: number) => void;

/** Dials for a service. */
export class Connector {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #random: () => number;

  /** Makes a connector. */
  constructor(transport: Transport, clock: Clock, random: () => number) {
    this.#transport = transport;
    this.#clock = clock;
    this.#random = random;
  }

  /** Dials until it is connected, cancelled, or out of attempts. `onAttemptFailed` must not throw. */
  async dial(dial: Dial, onAttemptFailed: AttemptHandler = () => {}): Promise<DialResult> {
    for (let attempts = 1;; attempts++) {
      let delayMs: number;
      try {
        return { state: "connected", connection: await this.#attempt(dial), attempts };
      } catch (cause) {
        const fault = toError(cause);
        const error = fault instanceof ConnectError
          ? fault
          : new ConnectError("unknown", formatAddress(dial.address), { cause: fault });
        // An error of another class is a fault in the transport itself: another attempt cannot succeed.
        const isOver = error !== fault || FINAL_CODES.includes(error.code) || attempts > dial.retries;
        if (isOver) return { state: "failed", error, attempts };
        delayMs = this.#delayMs(dial, attempts);
        onAttemptFailed(error, attempts, delayMs);
      }
      if (!await this.#pause(dial, delayMs)) {
        return { state: "failed", error: new ConnectError("aborted", formatAddress(dial.address)), attempts };
      }
    }
  }

  #attempt(dial: Dial): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const controller = new AbortController();
    let isOver = false;
    const giveUp = (code: ConnectErrorCode) => {
      isOver = true;
      reject(new ConnectError(code, formatAddress(dial.address)));
      controller.abort();
    };
    const stopWaiting = this.#onCancel(dial, dial.timeoutMs === 0 ? undefined : dial.timeoutMs, (isTimeout) => {
      giveUp(isTimeout ? "timeout" : "aborted");
    });
    const fail = (fault: unknown) => {
      stopWaiting();
      reject(fault);
    };
    try {
      const options = { ...dial.socket, signal: controller.signal };
      (dial.transport ?? this.#transport).connect(dial.address, options).then((connection) => {
        stopWaiting();
        if (isOver) connection.abort(); // Connected just as the attempt was given up.
        else resolve(connection);
      }, fail);
    } catch (fault) {
      fail(fault);
    }
    return promise;
  }

  #delayMs(dial: Dial, attempts: number): number {
    const longestMs = Math.min(dial.maxRetryDelayMs, dial.minRetryDelayMs * 2 ** Math.min(attempts - 1, 31));
    return longestMs * (1 - randomPart(this.#random) / 2);
  }

  /** Resolves to false if the dial was cancelled meanwhile. */
  #pause(dial: Dial, delayMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#onCancel(dial, delayMs, resolve);
    return promise;
  }

  /** Calls back once, after `delayMs` (with true) or when a signal aborts (with false); gives a way to stop that. */
  #onCancel(dial: Dial, delayMs: number | undefined, callback: (isTimeout: boolean) => void): () => void {
    let timer: unknown = undefined;
    const stop = () => {
      if (timer !== undefined) this.#clock.clearTimer(timer);
      for (const signal of dial.signals) signal.removeEventListener("abort", onAbort);
    };
    const onAbort = () => {
      stop();
      callback(false);
    };
    if (dial.signals.some((signal) => signal.aborted)) {
      callback(false);
      return stop;
    }
    if (delayMs !== undefined) {
      timer = this.#clock.setTimer(() => {
        stop();
        callback(true);
      }, delayMs);
    }
    for (const signal of dial.signals) signal.addEventListener("abort", onAbort);
    return stop;
  }
}

/** A number from 0 to 1, even if the application's random source throws or gives something else. */
export function randomPart(random: () => unknown): number {
  try {
    const part = random();
    return typeof part === "number" && part >= 0 && part <= 1 ? part : 0.5;
  } catch {
    return 0.5;
  }
}
