// The schema of a settings file: the name, type and description of each setting. The JSON Schema is made of it. The service
// checks bounds that depend on each other. Runtime neutral.

import {
  array,
  boolean,
  custom,
  description,
  type GenericSchema,
  type InferInput,
  type InferOutput,
  integer,
  maxValue,
  minValue,
  nonEmpty,
  number,
  type ObjectEntries,
  optional,
  picklist,
  pipe,
  strictObject,
  string,
} from "valibot";
import { count, duration, size } from "./units.ts";

/** An optional field, with the description that editors show: outside, as the JSON Schema has nothing behind a transformation. */
function field<const Schema extends GenericSchema>(schema: Schema, meaning: string) {
  return pipe(optional(schema), description(meaning));
}

/** An object with these fields only. Of itself valibot takes an empty list for an object without fields. */
function object<const Entries extends ObjectEntries>(entries: Entries) {
  const schema = strictObject(entries);
  type Input = InferInput<typeof schema>;
  type Output = InferOutput<typeof schema>;
  const noList = custom<Output>((value) => !Array.isArray(value), "must be an object");
  const run: GenericSchema<Input, Output>["~run"] = (dataset, config) =>
    (Array.isArray(dataset.value) ? noList : schema)["~run"](dataset, config);
  return { ...schema, "~run": run };
}

const text = pipe(string("must be a text"), nonEmpty("must not be empty"));
const flag = boolean("must be true or false");
const port = pipe(
  number("must be a port"),
  integer("must be a port"),
  minValue(0, "must be a port"),
  maxValue(65_535, "must be a port"),
);
const texts = array(text, "must be a list of texts");

/** Limits of sessions, of the service or of a listener. */
const limits = {
  highWaterMarkBytes: field(size, "Queued bytes above which send() answers congested."),
  lowWaterMarkBytes: field(size, "Queued bytes down to which drained() waits."),
  highWaterMarkFrames: field(count, "Queued frames above which send() answers congested."),
  lowWaterMarkFrames: field(count, "Queued frames down to which drained() waits."),
  maxQueuedBytes: field(size, "Queued bytes above which send() answers full."),
  maxQueuedFrames: field(count, "Queued frames above which send() answers full."),
  whenFull: field(
    picklist(
      ["refuse", "drop-oldest", "latest-per-key", "close"],
      "must be refuse, drop-oldest, latest-per-key or close",
    ),
    "What becomes of a message for a full queue.",
  ),
  pauseWhenFull: field(flag, "Whether a peer whose queue is full is not read from."),
  allowHalfOpen: field(flag, "Whether a session stays open once its peer has ended."),
  maxInFlightBytes: field(size, "Bytes that a peer may have still to read; 0 for no bound."),
  maxInFlightMs: field(duration, "The same in time; 0 for no bound."),
  idleTimeoutMs: field(duration, "Silence after which a session is closed; 0 for never."),
  closeTimeoutMs: field(duration, "How long an orderly end may take."),
  handlerTimeoutMs: field(duration, "How long a handler's promise may take; 0 for ever."),
  framesPerTurn: field(count, "Frames that one session handles before the others have their turn."),
};

const tls = object({
  certFile: pipe(text, description("File with the certificate and its chain, PEM.")),
  keyFile: pipe(text, description("File with the key, PEM.")),
  caFile: field(text, "File with the authorities of client certificates, PEM."),
  clientCertificates: field(
    picklist(["none", "asked", "required"], "must be none, asked or required"),
    "Whether clients show a certificate.",
  ),
  alpn: field(texts, "Protocols, the best first."),
  minVersion: field(picklist(["TLSv1.2", "TLSv1.3"], "must be TLSv1.2 or TLSv1.3"), "The oldest version."),
  handshakeTimeoutMs: field(duration, "How long a handshake may take."),
  maxHandshakes: field(count, "Handshakes at the same time."),
});

const listener = object({
  name: field(text, "What it is called: the same name stays the same listener when the file changes."),
  hostname: field(text, "The address to listen on; 0.0.0.0 if it is left out."),
  port: field(port, "The port; 0 lets the system choose."),
  path: field(text, "The path of a Unix socket, in place of host and port."),
  backlog: field(count, "Connections that wait to be accepted."),
  noDelay: field(flag, "Whether small writes leave at once."),
  keepAlive: field(flag, "TCP keep-alive."),
  ipv6Only: field(flag, "Whether a listener on :: takes IPv6 only."),
  reusePort: field(flag, "Whether other processes may listen on the same port."),
  tls: field(tls, "Speaks TLS."),
  proxyProtocol: field(
    object({
      trusted: pipe(texts, description("Addresses and blocks of the proxies.")),
      timeoutMs: field(duration, "How long the header may take."),
    }),
    "Stands behind a proxy that sends the PROXY protocol.",
  ),
  ...limits,
});

