// loadSettings() and watchSettings(): settings from a file, at once and as it changes. Runtime neutral, over `node:fs`.

import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { ConfigError, quote } from "../config_error.ts";
import { parseLasterConfig } from "../laster_config.ts";
import { checkNames } from "../options.ts";
import { parseXml } from "../xml_element.ts";
import { parseSettings, type Settings } from "./parse_settings.ts";
import { SettingsError } from "./settings_error.ts";

/** Far more than a file of settings has. */
const LONGEST_FILE_BYTES = 1_048_576;
/** How often files are looked at, unless the options say. */
const LOOK_MS = 300;
/** The longest that a timer waits. */
const LONGEST_LOOK_MS = 2 ** 31 - 1;

/** Options of {@linkcode loadSettings}. */
export interface LoadSettingsOptions {
  /**
   * Variables of the environment that override what the file says. XML takes none.
   *
   * @default {those of the process; on Deno without the permission to read them all, none}
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Options of {@linkcode watchSettings}. */
export interface WatchSettingsOptions extends LoadSettingsOptions {
  /**
   * Takes settings: at the start, and whenever a file has changed. What it throws, or rejects with, is given to `onFault`,
   * as the `cause` of an error that names the file; at the start `watchSettings()` rejects with that.
   */
  readonly apply: (settings: Settings) => unknown;
  /** Is told once of each change that cannot be read or applied; the settings before stay. What it throws goes to the console. */
  readonly onFault: (error: Error) => void;
  /**
   * Milliseconds between two looks at the files, 1 to 2^31 - 1.
   *
   * @default {300}
   */
  readonly lookMs?: number | undefined;
}

const LOAD_NAMES: Record<keyof LoadSettingsOptions, true> = { environment: true };
const WATCH_NAMES: Record<keyof WatchSettingsOptions, true> = {
  environment: true,
  apply: true,
  onFault: true,
  lookMs: true,
};

/** Settings that are watched. */
export interface SettingsWatch extends AsyncDisposable {
  /** The settings that were applied last. */
  readonly settings: Settings;
  /** Looks at the files no more; resolves once no `apply` is under way, but for one that calls it. */
  stop(): Promise<void>;
}

/**
 * Reads settings from a file of JSON, JSON with comments, or laster40Net's XML (its first character is `<`). Paths of
 * certificates are relative to the folder of the file. Of XML, the codec, the dials, the flush interval and the logger are left
 * out.
 *
 * @param path The file, at most 1 MiB; XML at most 262,144 characters.
 * @param options Variables that override it.
 * @returns The settings.
 * @throws {SettingsError} with all that is wrong, as `parseSettings()` finds it; its `cause` is the error behind it, if there is
 * one.
 * @throws {TypeError} if an option has another name.
 *
 * @example A server from a file
 * ```ts
 * import { loadSettings } from "@laster/config";
 * import { TcpService } from "@laster/net";
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 *
 * const path = `${await mkdtemp(`${tmpdir()}/laster-`)}/settings.jsonc`;
 * await writeFile(path, '{ "listeners": [{ "hostname": "127.0.0.1", "port": 0 }] } // all else is as usual');
 * const { service: options } = loadSettings(path);
 * await using service = new TcpService({ ...options, onMessage: (session, payload) => session.send(payload) });
 * await service.start();
 * ```
 */
export function loadSettings(path: string, options: LoadSettingsOptions = {}): Settings {
  checkNames("load settings", options, LOAD_NAMES);
  return load(path, options, new Map());
}

/** Reads settings; adds to `marks` the state of each file before it was read. */
function load(path: string, options: LoadSettingsOptions, marks: Marks): Settings {
  const file = resolve(path);
  marks.set(file, markOf(file));
  const text = read(file);
  if (/^\uFEFF?\s*</.test(text)) return fromXml(text, file);
  const folder = dirname(file);
  const settings = parseSettings(text, {
    file,
    environment: options.environment ?? ownEnvironment(),
    readPem: (pem) => {
      const pemFile = resolve(folder, pem);
      marks.set(pemFile, markOf(pemFile));
      return readFileSync(pemFile, "utf8");
    },
  });
  return { ...settings, files: settings.files.map((name) => resolve(folder, name)) };
}

/**
 * Reads settings and applies them, then again whenever the file, or that of a certificate or key, changes. A change that
 * cannot be read or applied is reported once, and changes nothing; it is tried again once one of its files changes or appears.
 *
 * @param path The file.
 * @param options What to do with them.
 * @returns The watch.
 * @throws {SettingsError} if the file is wrong at the start.
 * @throws {Error} that names the file, if `apply` fails at the start; its `cause` is what `apply` threw.
 * @throws {TypeError | RangeError} if an option has another name, or `lookMs` is out of range.
 *
 * @example Follow a file
 * ```ts
 * import { watchSettings } from "@laster/config";
 * import { TcpService } from "@laster/net";
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 *
 * const path = `${await mkdtemp(`${tmpdir()}/laster-`)}/settings.jsonc`;
 * await writeFile(path, '{ "listeners": [{ "hostname": "127.0.0.1", "port": 0 }] }');
 * await using service = new TcpService({ onMessage: (session, payload) => session.send(payload) });
 * await service.start();
 * await using watch = await watchSettings(path, {
 *   apply: (settings) => service.reconfigure(settings.service),
 *   onFault: (error) => console.warn(error.message),
 * });
 * ```
 */
export async function watchSettings(path: string, options: WatchSettingsOptions): Promise<SettingsWatch> {
  checkNames("watch settings", options, WATCH_NAMES);
  const { lookMs = LOOK_MS } = options;
  if (!Number.isInteger(lookMs) || lookMs < 1 || lookMs > LONGEST_LOOK_MS) {
    throw new RangeError(
      `Cannot watch settings as lookMs must be an integer from 1 to ${LONGEST_LOOK_MS}: current value is ${lookMs}`,
    );
  }
  const marks: Marks = new Map();
  const settings = load(path, options, marks);
  await apply(settings, path, options);
  return new Watch(path, options, settings, marks);
}

class Watch implements SettingsWatch {
  readonly #path: string;
  readonly #options: WatchSettingsOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  settings: Settings;
  /** The state of each file before it was read, so that the next look sees a change during the read, too. */
  #marks: Marks;
  #work: Promise<void> = Promise.resolve();
  /** In whatever an `apply` calls, the settings that it applies. */
  readonly #callers = new AsyncLocalStorage<Settings>();
  /** The settings that are being applied. */
  #applied: Settings | undefined = undefined;

