// Variables of the environment over a settings file: `LASTER_LIMITS__IDLE_TIMEOUT_MS=30s` stands for `limits.idleTimeoutMs`.
// Runtime neutral.

import type { SettingsFile } from "./schema.ts";
import type { SettingsFault } from "./settings_error.ts";

const PREFIX = "LASTER_";
const BETWEEN = "__";
/** The index of an entry in a list, 0 to 999. */
const PLACE = /^(?:0|[1-9]\d{0,2})$/;

/** Most edits by which a name may differ from a setting to resemble it; of a short setting fewer than half its letters. */
const MOST_EDITS = 2;
/** Letters of the shortest setting that other variables are compared with: `LASTER_LONG` is no mistyped `LASTER_LOG`. */
const SHORTEST_COMPARED = 6;

/** The settings that a variable can set. */
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
    if (!Object.hasOwn(ROOTS, path[0])) {
      const rule = ruleForUnknown(path);
      if (rule !== undefined) faults.push({ path: formatPath(path), rule, value: "not shown", source: variable });
      continue;
    }
    const wrong = put(tree, path, readValue(text));
    if (wrong === undefined) sources.set(formatPath(path), variable);
    else {
      const rule = "must name an entry of the list by its place, 0 to 999";
      faults.push({ path: formatPath(path), rule, value: wrong, source: variable });
    }
  }
  return { sources, faults };
}

/**
 * What is wrong with a variable whose first part is no setting; undefined if it is somebody else's: one of a single part that
 * resembles none.
 */
function ruleForUnknown(path: readonly string[]): string | undefined {
  const letters = path[0].toLowerCase();
  const similar = Object.keys(ROOTS).filter((root) =>
    (path.length > 1 || root.length >= SHORTEST_COMPARED) &&
    isNear(letters, root.toLowerCase(), Math.min(MOST_EDITS, Math.floor((root.length - 1) / 2)))
  );
  if (similar.length > 0) return `is no setting, did you mean ${similar.map(toVariable).join(" or ")}?`;
  return path.length > 1 ? `is no setting, known are ${Object.keys(ROOTS).map(toVariable).join(", ")}` : undefined;
}

/** Whether some edits make one text of the other: changes, insertions and deletions of a letter. */
function isNear(one: string, other: string, edits: number): boolean {
  let same = 0;
  while (same < one.length && one[same] === other[same]) same++;
  const [left, right] = [one.slice(same), other.slice(same)];
  if (left === "" || right === "") return left.length + right.length <= edits;
  if (edits === 0) return false;
  return isNear(left.slice(1), right.slice(1), edits - 1) || isNear(left.slice(1), right, edits - 1) ||
    isNear(left, right.slice(1), edits - 1);
}

/** `maxDials` is `LASTER_MAX_DIALS`. */
function toVariable(name: string): string {
  return PREFIX + name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Writes a path as people do: `listeners[0].port`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((part, index) => /^\d+$/.test(`${part}`) ? `[${part}]` : index === 0 ? part : `.${part}`).join("");
}

/** `IDLE_TIMEOUT_MS` is `idleTimeoutMs`. */
function toName(words: string): string {
  return words.toLowerCase().replaceAll(/_([a-z0-9])/g, (_whole, letter: string) => letter.toUpperCase());
}

/** Reads a value as JSON; as a text if it is no JSON. */
function readValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/**
 * Puts the text of a variable, as it is, where it was read as a number or the like.
 *
 * @param tree The tree that variables were put into.
 * @param path Where.
 * @param text The text.
 */
export function putText(tree: { [name: string]: Json }, path: readonly (string | number)[], text: string): void {
  put(tree, path.map(String), text);
}

/** Puts a value into a tree; if a part of the path should be the index of a list and is not, gives that part. */
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
