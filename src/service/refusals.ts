// Refusals: connections that come and do not become sessions. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { toError } from "../errors.ts";
import type { DiscardPacer } from "../session/discard_pacer.ts";
import type { FaultLog } from "../session/fault_log.ts";
import { callGuarded } from "../session/handler_result.ts";
import type { Address } from "../transport/address.ts";
import type { Connection, PendingConnection } from "../transport/transport.ts";
import type { Observers } from "./observers.ts";
import { ReasonCounts } from "./reason_counts.ts";

/** How long a refused peer may take to receive the refusal message and to end its side. */
const LAST_WORD_MS = 1_000;
/** Peers that are sent the refusal message at a time; further ones are closed without it. */
const MOST_TOLD = 256;

/** A connection that was refused. */
export interface RefusedEvent {
  /** The peer. */
  readonly remoteAddress: Address;
  /**
   * Why it was refused: `"max-connections"`, there are `maxConnections` sessions; `"open-files"`, the process has no file descriptors
   * for more; `"not-running"`, the service stops; `"handshake-failed"`, `"handshake-timeout"`,
   * `"too-many-handshakes"`, `"certificate-missing"`, `"certificate-untrusted"`, `"certificate-expired"` or
   * `"certificate-refused"`, of a listener that speaks TLS; `"untrusted-proxy"`,
   * `"proxy-header-invalid"` or `"proxy-header-timeout"`, of one behind a proxy, or another code of a `ConnectionError` such as
   * `"reset"` if the connection broke before its header came; or the word of an `Admission`.
   */
  readonly reason: string;
}

/** What the refusals of a service need of it. */
export interface RefusalsOptions {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Where a fault of the handler is reported. */
  readonly faults: FaultLog;
  /** Limits the rate at which peers are read that are still being told. */
  readonly discardPacer: DiscardPacer;
  /** Observers that hear of refusals besides. */
  readonly observers?: Pick<Observers, "tell"> | undefined;
  /** The application's handler. */
  readonly onConnectionRefused: ((event: RefusedEvent) => unknown) | undefined;
}

/** Closes what is refused, counts it, and tells the application and the peer. */
export class Refusals {
  /** Connections refused so far. */
  count = 0;
  readonly #counts = new ReasonCounts();
  readonly #options: RefusalsOptions;
  readonly #told = new Set<Connection>();

  /** Makes it. */
  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** How many were refused, by reason. */
  get byReason(): Readonly<Record<string, number>> {
    return this.#counts.snapshot();
  }

  /** Refuses a connection that is not started. Sends it `lastWord`, an encoded frame, before it closes, if that is given. */
  refuse(connection: Connection | PendingConnection, reason: string, lastWord?: Uint8Array): void {
    this.count++;
    this.#counts.count(reason);
    const { observers, onConnectionRefused } = this.#options;
    const { remoteAddress } = connection;
    const isTold = lastWord !== undefined && this.#told.size < MOST_TOLD && "start" in connection;
    if (!isTold) connection.close();
    else this.#tell(connection, lastWord);
    observers?.tell("onConnectionRefused", { remoteAddress, reason });
    if (onConnectionRefused === undefined) return;
    callGuarded(() => onConnectionRefused({ remoteAddress, reason }), (fault) => this.#logFault(fault));
  }

  /** Aborts the connections that are still being sent the refusal message. */
  stop(): void {
    for (const connection of this.#told) connection.abort();
  }

  #tell(connection: Connection, lastWord: Uint8Array): void {
    this.#told.add(connection);
    const { clock, discardPacer } = this.#options;
    const timer = clock.setTimer(() => connection.abort(), LAST_WORD_MS);
    connection.start({
      onData: () => {},
      onDiscard: (length) => discardPacer.count(connection, length),
      onEnd: () => connection.close(),
      onDrain: () => connection.shutdown(),
      onClose: () => {
        clock.clearTimer(timer);
        this.#told.delete(connection);
      },
    });
    connection.discardInput();
    if (connection.write(lastWord, 0, lastWord.length)) connection.shutdown();
  }

  #logFault(fault: unknown): void {
    const message = "The onConnectionRefused handler failed: {error}";
    this.#options.faults.report("listener", "error", message, { error: toError(fault) });
  }
}

/**
 * Encodes a refusal message.
 *
 * @param encoder The service's encoder.
 * @param payload The message; undefined for none.
 * @returns The frame.
 * @throws {RangeError} if it is longer than the codec takes.
 */
export function encodeLastWord(encoder: FrameEncoder, payload: Uint8Array | undefined): Uint8Array | undefined {
  if (payload === undefined) return undefined;
  if (payload.length > encoder.maxPayloadBytes) {
    throw new RangeError(
      `Cannot create service as refusalMessage must be at most ${encoder.maxPayloadBytes} bytes: ` +
        `current value is ${payload.length} bytes`,
    );
  }
  const frame = new Uint8Array(encoder.frameBytes(payload.length));
  return frame.subarray(0, encoder.encode(payload, 0, payload.length, frame, 0));
}
