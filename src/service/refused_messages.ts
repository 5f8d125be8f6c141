// guardRefused(): the application's onRefused, called where a broadcast was made. Runtime neutral.

import { toError } from "../errors.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { FaultLog } from "../session/fault_log.ts";
import { callGuarded } from "../session/handler_result.ts";

/** A handler that must not throw; undefined if there is none. */
export function guardRefused<Member>(
  onRefused: ((session: Member, payload: Uint8Array, result: SendResult) => unknown) | undefined,
  faults: FaultLog,
): ((session: Member, payload: Uint8Array, result: SendResult) => void) | undefined {
  if (onRefused === undefined) return undefined;
  return (session, payload, result) => {
    callGuarded(() => onRefused(session, payload, result), (fault) => {
      const message = "The onRefused handler failed: {error}";
      faults.report("session", "error", message, { error: toError(fault) });
    });
  };
}
