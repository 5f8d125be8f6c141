// Variables of the environment over a settings file: `LASTER_LIMITS__IDLE_TIMEOUT_MS=30s` stands for `limits.idleTimeoutMs`.
// Runtime neutral.

import type { SettingsFile } from "./schema.ts";

const PREFIX = "LASTER_";
const BETWEEN = "__";

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
 * @returns For each path that was set, the name of its variable.
 */
export function overlayEnvironment(
  tree: { [name: string]: Json },
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const [variable, text] of Object.entries(environment).sort()) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue;
    const path = variable.slice(PREFIX.length).split(BETWEEN).map(toName);
    if (!Object.hasOwn(ROOTS, path[0])) continue;
    put(tree, path, readValue(text));
    sources.set(formatPath(path), variable);
  }
  return sources;
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

function put(tree: { [name: string]: Json }, path: readonly string[], value: Json): void {
  let at = tree as { [name: string]: Json };
  for (const [index, name] of path.slice(0, -1).entries()) {
    if (!Object.hasOwn(at, name) || typeof at[name] !== "object" || at[name] === null) {
      at[name] = /^\d+$/.test(path[index + 1]) ? [] : {};
    }
    at = at[name] as { [name: string]: Json };
  }
  Object.defineProperty(at, path[path.length - 1], { value, writable: true, enumerable: true, configurable: true });
}
