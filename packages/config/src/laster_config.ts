// parseLasterConfig(): laster40Net's TcpServiceConfig as options of a service. Reads no file. Runtime neutral.

import { isIP } from "node:net";
import type { Codec, ConnectOptions, ListenerOptions, TcpServiceOptions } from "@laster/net";
import { type CodecSource, readCodec } from "./codec_field.ts";
import { ConfigError } from "./config_error.ts";
import { FieldReader, LARGEST_INT } from "./field_reader.ts";
import { readLogger } from "./log_fields.ts";
import { checkNames } from "./options.ts";
import { parseXml, type XmlElement } from "./xml_element.ts";

const ROOT = "TcpServiceConfig";
const LARGEST_PORT = 65_535;
const LARGEST_BACKLOG = 65_535;
/** The defaults of a service: a config with a small `SendCount` does not make the queue smaller than this. */
const LEAST_QUEUED_BYTES = 1_064_960;
const FEWEST_LONGEST_FRAMES = 16;
/** The longest payload that the original's SimpleBinaryMessage receives, whatever `SendBuffer` says. */
const ORIGINAL_MAX_RECEIVED_BYTES = 4_095;

/** The name in the original, and as it should be spelt. */
const RECEIVE_BUFFER_NAMES = ["ReceviceBuffer", "ReceiveBuffer"] as const;

const ROOT_NAMES = {
  values: [
    ...RECEIVE_BUFFER_NAMES,
    "SendBuffer",
    "SendCount",
    "MaxConnectionCount",
    "UpdateSessionIntval",
    "SessionReceiveTimeout",
    "MessageFactoryAssemblyName",
    "MessageFactoryTypeName",
    "Log",
    "LogLevel",
  ],
  lists: { Listeners: "Listener", Clients: "Client" },
} as const;

const LISTENER_NAMES = { values: ["ip", "port", "backlog"] } as const;
const CLIENT_NAMES = { values: ["ip", "port", "timeout", "retry"] } as const;

/** Options of {@linkcode parseLasterConfig} and {@linkcode loadLasterConfig}. */
export interface LasterConfigOptions {
  /**
   * Codecs for message factories of your own, by the name of the factory's type: in full as `MessageFactoryTypeName` has
   * it, or its last part. A function is given what `SendBuffer` says.
   *
   * @default {SimpleBinaryMessageFactory and RawMessageFactory, which can be replaced}
   */
  readonly codecs?: Readonly<Record<string, CodecSource>> | undefined;
}

const OPTION_NAMES: Record<keyof LasterConfigOptions, true> = { codecs: true };

/** What a config says about a service: to be spread into the options of a `TcpService`, beside its handlers. */
export interface LasterServiceOptions extends
  Readonly<
    Pick<
      TcpServiceOptions,
      | "listeners"
      | "dials"
      | "maxConnections"
      | "maxQueuedFrames"
      | "maxQueuedBytes"
      | "idleTimeoutMs"
      | "flushIntervalMs"
      | "logger"
    >
  > {
  /** How frames are cut and made. */
  readonly codec: Codec;
}

/** A config of laster40Net that was read. */
export interface LasterConfig {
  /** The options of the service; a field that the config leaves out is not in it, so that its default holds. */
  readonly options: LasterServiceOptions;
  /** Sentences about the fields that have no counterpart here, or another meaning. */
  readonly notes: readonly string[];
}

/**
 * Reads a config of laster40Net, the XML of its `TcpServiceConfig`, as it is.
 *
 * | field | option |
 * |---|---|
 * | `ReceviceBuffer`, or `ReceiveBuffer` | none, for buffers adapt by themselves: checked, and a note |
 * | `SendBuffer` | `maxPayloadBytes` of the codec, for both directions |
 * | `SendCount` | `maxQueuedFrames`, and a `maxQueuedBytes` that so many of the longest frames fit in |
 * | `MaxConnectionCount` | `maxConnections` |
 * | `UpdateSessionIntval` | `flushIntervalMs` for batched sends; those with `flush: "now"` do not wait; 0 is each turn |
 * | `SessionReceiveTimeout` | `idleTimeoutMs`; 0 is never |
 * | `MessageFactoryTypeName` | `codec`, by its last part: `simpleBinary()`, `raw()` (if none) or one of `codecs` |
 * | `MessageFactoryAssemblyName` | none: a note |
 * | `Log` | `logger`: `console` or none is `consoleLogger()`, `file` too, with a note, `null` is `silentLogger()` |
 * | `LogLevel` | what the logger writes: from `Error` (and warnings), `Info` or `Debug` on |
 * | `Listeners/Listener` | `listeners`: `ip` (none is every address), `port`, `backlog` (0 is the default) |
 * | `Clients/Client` | `dials`: `ip`, `port`, `timeout` (of one attempt; 0 is none), `retry` (0 is for ever) |
 *
 * Fields may be elements, as in the original, or attributes. A text over 262,144 characters and one with a DOCTYPE are
 * refused, so no entity can grow.
 *
 * @param xml The text of the config.
 * @param options Codecs for message factories of your own.
 * @returns The options and the notes.
 * @throws {ConfigError} if the text is no such config, or a field has another name or a wrong value.
 *
 * @example An echo server's config
 * ```ts
 * import { parseLasterConfig } from "@laster/config";
 * import { assertEquals } from "@std/assert";
 *
 * const { options, notes } = parseLasterConfig(`
 *   <TcpServiceConfig>
 *     <ReceviceBuffer>4096</ReceviceBuffer>
 *     <SessionReceiveTimeout>30000</SessionReceiveTimeout>
 *     <MessageFactoryTypeName>NetService.Message.SimpleBinaryMessageFactory</MessageFactoryTypeName>
 *     <Listeners><Listener><port>11110</port></Listener></Listeners>
 *   </TcpServiceConfig>`);
 * assertEquals(options.codec.name, "simple-binary");
 * assertEquals(options.idleTimeoutMs, 30_000);
 * assertEquals(options.listeners, [{ hostname: "0.0.0.0", port: 11110 }]);
 * assertEquals(notes.length, 1);
 * ```
 */
