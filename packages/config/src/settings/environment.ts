// Variables of the environment over a settings file: `LASTER_LIMITS__IDLE_TIMEOUT_MS=30s` stands for `limits.idleTimeoutMs`.
// Runtime neutral.

import type { SettingsFile } from "./schema.ts";
import type { SettingsFault } from "./settings_error.ts";

const PREFIX = "LASTER_";
const BETWEEN = "__";
/** The place of an entry in a list: far more listeners or addresses come from a file. */
const PLACE = /^(?:0|[1-9]\d{0,2})$/;

/** The settings that a variable can set; other variables with the prefix are ignored. */
const ROOTS: Record<Exclude<keyof SettingsFile, "$schema">, true> = {
  listeners: true,
  maxConnections: true,
  maxDials: true,
  pool: true,
  limits: true,
  guard: true,
  log: true,
  http: true,
};

/** A tree of JSON. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Puts the values of variables into a tree.
 *
 * @param tree The settings as the file has them; it is changed.
 * @param environment The variables.
 * @returns For each path that was set, the name of its variable; and the variables that name no place in the tree.
 */
export function overlayEnvironment(
  tree: { [name: string]: Json },
  environment: Readonly<Record<string, string | undefined>>,
): { readonly sources: ReadonlyMap<string, string>; readonly faults: readonly SettingsFault[] } {
  const sources = new Map<string, string>();
  const faults: SettingsFault[] = [];
  for (const [variable, text] of Object.entries(environment).sort()) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue;
    const path = variable.slice(PREFIX.length).split(BETWEEN).map(toName);
    if (!Object.hasOwn(ROOTS, path[0])) continue;
    const wrong = put(tree, path, readValue(text));
    if (wrong === undefined) sources.set(formatPath(path), variable);
    else {
      const rule = "must name an entry of the list by its place, 0 to 999";
      faults.push({ path: formatPath(path), rule, value: wrong, source: variable });
    }
  }
  return { sources, faults };
}

/** Writes a path as people do: `listeners[0].port`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((part, index) => /^\d+$/.test(`${part}`) ? `[${part}]` : index === 0 ? part : `.${part}`).join("");
}

/** `IDLE_TIMEOUT_MS` is `idleTimeoutMs`. */
function toName(words: string): string {
  return words.toLowerCase().replaceAll(/_([a-z0-9])/g, (_whole, letter: string) => letter.toUpperCase());
}

/** Reads a value as JSON; as a text if it is none. */
function readValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** Puts a value into a tree; gives the name that should be the place of an entry of a list and is none, if there is one. */
function put(tree: { [name: string]: Json }, path: readonly string[], value: Json): string | undefined {
  let at: { [name: string]: Json } | Json[] = tree;
  for (const [index, name] of path.entries()) {
    if (Array.isArray(at) && !PLACE.test(name)) return name;
    const fields = at as { [name: string]: Json };
    let next: Json = value;
    if (index < path.length - 1) {
      const there = Object.hasOwn(fields, name) ? fields[name] : undefined;
      next = typeof there === "object" && there !== null ? there : /^\d+$/.test(path[index + 1]) ? [] : {};
    }
    Object.defineProperty(fields, name, { value: next, writable: true, enumerable: true, configurable: true });
    at = next as { [name: string]: Json } | Json[];
  }
  return undefined;
}
