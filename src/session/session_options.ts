// The options of `Session.send` and `Session.close`, and their checks. Runtime neutral.

import { checkKeys, describeValue, LARGEST_TIMER_MS, requireInteger } from "../options.ts";
import type { FullPolicy } from "../outbound/queue_limits.ts";
import { checkPayload } from "../outbound/send_result.ts";

/** Options of {@linkcode Session.send}. */
export interface SendOptions {
  /**
   * `"batch"` writes when `SessionLimits.flush` says, together with other messages; on Bun and Node, a small message may wait
   * for the handlers of up to eleven other sessions whose messages came at the same time. `"now"` writes at once.
   *
   * @default {"batch"}
   */
  readonly flush?: "batch" | "now" | undefined;
  /**
   * What happens to this message while the peer does not read: see `SessionLimits.whenFull`. A message under a policy that does
   * not drop is never dropped for another one: a chat line is not dropped for positions.
   *
   * @default {that of the session}
   */
  readonly whenFull?: FullPolicy | undefined;
  /**
   * What the message is about, under `"latest-per-key"`: it takes the place of a message with the same key (compared
   * as in a `Map`) that still waits for the peer. Ignored under other policies.
   *
   * @default {undefined, which is no key}
   */
  readonly key?: unknown | undefined;
}

const SEND_NAMES: Record<keyof SendOptions, true> = { flush: true, whenFull: true, key: true };

/** Refuses options of `send` with unknown names, and an unknown `flush`. */
export function checkSendOptions(options: SendOptions | null): void {
  for (const name in options) {
    if (!Object.hasOwn(SEND_NAMES, name)) checkKeys("send options", options, SEND_NAMES);
  }
  const flush: unknown = options?.flush;
  if (flush === undefined || flush === "batch" || flush === "now") return;
  throw new TypeError(
    `Cannot send payload as flush must be one of batch, now: current value is ${describeValue(flush)}`,
  );
}

/** Options of {@linkcode Session.close}. */
export interface CloseOptions {
  /** Why, in a word, such as `"kicked"`. For the close event; not sent. */
  readonly detail?: string | undefined;
  /** A last message, behind all that is queued: the reason of a kick. If `send` refuses it, the session closes without it. */
  readonly message?: Uint8Array | undefined;
  /**
   * Milliseconds after which the connection is cut, whether or not the peer reads or sends; 0 to 2^31 - 1. `closeTimeoutMs`,
   * from the last byte that the peer took, counts beside it.
   *
   * @default {undefined: `closeTimeoutMs` alone}
   */
  readonly timeoutMs?: number | undefined;
}

const CLOSE_NAMES: Record<keyof CloseOptions, true> = { detail: true, message: true, timeoutMs: true };

/** Refuses wrong options. */
export function checkCloseOptions(options: CloseOptions): CloseOptions {
  checkKeys("close options", options, CLOSE_NAMES);
  const { detail, message, timeoutMs } = options;
  if (message !== undefined) checkPayload(message);
  if (timeoutMs !== undefined) requireInteger("close session", "timeoutMs", timeoutMs, 0, LARGEST_TIMER_MS);
  if (detail === undefined || typeof detail === "string") return options;
  throw new TypeError(`Cannot close session as detail must be a text: current value is ${describeValue(detail)}`);
}