export function parseLasterConfig(xml: string, options: LasterConfigOptions = {}): LasterConfig {
  checkNames("read config", options, OPTION_NAMES);
  const root = parseXml(xml);
  if (root.name !== ROOT) {
    throw new ConfigError(`its root element must be ${ROOT}`, { field: "", value: root.name });
  }
  const fields = new FieldReader(root, ROOT_NAMES);
  const notes: string[] = [];
  noteUnused(fields, notes);
  const maxPayloadBytes = fields.integer("SendBuffer", { least: 1, most: LARGEST_INT });
  const codec = readCodec(fields, maxPayloadBytes, options.codecs ?? {}, notes);
  if (codec.name === "simple-binary" && codec.createEncoder().maxPayloadBytes < ORIGINAL_MAX_RECEIVED_BYTES) {
    notes.push(
      `SendBuffer limits received messages too, to ${maxPayloadBytes} bytes: the original takes ` +
        `${ORIGINAL_MAX_RECEIVED_BYTES}`,
    );
  }
  const timeRange = { least: 0, most: LARGEST_INT };
  const found = {
    codec,
    ...readQueueLimits(fields, codec),
    maxConnections: fields.integer("MaxConnectionCount", { least: 1, most: LARGEST_INT }),
    flushIntervalMs: fields.integer("UpdateSessionIntval", timeRange),
    idleTimeoutMs: fields.integer("SessionReceiveTimeout", timeRange),
    logger: readLogger(fields, notes),
    listeners: fields.items("Listeners").map(({ element, path }) => readListener(element, path)),
    dials: fields.items("Clients").map(({ element, path }) => readClient(element, path)),
  };
  return { options: withoutAbsent(found), notes };
}

function noteUnused(fields: FieldReader, notes: string[]): void {
  const [misspelt, right] = RECEIVE_BUFFER_NAMES;
  if (fields.text(misspelt) !== undefined && fields.text(right) !== undefined) {
    fields.refuse(right, `must not stand beside ${misspelt}`);
  }
  for (const name of RECEIVE_BUFFER_NAMES) {
    if (fields.integer(name, { least: 1, most: LARGEST_INT }) === undefined) continue;
    notes.push(`${name} is not used: receive buffers adapt to what comes`);
  }
  if (fields.text("MessageFactoryAssemblyName") !== undefined) {
    notes.push("MessageFactoryAssemblyName is not used: MessageFactoryTypeName alone chooses the codec");
  }
}

/** `SendCount` frames, with room for each to be the longest, as in the original. The pool's budget holds as well. */
function readQueueLimits(
  fields: FieldReader,
  codec: Codec,
): Pick<TcpServiceOptions, "maxQueuedFrames" | "maxQueuedBytes"> {
  const maxQueuedFrames = fields.integer("SendCount", { least: 1, most: LARGEST_INT });
  if (maxQueuedFrames === undefined) return {};
  const encoder = codec.createEncoder();
  const frames = Math.max(maxQueuedFrames, FEWEST_LONGEST_FRAMES);
  const wantedBytes = frames * encoder.frameBytes(encoder.maxPayloadBytes);
  const maxQueuedBytes = Math.min(Math.max(LEAST_QUEUED_BYTES, wantedBytes), Number.MAX_SAFE_INTEGER);
  return { maxQueuedFrames, maxQueuedBytes };
}

function readListener(element: XmlElement, path: string): ListenerOptions {
  const fields = new FieldReader(element, LISTENER_NAMES, path);
  const ip = fields.text("ip") || "0.0.0.0"; // Empty is every address too, as in the original.
  if (!isIpAddress(ip)) fields.refuse("ip", "must be an IP address or empty");
  const port = fields.integer("port", { least: 0, most: LARGEST_PORT, isRequired: true });
  const backlog = fields.integer("backlog", { least: 0, most: LARGEST_BACKLOG });
  return withoutAbsent({ hostname: ip, port, backlog: backlog || undefined });
}

function readClient(element: XmlElement, path: string): ConnectOptions {
  const fields = new FieldReader(element, CLIENT_NAMES, path);
  const ip = fields.text("ip");
  if (ip === undefined || !isIpAddress(ip)) fields.refuse("ip", "must be an IP address");
  const port = fields.integer("port", { least: 1, most: LARGEST_PORT, isRequired: true });
  const timeoutMs = fields.integer("timeout", { least: 0, most: LARGEST_INT });
  const retry = fields.integer("retry", { least: 0, most: LARGEST_INT }) ?? 0;
  return withoutAbsent({ hostname: ip, port, timeoutMs, retries: retry === 0 ? Infinity : retry });
}

function withoutAbsent<Options extends object>(options: Options): Options {
  const present = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Options; // Every option that can be undefined is optional.
}

/** An IP address without a zone: others could not dial one with a zone. */
function isIpAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes("%");
}
