// SettingsError: everything that is wrong with settings, at once. Runtime neutral.

/** One thing that is wrong. */
export interface SettingsFault {
  /** Where in the tree: `listeners[0].port`; empty for the whole. */
  readonly path: string;
  /** What it must be. */
  readonly rule: string;
  /** What it is, as text; of an object or a list only that it is one, and nothing of what may be a secret. */
  readonly value: string;
  /** Where the value comes from: the file, or the variable of the environment. */
  readonly source: string;
}

/**
 * Settings that cannot be used.
 *
 * @example All faults of a file
 * ```ts
 * import { parseSettings, SettingsError } from "@laster/config";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const text = '{ "maxConnections": -1, "limits": { "idleTimeoutMs": "soon" } }';
 * const error = assertThrows(() => parseSettings(text, { file: "settings.jsonc" }), SettingsError);
 * assertEquals(error.faults.map(({ path }) => path), ["maxConnections", "limits.idleTimeoutMs"]);
 * ```
 */
export class SettingsError extends Error {
  /** The class name. */
  override readonly name = "SettingsError";
  /** All that is wrong. */
  readonly faults: readonly SettingsFault[];

  /** Makes an error of faults; `cause` is the error behind them. */
  constructor(faults: readonly SettingsFault[], cause?: unknown) {
    const lines = faults.map(({ path, rule, value, source }) =>
      `${source}: ${path === "" ? "the whole" : path} ${rule}: current value is ${value}`
    );
    super(`Cannot use settings:\n  ${lines.join("\n  ")}`, cause === undefined ? {} : { cause });
    this.faults = faults;
  }
}
