// parseSettings(): a settings file's text as options. Reads no file. Runtime neutral.

import { parse, type ParseError, printParseErrorCode, visit } from "jsonc-parser";
import { type BaseIssue, safeParse } from "valibot";
import type { ListenerOptions, ReconfigureOptions } from "@laster/net";
import { guard as makeGuard, type GuardOptions } from "@laster/net/guard";
import { checkNames, withoutUndefined } from "../options.ts";
import { formatPath, type Json, type Overlay, overlayEnvironment, putText } from "./environment.ts";
import { type SettingsFile, settingsSchema } from "./schema.ts";
import { SettingsError, type SettingsFault } from "./settings_error.ts";

/** Characters of a value that a fault shows. */
const SHOWN_LENGTH = 80;
/** Stands for a value that may be a secret: faults are logged. */
const HIDDEN = "not shown";
/** Begins what is in a file of a key or a certificate. */
const PEM = "-----BEGIN";
/** What is between the lines of such a file, in one line, as a whole text or one in quotes: base64 of DER, of 48 bytes or more. */
const BARE_PEM = /(?:^|")M[A-Za-z0-9+/]{63,}={0,2}(?:"|$)/;
/** A number that is negative and no whole one breaks one rule. */
const ONE_FAULT_EACH = { abortPipeEarly: true } as const;
const NO_JSON = "must be JSON, with comments if need be";

/** The lowest level that is logged. */
export type LogLevel = "debug" | "info" | "warning" | "error" | "off";

/** Settings that were read. */
export interface Settings {
  /** For the options of a `TcpService`, and for its `reconfigure()`. Listeners with TLS have their certificates in them. */
  readonly service: ReconfigureOptions;
  /** For `guard()`, and for the `change()` of a guard; undefined if the file does not say. */
  readonly guard: Omit<GuardOptions, "clock"> | undefined;
  /** The lowest level that is logged. */
  readonly logLevel: LogLevel;
  /** Where health and metrics are served; undefined for nowhere. */
  readonly http: { readonly hostname: string; readonly port: number } | undefined;
  /** The files that they come from: the settings' own, and those of certificates. */
  readonly files: readonly string[];
}

/** Options of {@linkcode parseSettings}. */
export interface ParseSettingsOptions {
  /** What the file is called, for the messages of errors. */
  readonly file: string;
  /**
   * Variables of the environment that override what the file says: `LASTER_LIMITS__IDLE_TIMEOUT_MS`,
   * `LASTER_LISTENERS__0__PORT`.
   *
   * @default {none}
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Reads the file of a certificate or a key.
   *
   * @default {undefined: settings with such files are refused}
   */
  readonly readPem?: ((path: string) => string) | undefined;
}

const PARSE_NAMES: Record<keyof ParseSettingsOptions, true> = { file: true, environment: true, readPem: true };

/**
 * Reads a text of JSON with comments and trailing commas.
 *
 * @param text The text.
 * @param options Its name, variables that override it, and how to read certificates.
 * @returns The settings.
 * @throws {SettingsError} with all that is wrong. Files of certificates, and bounds of the guard, are looked at once nothing else is.
 * @throws {TypeError} if an option has another name.
 *
 * @example A text
 * ```ts
 * import { parseSettings } from "@laster/config";
 * import { TcpService } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * const { service } = parseSettings('{ "listeners": [{ "port": 0 }], "limits": { "idleTimeoutMs": "30s" } }', {
 *   file: "settings.jsonc",
 *   environment: { LASTER_MAX_CONNECTIONS: "500" },
 * });
 * assertEquals([service.idleTimeoutMs, service.maxConnections], [30_000, 500]);
 * new TcpService({ ...service, onMessage: (session, payload) => session.send(payload) });
 * ```
 */
export function parseSettings(text: string, options: ParseSettingsOptions): Settings {
  checkNames("read settings", options, PARSE_NAMES);
  const { file, environment = {} } = options;
  const tree = parseTree(text, file);
  const overlay = overlayEnvironment(tree, environment);
  const { sources, faults } = overlay;
  let result = safeParse(settingsSchema, tree, ONE_FAULT_EACH);
  let isChanged = false;
  for (const { type, path = [], input } of result.issues ?? []) {
    // `LASTER_LISTENERS__0__NAME=123` is a text, though it could be read as a number.
    const parts = path.map(({ key }) => key as string | number);
    const variable = sources.get(formatPath(parts));
    if (type !== "string" || variable === undefined || typeof input === "object") continue;
    putText(tree, parts, environment[variable] ?? "");
    isChanged = true;
  }
  if (isChanged) result = safeParse(settingsSchema, tree, ONE_FAULT_EACH);
  if (result.success && faults.length === 0) return toSettings(result.output, options, sources);
  throw new SettingsError([...faults, ...(result.issues ?? []).map((issue) => faultOf(issue, file, overlay))]);
}

