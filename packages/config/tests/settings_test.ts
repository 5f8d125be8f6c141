// Settings from texts and files: what is read, everything that is wrong at once, and the JSON Schema.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { loadSettings, parseSettings, SettingsError } from "@laster/config";
import { TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { check } from "../../../tests/property.ts";
import { dataFile } from "./config_text.ts";
import { makeSchema, SCHEMA_FILE } from "./settings_schema.ts";

/** What is read of a JSON Schema. */
interface SchemaPart {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly items?: SchemaPart;
}

const file = "settings.jsonc";
const read = (text: string, environment: Record<string, string> = {}) => parseSettings(text, { file, environment });
const refuse = (text: string, environment: Record<string, string> = {}) =>
  assertThrows(() => read(text, environment), SettingsError);

test("parseSettings() reads JSON with comments, durations and sizes", () => {
  const settings = read(`\uFEFF{
    // Players.
    "listeners": [
      { "name": "players", "port": 11110, "idleTimeoutMs": "1.5m", "proxyProtocol": { "trusted": ["10.0.0.0/8"], "timeoutMs": "2s" } },
      { "hostname": "127.0.0.1", "port": 0, "maxQueuedBytes": "64 MiB", },
    ],
    "maxConnections": 500,
    "pool": { "maxBytes": "512MiB" },
    "limits": { "idleTimeoutMs": "30s", "closeTimeoutMs": 250, "lowWaterMarkBytes": "10KB", "whenFull": "drop-oldest" },
    "guard": { "connections": { "cooldownMs": "2s" }, "messages": { "bytesPerSecond": "1MiB" },
      "load": { "maxDelayMs": "1s", "maxMemoryBytes": "2GiB", "maxSessions": 5000 },
      "slowPeers": { "firstMessageMs": "5s", "messageMs": "1m", "minBytesPerSecond": "2KiB", "maxSilentPerAddress": 8,
        "countLoopback": true },
      "validator": { "scores": { "high": 50 }, "banMs": "10m" } },
    "log": { "level": "info" },
    "http": { "port": 9110 },
  }`);
  assertEquals(settings, {
    service: {
      idleTimeoutMs: 30_000,
      closeTimeoutMs: 250,
      lowWaterMarkBytes: 10_000,
      whenFull: "drop-oldest",
      maxConnections: 500,
      pool: { maxBytes: 536_870_912 },
      listeners: [
        {
          name: "players",
          port: 11_110,
          idleTimeoutMs: 90_000,
          proxyProtocol: { trusted: ["10.0.0.0/8"], timeoutMs: 2_000 },
        },
        { hostname: "127.0.0.1", port: 0, maxQueuedBytes: 67_108_864 },
      ],
    },
    guard: {
      connections: { cooldownMs: 2_000 },
      messages: { bytesPerSecond: 1_048_576 },
      load: { maxDelayMs: 1_000, maxMemoryBytes: 2_147_483_648, maxSessions: 5_000 },
      slowPeers: {
        firstMessageMs: 5_000,
        messageMs: 60_000,
        minBytesPerSecond: 2_048,
        maxSilentPerAddress: 8,
        countLoopback: true,
      },
      validator: { scores: { high: 50 }, banMs: 600_000 },
    },
    logLevel: "info",
    http: { hostname: "127.0.0.1", port: 9_110 },
    files: [file],
  });
  new TcpService(settings.service);
  guard(settings.guard);
  assertEquals(read("{}"), { service: {}, guard: undefined, logLevel: "warning", http: undefined, files: [file] });
});

test("a fault of a value that came from a variable names the variable, whatever found it", () => {
  const from = (environment: Record<string, string>, text = "{}") =>
    refuse(text, environment).faults.map(({ source }) => source);
  assertEquals(from({ LASTER_LIMITS: '{"idleTimeoutMs":"soon"}' }), ["LASTER_LIMITS"]);
  assertEquals(from({ LASTER_GUARD__CONNECTIONS__MAX_PER_ADDRESS: "0" }), [
    "LASTER_GUARD__CONNECTIONS__MAX_PER_ADDRESS",
  ]);
  assertEquals(from({ LASTER_GUARD: '{"connections":{"maxPerAddress":0}}' }), ["LASTER_GUARD"]);
  const tls = '{ "listeners": [{ "port": 1, "tls": { "certFile": "cert.pem", "keyFile": "key.pem" } }] }';
  const [cert, key] = from({ LASTER_LISTENERS__0__TLS__CERT_FILE: "gone.pem" }, tls);
  assertEquals([cert, key], ["LASTER_LISTENERS__0__TLS__CERT_FILE", file]);
  const wrong = '{ "guard": { "connections": { "maxPerAddress": 0 } } }';
  assertEquals(from({ LASTER_GUARD__CONNECTIONS__MAX_PER_PREFIX: "7" }, wrong), [file]);
});

test("parseSettings() says all that is wrong, with path, rule, value and source", () => {
  const { faults, message } = refuse(
    `{
      "listeners": [{ "port": 70000, "tls": { "certFile": "a.pem" } }, { "prot": 5 }],
      "maxConnections": -1,
      "pool": { "maxBytes": "much", "classes": [64] },
      "limits": { "idleTimeoutMs": "soon", "maxQueuedBytes": "5 bytes", "whenFull": "never" },
      "gaurd": {}
    }`,
    { LASTER_LOG__LEVEL: "loud" },
  );
  const seen = faults.map(({ path, value, source }) => [path, value, source]);
  for (
    const fault of [
      ["listeners[0].port", "70000", file],
      ["listeners[0].tls.keyFile", "absent", file],
      ["listeners[1].prot", "not shown", file],
      ["maxConnections", "-1", file],
      ["pool.maxBytes", '"much"', file],
      ["pool.classes", "not shown", file],
      ["limits.idleTimeoutMs", '"soon"', file],
      ["limits.maxQueuedBytes", '"5 bytes"', file],
      ["limits.whenFull", '"never"', file],
      ["log.level", '"loud"', "LASTER_LOG__LEVEL"],
      ["gaurd", "not shown", file],
    ]
  ) assert(seen.some((one) => one.join() === fault.join()), `${fault}: ${message}`);
  assertEquals(faults.length, 11);
  assertStringIncludes(message, "settings.jsonc: limits.idleTimeoutMs must be a duration such as 30s, or milliseconds");
  assertStringIncludes(message, "settings.jsonc: gaurd is no setting");
  for (const text of ["", "[]", "5", "{", '{"log": }', '{ "a" "b" }']) {
    assertEquals(refuse(text).faults[0].path, "", text);
  }
  for (const mark of ["", "\uFEFF"]) {
    assertStringIncludes(refuse(`${mark}{\n  "log": ,\n}`).message, "line 2, column 10");
  }
});

test("parseSettings() refuses durations and sizes that round to 0, and those that no number has exactly", () => {
  for (const value of ['"0.4ms"', '"0.0001s"', `"${"9".repeat(400)}d"`, "1e300"]) {
    const { faults } = refuse(`{ "limits": { "idleTimeoutMs": ${value} } }`);
    assertEquals(faults.map(({ path }) => path), ["limits.idleTimeoutMs"], value);
    assertStringIncludes(faults[0].rule, "must be 0, or round to an integer from 1 to");
    assertEquals(faults[0].value.slice(0, 2), value.slice(0, 2));
  }
  assertEquals(refuse('{ "pool": { "maxBytes": "0.4B" } }').faults.length, 1);
  const { service } = read('{ "limits": { "idleTimeoutMs": "0s", "closeTimeoutMs": "0.6ms", "maxQueuedBytes": 0 } }');
  assertEquals([service.idleTimeoutMs, service.closeTimeoutMs, service.maxQueuedBytes], [0, 1, 0]);
});

test("parseSettings() has one rule for each number, in its own words, and shows what is infinite", () => {
  const rules = {
    idleTimeoutMs: "must be a duration such as 30s, or milliseconds",
    maxQueuedBytes: "must be a size such as 64KiB, or bytes",
    framesPerTurn: "must be a whole number that is not negative",
  };
  for (const [name, rule] of Object.entries(rules)) {
    for (const value of ["-1", "0.5", "-0.5", "1e999", "true", "null"]) {
      const { faults } = refuse(`{ "limits": { "${name}": ${value} } }`);
      const shown = value === "1e999" ? "Infinity" : value;
      assertEquals(faults, [{ path: `limits.${name}`, rule, value: shown, source: file }]);
    }
  }
});

test("parseSettings() refuses a list in place of an object, an empty one too", () => {
  const places = ["limits", "pool", "guard", "guard.connections", "guard.validator.scores", "log", "http"];
  for (const path of places) {
    for (const list of ["[]", "[1]"]) {
      const text = path.split(".").reduceRight((inner, name) => `{ "${name}": ${inner} }`, list);
      assertEquals(refuse(text).faults, [{ path, rule: "must be an object", value: "a list", source: file }]);
    }
  }
  assertEquals(refuse('{ "listeners": [[]] }').faults.map(({ path }) => path), ["listeners[0]"]);
  assertEquals(refuse("{}", { LASTER_LIMITS: "[]" }).faults.map(({ source }) => source), ["LASTER_LIMITS"]);
});

test("parseSettings() refuses a name that comes twice, in whichever object", () => {
  const { faults, message } = refuse(`{
    "maxDials": 1, "limits": { "idleTimeoutMs": 5, "idleTimeoutMs": 6 }, "maxDials": 2,
    "listeners": [{ "port": 1 }, { "port": 2, "port": 3 }],
  }`);
  assertEquals(faults.map(({ path }) => path), ["limits.idleTimeoutMs", "maxDials", "listeners[1].port"]);
  assertStringIncludes(message, "must be there once");
});

test("parseSettings() refuses a text that is nested more deeply than can be read", () => {
  for (const [open, close] of [["[", "]"], ['{"log":', "}"]]) {
    assertEquals(refuse(open.repeat(200_000)).faults[0].value.includes("nested too deeply"), true);
    refuse(`${open.repeat(100_000)}1${close.repeat(100_000)}`);
  }
});

test("parseSettings() says which parts the guard would refuse, and with which words", () => {
  const { faults, message } = refuse(`{ "guard": {
    "addresses": { "deny": ["here"] },
    "connections": { "maxPerAddress": 0 },
    "load": { "maxDelayMs": "30d" },
    "slowPeers": { "maxSilentPerAddress": 0 },
    "messages": { "messagesPerSecond": 5 },
    "validator": { "scores": { "high": 4294967296 } },
  } }`);
  assertEquals(faults.map(({ path }) => path), [
    "guard.addresses",
    "guard.connections",
    "guard.load",
    "guard.slowPeers",
    "guard.validator",
  ]);
  assertStringIncludes(message, "maxDelayMs must be an integer from 0 to 2147483647: current value is 2592000000");
  assertEquals(faults[3].value, '{"maxSilentPerAddress":0}');
});

test("faults show no secrets: nothing of what is under tls, of unknown settings, and of keys that stand anywhere", () => {
  const key = "-----BEGIN PRIVATE KEY-----\\nSECRET";
  /** What is between the lines of PEM: base64 of DER. */
  const bare = `MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7SECRET${"+/9aZ".repeat(20)}==`;
  const texts = [
    `{ "listeners": [{ "port": 1, "tls": { "certFile": "a", "keyFile": "b", "key": "${key}" } }] }`,
    `{ "listeners": [{ "port": 1, "tls": { "certFile": "a", "keyFile": "${bare}" } }] }`,
    `{ "listeners": [{ "port": 1, "tls": { "certFile": "${bare}", "keyFile": "a", "caFile": "${
      bare.slice(0, 66)
    }" } }] }`,
    `{ "log": { "level": "${bare}" } }`,
    `{ "guard": { "addresses": { "deny": ["${key}", "${bare}"] } } }`,
    `{ "guard": { "addresses": { "allow": ["${bare}"] } } }`,
    `{ "listeners": [{ "port": 1, "tls": { "certFile": ["SECRET"], "keyFile": 5 } }] }`,
    `{ "listeners": [{ "port": 1, "tls": { "certFile": "a", "keyFile": "${key}" } }] }`,
    `{ "listeners": [{ "port": 1, "tls": "SECRET" }] }`,
    `{ "listeners": [{ "port": 1, "key": "SECRET" }] }`,
    `{ "listeners": { "tls": { "key": "SECRET" } } }`,
    `{ "log": { "level": "${key}" } }`,
    `{ "tsl": { "key": "SECRET" } }`,
    `["SECRET"]`,
  ];
  const readPem = (path: string): string => {
    throw new Error(`no such file: ${path}`);
  };
  for (const text of texts) {
    const error = assertThrows(() => parseSettings(text, { file, readPem, environment: {} }), SettingsError);
    assertEquals(error.message.includes("SECRET"), false, error.message);
  }
  const { message } = refuse("{}", { LASTER_LISTENERS__0__TLS__KEY: "SECRET", LASTER_LISTENERS__TLS__KEY: "SECRET" });
  assertEquals(message.includes("SECRET"), false, message);
});

test("any text and any variables give settings or a SettingsError", () => {
  const json = fc.json({ maxDepth: 4 });
  const name = fc.constantFrom(
    "LASTER_LIMITS",
    "LASTER_LISTENERS__0__TLS",
    "LASTER_GUARD__ADDRESSES__DENY__3",
    "LASTER_HTTP__",
  );
  check(
    fc.property(fc.oneof(json, fc.string()), name, fc.oneof(json, fc.string()), (text, variable, value) => {
      try {
        read(text, { [variable]: value });
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
      }
    }),
    500,
  );
});

test("loadSettings() reads files of certificates, says which cannot be read, and takes the original's XML", () => {
  const folder = mkdtempSync(join(tmpdir(), "laster-"));
  try {
    const path = join(folder, file);
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write(file, '{ "listeners": [{ "port": 1, "tls": { "certFile": "c.pem", "keyFile": "k.pem" } }] }');
    const error = assertThrows(() => loadSettings(path, { environment: {} }), SettingsError);
    assertEquals(error.faults.map(({ path }) => path), ["listeners[0].tls.certFile", "listeners[0].tls.keyFile"]);
    write("c.pem", "CERT");
    write("k.pem", "KEY");
    const { service, files } = loadSettings(path, { environment: {} });
    assertEquals(service.listeners?.[0].tls, { cert: "CERT", key: "KEY" });
    assertEquals(files, [path, join(folder, "c.pem"), join(folder, "k.pem")]);
    assertThrows(() => loadSettings(join(folder, "none.jsonc")), SettingsError, "can be read");
    write("broken", "\xff");
    const { service: original } = loadSettings(dataFile("SimpleEchoServer.xml").pathname);
    assert((original.listeners?.length ?? 0) > 0);
    new TcpService(original);
    assertThrows(() => loadSettings(dataFile("chat_transcripts.jsonl").pathname), SettingsError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("loadSettings() of XML has listeners only if the file has: what is removed stays in force, as with JSON", () => {
  const folder = mkdtempSync(join(tmpdir(), "laster-"));
  try {
    const path = join(folder, "settings.xml");
    const listenersOf = (fields: string) => {
      writeFileSync(path, `<TcpServiceConfig>${fields}</TcpServiceConfig>`);
      return loadSettings(path).service.listeners;
    };
    assertEquals(listenersOf("<SendCount>5</SendCount>"), undefined);
    assertEquals(listenersOf("<Listeners/>"), []);
    assertEquals(listenersOf("<Listeners><Listener><port>1</port></Listener></Listeners>")?.length, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("loadSettings() says once what is wrong with XML: path, rule and value", () => {
  const folder = mkdtempSync(join(tmpdir(), "laster-"));
  try {
    const path = join(folder, "settings.xml");
    const wrong: Record<string, string> = {
      "<SendCount>x</SendCount>": 'SendCount must be an integer from 1 to 2147483647: current value is "x"',
      "<Listeners><Listener/></Listeners>":
        "Listeners/Listener[1]/port must be an integer from 0 to 65535: current value is absent",
      "<Log/><Log/>": 'Log is refused: TcpServiceConfig may have a field once: current value is "Log"',
      "</a>": 'the whole is refused: it must be well-formed XML: current value is "',
    };
    for (const [fields, line] of Object.entries(wrong)) {
      writeFileSync(path, `<TcpServiceConfig>${fields}</TcpServiceConfig>`);
      const { message } = assertThrows(() => loadSettings(path), SettingsError);
      assertStringIncludes(message, `Cannot use settings:\n  ${path}: ${line}`);
      assertEquals(message.split("current value is").length, 2, message);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("settings.schema.json is that of the schema", () => {
  assertEquals(readFileSync(SCHEMA_FILE, "utf8"), makeSchema(), "run packages/config/tests/settings_schema.ts --write");
});

test("settings.schema.json takes no number that parseSettings() refuses as too large", () => {
  const { anyOf } = JSON.parse(makeSchema()).properties.limits.properties.idleTimeoutMs;
  assertEquals(anyOf[0], { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
  assertEquals(read(`{ "limits": { "idleTimeoutMs": ${anyOf[0].maximum} } }`).service.idleTimeoutMs, anyOf[0].maximum);
  assertEquals(refuse(`{ "limits": { "idleTimeoutMs": ${anyOf[0].maximum + 1} } }`).faults.length, 1);
});

test("settings.schema.json has a description of every setting, for editors to show", () => {
  const names: string[] = [];
  const look = (schema: SchemaPart, at: string): void => {
    for (const [name, part] of Object.entries(schema.properties ?? {})) {
      names.push(name);
      assert(part.description !== undefined, `${at}${name}`);
      look(part, `${at}${name}.`);
    }
    if (schema.items !== undefined) look(schema.items, at);
  };
  look(JSON.parse(makeSchema()), "");
  assert(names.length > 90, `${names.length}`);
});
