// guardLogger(): a logger that does not throw, whatever the application's own does. Runtime neutral.

import { callGuarded } from "../session/handler_result.ts";
import type { Logger, LoggerLevel } from "../logger.ts";

/**
 * Stands before a logger whose faults must not reach the code that reports something: they could keep a session from ending,
 * or break off a whole turn's work.
 *
 * @param logger The application's logger.
 * @returns A logger that drops what the other one throws, or what its promise is rejected with. So do those of its parts.
 */
export function guardLogger(logger: Logger): Logger {
  const guard = (level: LoggerLevel): Logger[LoggerLevel] => (message, properties) => {
    callGuarded(() => logger[level](message, properties), () => {}); // There is nobody left to tell.
  };
  const guarded: Logger = { debug: guard("debug"), info: guard("info"), warn: guard("warn"), error: guard("error") };
  const getChild = (category: string): Logger => {
    try {
      const child = logger.getChild?.(category);
      return child === undefined ? guarded : guardLogger(child);
    } catch {
      return guarded;
    }
  };
  return { ...guarded, getChild };
}
