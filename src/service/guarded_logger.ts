// guardLogger(): a logger that does not throw, whatever the application's own does. Runtime neutral.

import { callGuarded } from "../session/handler_result.ts";
import type { Logger } from "../logger.ts";

/**
 * Stands before a logger whose faults must not reach the code that reports something: they could keep a session from ending,
 * or break off a whole turn's work.
 *
 * @param logger The application's logger.
 * @returns A logger that drops what the other one throws, or what its promise is rejected with.
 */
export function guardLogger(logger: Logger): Logger {
  const guard = (level: keyof Logger): Logger[keyof Logger] => (message, properties) => {
    callGuarded(() => logger[level](message, properties), () => {}); // There is nobody left to tell.
  };
  return { debug: guard("debug"), info: guard("info"), warn: guard("warn"), error: guard("error") };
}