const guard = object({
  addresses: field(
    object({
      allow: field(texts, "Who alone may come in: addresses and blocks."),
      deny: field(texts, "Who may not."),
    }),
    "Which addresses may come in.",
  ),
  connections: field(
    object({
      maxPerAddress: field(count, "Connections of an address at the same time."),
      maxPerPrefix: field(count, "Connections of a /24 or /48 at the same time."),
      perAddressPerSecond: field(count, "New connections of an address in a second."),
      perSecond: field(count, "New connections in all in a second."),
      cooldownMs: field(duration, "For how long an address is refused that was too fast."),
      countLoopback: field(flag, "Whether this machine's own addresses are counted."),
    }),
    "How many connections, and how fast.",
  ),
  load: field(
    object({
      maxDelayMs: field(duration, "How late the event loop may be; 0 for any time."),
      maxMemoryBytes: field(size, "Memory that the process may have resident; 0 for any amount."),
      maxSessions: field(count, "Sessions beyond which nobody new comes in; 0 for any number."),
    }),
    "How much load, before connections are refused.",
  ),
  slowPeers: field(
    object({
      firstMessageMs: field(duration, "Until when the first whole message must be there; 0 for ever."),
      messageMs: field(duration, "How long a message may take, from its first byte to its last; 0 for ever."),
      minBytesPerSecond: field(size, "Bytes a second at which a message may take longer."),
      maxSilentPerAddress: field(count, "Connections of an address that have sent no whole message yet."),
      countLoopback: field(flag, "Whether the silent connections of this machine's own addresses are bounded."),
    }),
    "How slow a peer may be.",
  ),
  messages: field(
    object({
      messagesPerSecond: field(count, "Messages of a session in a second; 0 for any number."),
      bytesPerSecond: field(size, "Bytes of a session in a second; 0 for any number."),
      addressMessagesPerSecond: field(count, "Messages of an address in a second; 0 for any number."),
      whenExceeded: field(
        picklist(["wait", "drop", "close"], "must be wait, drop or close"),
        "What becomes of the others.",
      ),
    }),
    "How many messages.",
  ),
  validator: field(
    object({
      scores: field(
        object({
          low: field(count, "Of a low threat."),
          medium: field(count, "Of a medium one."),
          high: field(count, "Of a high one."),
          critical: field(count, "Of a critical one."),
        }),
        "What a bad message adds to the score of its address.",
      ),
      banScore: field(count, "The score at which an address is banned."),
      halfLifeMs: field(duration, "In which half of a score is forgotten."),
      banMs: field(duration, "For how long an address is banned."),
      countLoopback: field(flag, "Whether this machine's own addresses have a score."),
    }),
    "What bad messages lead to.",
  ),
});

/** The whole file. */
export const settingsSchema = object({
  $schema: field(text, "Where editors find the schema."),
  listeners: field(array(listener, "must be a list of listeners"), "The open ports."),
  maxConnections: field(count, "Sessions at the same time."),
  maxDials: field(count, "Dials at the same time."),
  pool: field(
    object({
      maxBytes: field(
        size,
        "Bytes that all sessions together may hold; from half of it on those that hold most are cut.",
      ),
    }),
    "The memory of the sessions.",
  ),
  limits: field(object(limits), "Limits of each session, where its listener does not say."),
  guard: field(guard, "What keeps hostile peers out."),
  log: field(
    object({
      level: field(
        picklist(["debug", "info", "warning", "error", "off"], "must be debug, info, warning, error or off"),
        "What is logged.",
      ),
    }),
    "The log.",
  ),
  http: field(
    object({
      hostname: field(text, "Where health and metrics are served; 127.0.0.1 if it is left out."),
      port: pipe(port, description("The port; 0 lets the system choose.")),
    }),
    "Health and metrics over HTTP; none if it is left out.",
  ),
});

/** A file that was checked. */
export type SettingsFile = InferOutput<typeof settingsSchema>;
