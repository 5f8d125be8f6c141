// ConfigError: a config that cannot be used, and which field of it. Runtime neutral.

/** How much of a value an error message shows, in characters: a line of a terminal. */
const SHOWN_LENGTH = 80;

/** What a {@linkcode ConfigError} is about. */
export interface ConfigErrorDetails {
  /** The field, as a path such as `"SendCount"` or `"Listeners/Listener[2]/port"`; empty if it is the whole config. */
  readonly field: string;
  /** The value as it stands in the config, undefined if the field is absent. */
  readonly value: string | undefined;
  /** The error behind it: of the XML parser, or of the runtime that could not read the file. */
  readonly cause?: unknown;
}

/**
 * A config that cannot be read, or says something that no option can be made of.
 *
 * @example Read which field
 * ```ts
 * import { ConfigError, parseLasterConfig } from "@laster/config";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const xml = "<TcpServiceConfig><SendCount>many</SendCount></TcpServiceConfig>";
 * const error = assertThrows(() => parseLasterConfig(xml), ConfigError);
 * assertEquals([error.field, error.value], ["SendCount", "many"]);
 * ```
 */
export class ConfigError extends Error {
  /** The class name. */
  override readonly name = "ConfigError";
  /** The field, as a path such as `"SendCount"` or `"Listeners/Listener[2]/port"`; empty if it is the whole config. */
  readonly field: string;
  /** What the field, or the config, must be or have: `"SendCount must be an integer from 1 to 2147483647"`. */
  readonly rule: string;
  /** The value as it stands in the config, undefined if the field is absent. */
  readonly value: string | undefined;

  /**
   * Makes a config error.
   *
   * @param rule What the field, or the config, must be or have: the part of the message after "as".
   * @param details The field and its value.
   */
  constructor(rule: string, { field, value, cause }: ConfigErrorDetails) {
    super(`Cannot read config as ${rule}: current value is ${quote(value)}`, cause === undefined ? {} : { cause });
    this.field = field;
    this.rule = rule;
    this.value = value;
  }
}

/** Writes a value for a message. */
export function quote(value: string | undefined): string {
  if (value === undefined) return "absent";
  return JSON.stringify(value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value);
}