  constructor(path: string, options: WatchSettingsOptions, settings: Settings, marks: Marks) {
    this.#path = path;
    this.#options = options;
    this.settings = settings;
    this.#marks = marks;
    let isLooking = false;
    this.#timer = setInterval(() => {
      if (isLooking) return;
      isLooking = true;
      this.#work = this.#look().finally(() => isLooking = false);
    }, options.lookMs ?? LOOK_MS);
    this.#timer.unref?.();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const isCaller = this.#applied !== undefined && this.#callers.getStore() === this.#applied;
    if (!isCaller) await this.#work; // The `apply` that calls this would wait for itself.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #look(): Promise<void> {
    const seen: Marks = new Map([...this.#marks.keys()].map((file) => [file, markOf(file)]));
    if ([...seen].every(([file, mark]) => mark === this.#marks.get(file))) return;
    const marks: Marks = new Map();
    try {
      const settings = load(this.#path, this.#options, marks);
      this.#applied = settings;
      await this.#callers.run(settings, () => apply(settings, this.#path, this.#options));
      this.settings = settings;
      this.#marks = marks; // There may be other files now.
    } catch (error) {
      // The fault is reported once: until a file changes, of those before and of those that are named now.
      this.#marks = new Map([...seen, ...marks]);
      void report(this.#options, error as Error);
    } finally {
      this.#applied = undefined;
    }
  }
}

/** Applies settings; an error of it names the file, as what the service refuses says nothing of files. */
async function apply(settings: Settings, path: string, options: WatchSettingsOptions): Promise<void> {
  try {
    await options.apply(settings);
  } catch (cause) {
    if (cause instanceof SettingsError) throw cause;
    throw new Error(`Cannot apply ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Tells of a fault. What `onFault` throws, or rejects with, goes to the console: the watch and the process go on. */
async function report({ onFault }: WatchSettingsOptions, error: Error): Promise<void> {
  try {
    await onFault(error);
  } catch (fault) {
    console.error("The onFault function of watchSettings() failed:", fault, "It was told:", error);
  }
}

/** By file, its time, size, inode and rights as text: it, or who may read it, has changed if that differs. */
type Marks = Map<string, string>;

function markOf(file: string): string {
  try {
    const { mtimeMs, size, ino, mode, uid, gid } = statSync(file);
    return `${mtimeMs} ${size} ${ino} ${mode} ${uid} ${gid}`;
  } catch {
    return "gone";
  }
}

function read(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > LONGEST_FILE_BYTES) throw new RangeError(`it has ${bytes.length} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const rule = `must be a file of UTF-8, at most ${LONGEST_FILE_BYTES} bytes, that can be read`;
    const value = cause instanceof Error ? cause.message : String(cause);
    throw new SettingsError([{ path: "", rule, value, source: file }], cause);
  }
}

function fromXml(text: string, file: string): Settings {
  try {
    const {
      options: { codec: _codec, dials: _dials, flushIntervalMs: _flush, logger: _logger, listeners, ...others },
    } = parseLasterConfig(text);
    // Without the element `listeners` is empty, too; but what is removed from a file stays in force.
    const hasListeners = parseXml(text).children.some(({ name }) => name === "Listeners");
    const service = hasListeners ? { ...others, listeners } : others;
    return { service, guard: undefined, logLevel: "warning", http: undefined, files: [file] };
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const { field: path, rule: said, value } = cause;
    const rule = path !== "" && said.startsWith(`${path} `) ? said.slice(path.length + 1) : `is refused: ${said}`;
    throw new SettingsError([{ path, rule, value: quote(value), source: file }], cause);
  }
}

/** The process's environment; empty on Deno without the permission to read all of it. */
function ownEnvironment(): Readonly<Record<string, string | undefined>> {
  const { Deno: deno } = globalThis as unknown as {
    Deno?: { readonly permissions: { querySync(wish: { readonly name: "env" }): { readonly state: string } } };
  };
  if (deno !== undefined && deno.permissions.querySync({ name: "env" }).state !== "granted") return {};
  return { ...process.env };
}
