// Dialler: dials for a service, limits how many dials there are at a time, and reports those that fail. Runtime neutral.

import { ConnectError, toError } from "../errors.ts";
import type { FaultLog } from "../session/fault_log.ts";
import { callGuarded } from "../session/handler_result.ts";
import { type Address, formatAddress } from "../transport/address.ts";
import type { Connector, Dial, Dialled } from "./connector.ts";
import type { Observers } from "./observers.ts";

/** A dial that did not become a session. */
export interface ConnectFailedEvent {
  /** Where to. */
  readonly address: Address;
  /** The error of the last attempt. */
  readonly error: ConnectError;
  /** How many attempts were made. */
  readonly attempts: number;
  /** What the dial was given as `token`. */
  readonly token: unknown;
}

/** An attempt of a dial that failed, and is followed by another. */
export interface ConnectAttemptFailedEvent {
  /** Where to. */
  readonly address: Address;
  /** Why it failed. */
  readonly error: ConnectError;
  /** Which attempt it was, from 1 on. */
  readonly attempt: number;
  /** Milliseconds until the next one. */
  readonly retryDelayMs: number;
  /** What the dial was given as `token`. */
  readonly token: unknown;
}

/** What the application wants to hear of dials. */
export interface ConnectHandlers {
  /** A dial failed for good, one of `dials` or of `connect()`. */
  readonly onConnectFailed?: ((event: ConnectFailedEvent) => unknown) | undefined;
  /** An attempt of a dial failed, and another follows: how a dial that retries for ever tells that nobody answers. */
  readonly onConnectAttemptFailed?: ((event: ConnectAttemptFailedEvent) => unknown) | undefined;
}

/** What the dials of a service need of it. */
export interface DiallerOptions {
  /** Makes the connections. */
  readonly connector: Connector;
  /** The application's handlers of dials. */
  readonly handlers: ConnectHandlers;
  /** Observers that hear of dials besides. */
  readonly observers: Pick<Observers, "tell"> | undefined;
  /** Where a fault of a handler is reported. */
  readonly faults: FaultLog;
  /** Whether there is room for that number of further sessions, and for one more dial. */
  readonly hasRoom: (dials: number) => boolean;
}

/** Makes connections for a service, and counts its dials. */
export class Dialler {
  /** Dials under way. */
  count = 0;
  /** Dials that failed for good. */
  failed = 0;
  /** Attempts that failed, also those of dials that went on. */
  failedAttempts = 0;
  readonly #options: DiallerOptions;

  /** Makes it. */
  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /**
   * Dials.
   *
   * @returns The connection, not started, and how many attempts it took.
   * @throws {ConnectError} if the dial fails; the application was told.
   */
  async dial(dial: Dial, token: unknown): Promise<Dialled> {
    const { connector, handlers, hasRoom, observers } = this.#options;
    const { address } = dial;
    observers?.tell("onConnecting", { address, token });
    if (!hasRoom(this.count + 1)) return this.fail(dial, "limit", 0, token);
    this.count++;
    let failed = 0;
    const result = await connector.dial(dial, (error, attempt, retryDelayMs) => {
      failed = attempt;
      this.failedAttempts++;
      this.#call("onConnectAttemptFailed", handlers.onConnectAttemptFailed, {
        address,
        error,
        attempt,
        retryDelayMs,
        token,
      });
    }).finally(() => this.count--);
    if (result.state === "connected") return result;
    // If the dial was cancelled in a pause, its last attempt has been counted already.
    this.failedAttempts += result.attempts - failed;
    return this.fail(dial, result.error, result.attempts, token);
  }

  /** A dial has failed for good. */
  fail(dial: Dial, cause: ConnectError | "limit" | "aborted", attempts: number, token: unknown): never {
    const { address } = dial;
    const error = cause instanceof ConnectError ? cause : new ConnectError(cause, formatAddress(address));
    this.failed++;
    const event = { address, error, attempts, token };
    this.#options.observers?.tell("onConnectFailed", event);
    this.#call("onConnectFailed", this.#options.handlers.onConnectFailed, event);
    throw error;
  }

  #call<Event>(name: keyof ConnectHandlers, handler: ((event: Event) => unknown) | undefined, event: Event): void {
    callGuarded(() => handler?.(event), (fault) => this.#logFault(name, fault));
  }

  #logFault(name: string, fault: unknown): void {
    const message = `The ${name} handler failed: {error}`;
    this.#options.faults.report("dial", "error", message, { error: toError(fault) });
  }
}