function parseTree(text: string, file: string): { [name: string]: Json } {
  const errors: ParseError[] = [];
  const json = text.replace(/^\uFEFF/, "");
  let tree: Json | undefined;
  try {
    tree = parse(json, errors, { allowTrailingComma: true }) as Json | undefined;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause; // The parser calls itself for each level.
    throw new SettingsError([{ path: "", rule: NO_JSON, value: "nested too deeply", source: file }], cause);
  }
  const [first] = errors;
  if (first !== undefined) {
    const before = json.slice(0, first.offset).split("\n");
    const place = `line ${before.length}, column ${before[before.length - 1].length + 1}`;
    const value = `${printParseErrorCode(first.error)} at ${place}`;
    throw new SettingsError([{ path: "", rule: NO_JSON, value, source: file }]);
  }
  const faults: SettingsFault[] = [];
  /** The names so far of each object that is open, the innermost last. */
  const seen: Set<string>[] = [];
  visit(json, {
    onObjectBegin: () => void seen.push(new Set()),
    onObjectEnd: () => void seen.pop(),
    onObjectProperty(name, _offset, _length, _line, _character, path) {
      const isFirst = seen.at(-1)?.has(name) !== true;
      seen.at(-1)?.add(name);
      // `__proto__` would set the prototype, and so settings that no check has seen.
      if (isFirst && name !== "__proto__") return;
      const rule = isFirst ? "is no setting" : "must be there once";
      faults.push({ path: formatPath([...path(), name]), rule, value: HIDDEN, source: file });
    },
  });
  if (faults.length > 0) throw new SettingsError(faults);
  if (typeof tree === "object" && tree !== null && !Array.isArray(tree)) return tree;
  throw new SettingsError([{ path: "", rule: "must be an object", value: show(tree), source: file }]);
}

/** Makes a fault of a failed check: the path, the rule, the value, and the file or variable that it comes from. */
function faultOf(issue: BaseIssue<unknown>, file: string, { sources, made }: Overlay): SettingsFault {
  const parts = (issue.path ?? []).map(({ key }) => key as string | number);
  const path = formatPath(parts);
  const isUnknown = issue.type === "strict_object" && issue.expected === "never";
  const isMissing = issue.input === undefined;
  const said = issue.type === "strict_object" ? "must be an object" : issue.message;
  const rule = isUnknown ? "is no setting" : isMissing ? "must be there" : said;
  const isHidden = isUnknown || parts.includes("tls"); // A key that was put in the wrong place is such a value.
  const value = isMissing && !isUnknown ? "absent" : isHidden ? HIDDEN : show(issue.input);
  const maker = isMissing ? made.get(formatPath(parts.slice(0, -1))) : undefined;
  return { path, rule, value, source: variableOf(path, sources) ?? maker ?? file };
}

/** The variable that a value comes from: one of its path, of a part of it, or of what it is a part of. */
function variableOf(path: string, sources: ReadonlyMap<string, string>): string | undefined {
  const isWithin = (inner: string, outer: string) => inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
  return sources.get(path) ?? [...sources].find(([other]) => isWithin(other, path) || isWithin(path, other))?.[1];
}

/** Writes a value for a message: of objects and lists only their kind, as anything may be in them. */
function show(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value); // Of Infinity JSON makes null.
  return isSecret(text) ? HIDDEN : shorten(text);
}

/** Whether a text may be a key, or have one in it. */
function isSecret(text: string): boolean {
  return text.includes(PEM) || BARE_PEM.test(text);
}

function shorten(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function toSettings(
  file: SettingsFile,
  options: ParseSettingsOptions,
  sources: ReadonlyMap<string, string>,
): Settings {
  const { listeners, maxConnections, maxDials, pool, limits, guard, log, http } = file;
  const files = new Set([options.file]);
  const faults: SettingsFault[] = [];
  const readPem = (path: string, field: string) => {
    const source = variableOf(field, sources) ?? options.file;
    if (path.includes(PEM) || path.includes("\n")) {
      faults.push({ path: field, rule: "must be the name of a file", value: HIDDEN, source });
      return "";
    }
    files.add(path);
    try {
      if (options.readPem === undefined) throw new Error("no files are read here");
      return options.readPem(path);
    } catch (error) {
      const isHidden = isSecret(path); // The error has the path in it.
      const why = isHidden ? "" : ` (${error instanceof Error ? error.message : error})`;
      const value = isHidden ? HIDDEN : JSON.stringify(path);
      faults.push({ path: field, rule: `must be a file that can be read${why}`, value, source });
      return "";
    }
  };
  const service = withoutUndefined({
    ...limits,
    maxConnections,
    maxDials,
    pool,
    listeners: listeners?.map(({ tls, ...listener }, index): ListenerOptions => {
      if (tls === undefined) return withoutUndefined(listener);
      const { certFile, keyFile, caFile, ...rest } = tls;
      const at = `listeners[${index}].tls`;
      const identity = { cert: readPem(certFile, `${at}.certFile`), key: readPem(keyFile, `${at}.keyFile`) };
      const ca = caFile === undefined ? undefined : readPem(caFile, `${at}.caFile`);
      return withoutUndefined({ ...listener, tls: withoutUndefined({ ...rest, ...identity, ca }) });
    }),
  });
  for (const [part, value] of Object.entries(guard ?? {})) {
    try {
      makeGuard({ [part]: value }); // The bounds are the guard's to know.
    } catch (error) {
      const rule = `must be what the guard takes (${error instanceof Error ? error.message : error})`;
      // The guard names the option in its error, and so tells a variable from the file.
      const isNamed = ([path]: [string, string]) =>
        path.startsWith(`guard.${part}.`) && rule.includes(path.slice(path.lastIndexOf(".") + 1));
      const whole = sources.get(`guard.${part}`) ?? sources.get("guard");
      const source = whole ?? [...sources].find(isNamed)?.[1] ?? options.file;
      const text = JSON.stringify(value);
      const said = isSecret(text) ? "must be what the guard takes" : rule; // The guard's error has the value in it.
      faults.push({ path: `guard.${part}`, rule: said, value: isSecret(text) ? HIDDEN : shorten(text), source });
    }
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return {
    service,
    guard,
    logLevel: log?.level ?? "warning",
    http: http && { hostname: http.hostname ?? "127.0.0.1", port: http.port },
    files: [...files],
  };
}
