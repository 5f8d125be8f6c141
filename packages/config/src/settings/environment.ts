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

/** The order in which variables are put in: entry 2 of a list before entry 10. */
const ORDER = new Intl.Collator("en", { numeric: true });

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

/** What variables have set. */
export interface Overlay {
  /** For each path that was set, the name of its variable. */
  readonly sources: ReadonlyMap<string, string>;
  /** For each object or list that was not there, the name of the first variable that is for a part of it. */
  readonly made: ReadonlyMap<string, string>;
  /** The variables that name no place in the tree. */
  readonly faults: readonly SettingsFault[];
}

/**
 * Puts the values of variables into a tree.
 *
 * @param tree The settings as the file has them; it is changed.
 * @param environment The variables.
 * @returns What they have set.
 */
export function overlayEnvironment(
  tree: { [name: string]: Json },
  environment: Readonly<Record<string, string | undefined>>,
): Overlay {
  const sources = new Map<string, string>();
  const made = new Map<string, string>();
  const faults: SettingsFault[] = [];
  for (const [variable, text] of Object.entries(environment).sort(([one], [other]) => ORDER.compare(one, other))) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue;
    const path = variable.slice(PREFIX.length).split(BETWEEN).map(toName);
    if (!Object.hasOwn(ROOTS, path[0])) {
      const rule = ruleForUnknown(path);
      if (rule !== undefined) faults.push({ path: formatPath(path), rule, value: "not shown", source: variable });
      continue;
    }
    const wrong = put(tree, path, readValue(text), (part) => made.set(part, variable));
    if (wrong === undefined) sources.set(formatPath(path), variable);
    else faults.push({ path: formatPath(path), ...wrong, source: variable });
  }
  return { sources, made, faults };
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

/** Puts a value into a tree, and says which objects and lists it makes for that; gives what is wrong with the path, if it is. */
function put(
  tree: { [name: string]: Json },
  path: readonly string[],
  value: Json,
  onMade?: (path: string) => void,
): Pick<SettingsFault, "rule" | "value"> | undefined {
  let at: Json = tree;
  for (const [index, name] of path.entries()) {
    if (typeof at !== "object" || at === null) {
      return { rule: `must be within an object: ${formatPath(path.slice(0, index))} is none`, value: "not shown" };
    }
    if (Array.isArray(at) && !PLACE.test(name)) {
      return { rule: "must name an entry of the list by its place, 0 to 999", value: name };
    }
    if (Array.isArray(at) && Number(name) > at.length) {
      return { rule: `must leave no gap in the list, which has ${at.length}`, value: name };
    }
    const fields = at as { [name: string]: Json };
    let next = value;
    if (index < path.length - 1 && Object.hasOwn(fields, name)) next = fields[name];
    else if (index < path.length - 1) {
      next = /^\d+$/.test(path[index + 1]) ? [] : {};
      onMade?.(formatPath(path.slice(0, index + 1)));
    }
    Object.defineProperty(fields, name, { value: next, writable: true, enumerable: true, configurable: true });
    at = next;
  }
  return undefined;
}
