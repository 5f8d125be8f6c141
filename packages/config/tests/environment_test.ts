// Variables of the environment over settings: which they set, what they are read as, and which are refused.

import test from "node:test";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseSettings, SettingsError } from "@laster/config";

const file = "settings.jsonc";
const read = (text: string, environment: Record<string, string> = {}) => parseSettings(text, { file, environment });
const refuse = (text: string, environment: Record<string, string> = {}) =>
  assertThrows(() => read(text, environment), SettingsError);

test("variables stand over the file", () => {
  const { service, logLevel, http } = read('{ "listeners": [{ "port": 1 }], "limits": { "idleTimeoutMs": 5 } }', {
    LASTER_LISTENERS__0__PORT: "2",
    LASTER_LISTENERS__1__PORT: "3",
    LASTER_LISTENERS__1__NAME: "more",
    LASTER_LIMITS__IDLE_TIMEOUT_MS: "30s",
    LASTER_MAX_CONNECTIONS: "7",
    LASTER_POOL__MAX_BYTES: "1MB",
    LASTER_LOG__LEVEL: "debug",
    LASTER_HTTP: '{ "port": 9 }',
    LASTER_SEED: "5",
    PATH: "/bin",
  });
  assertEquals(service, {
    idleTimeoutMs: 30_000,
    maxConnections: 7,
    pool: { maxBytes: 1_000_000 },
    listeners: [{ port: 2 }, { port: 3, name: "more" }],
  });
  assertEquals([logLevel, http?.port], ["debug", 9]);
  assertEquals(refuse("{}", { LASTER_LIMITS__NOTHING: "1" }).faults[0].source, "LASTER_LIMITS__NOTHING");
  assertEquals(refuse("{}", { LASTER_LIMITS____PROTO____X: "1" }).faults.length > 0, true);
  assertEquals(({} as Record<string, unknown>).x, undefined);
});

test("a mistyped variable is refused with what it resembles; variables of others are let be", () => {
  const wrong: [variable: string, says: string][] = [
    ["LASTER_MAX_CONNECTION", "did you mean LASTER_MAX_CONNECTIONS?"],
    ["LASTER_MAXCONNECTIONS", "did you mean LASTER_MAX_CONNECTIONS?"],
    ["LASTER_MAX_DIAL", "did you mean LASTER_MAX_DIALS?"],
    ["LASTER_LIMIT__IDLE_TIMEOUT_MS", "did you mean LASTER_LIMITS?"],
    ["LASTER_LOGS__LEVEL", "did you mean LASTER_LOG?"],
    ["LASTER_SESSIONS__IDLE_TIMEOUT_MS", "known are LASTER_LISTENERS, LASTER_MAX_CONNECTIONS"],
  ];
  for (const [variable, says] of wrong) {
    const { faults, message } = refuse("{}", { [variable]: "SECRET" });
    assertEquals(faults.map(({ source }) => source), [variable]);
    assertStringIncludes(faults[0].rule, says);
    assertEquals(message.includes("SECRET"), false, message);
  }
  for (const name of ["LONG", "SEED", "RUNTIMES", "SHOTS", "PORT", "SERVICE_HOST", "PORT_11110_TCP", ""]) {
    assertEquals(read("{}", { [`LASTER_${name}`]: "[1]" }).service, {}, name);
  }
});

test("a variable for a text is the text, even if it could be read as a number", () => {
  const { service, guard } = read('{ "listeners": [{ "port": 1 }] }', {
    LASTER_LISTENERS__0__NAME: "123",
    LASTER_LISTENERS__0__PATH: "true",
    LASTER_LISTENERS__1__NAME: "1e3",
    LASTER_LISTENERS__1__HOSTNAME: '"0"',
    LASTER_GUARD__ADDRESSES__DENY__0: "10.0.0.1",
  });
  assertEquals(service.listeners, [{ port: 1, name: "123", path: "true" }, { name: "1e3", hostname: "0" }]);
  assertEquals(guard?.addresses, { deny: ["10.0.0.1"] });
  assertEquals(refuse('{ "listeners": [{ "name": 123 }] }').faults.length, 1);
  assertEquals(refuse("{}", { LASTER_LISTENERS__0__NAME: "{}" }).faults.length, 1);
});

test("a variable that names no entry of a list is refused, and so is __proto__ in a file", () => {
  const listeners = '{ "listeners": [{ "port": 1 }], "maxConnections": -1 }';
  const wrong = [
    "PORT",
    "LENGTH",
    "__0__PORT",
    "00__PORT",
    "1000__PORT",
    "4294967294__PORT",
    "CONSTRUCTOR__X",
    "0X__PORT",
  ];
  for (const name of wrong) {
    const variable = `LASTER_LISTENERS__${name}`;
    const { faults } = refuse(listeners, { [variable]: "2" });
    assertEquals(faults.map(({ source }) => source), [variable, file], variable);
    assertStringIncludes(faults[0].rule, "must name an entry of the list by its place, 0 to 999");
  }
  const deny = refuse("{}", {
    LASTER_GUARD__ADDRESSES__DENY__0: "10.0.0.1",
    LASTER_GUARD__ADDRESSES__DENY__FIRST: "x",
  });
  assertEquals(deny.faults.map(({ path, value }) => [path, value]), [["guard.addresses.deny.first", "first"]]);
  for (const name of ["CONSTRUCTOR", "CONSTRUCTOR__NAME", "TO_STRING", "HAS_OWN_PROPERTY"]) {
    assertEquals(refuse("{}", { [`LASTER_LIMITS__${name}`]: "2" }).faults.length, 1, name);
  }
  for (
    const text of ['{ "__proto__": { "maxConnections": 5 } }', '{ "limits": { "__proto__": { "idleTimeoutMs": 5 } } }']
  ) {
    assertStringIncludes(refuse(text).message, "__proto__ is no setting", text);
  }
});

test("a variable that leaves a gap in a list is refused; entry 10 comes after entry 2", () => {
  const gap = refuse('{ "listeners": [{ "port": 1 }] }', {
    LASTER_LISTENERS__2__PORT: "2",
    LASTER_LISTENERS__2__NAME: "a",
  });
  const rule = "must leave no gap in the list, which has 1";
  assertEquals(gap.faults, [
    { path: "listeners[2].name", rule, value: "2", source: "LASTER_LISTENERS__2__NAME" },
    { path: "listeners[2].port", rule, value: "2", source: "LASTER_LISTENERS__2__PORT" },
  ]);
  const none = refuse("{}", { LASTER_GUARD__ADDRESSES__DENY__1: "10.0.0.1" });
  assertEquals(none.faults.map(({ source }) => source), ["LASTER_GUARD__ADDRESSES__DENY__1"]);
  const ports = Array.from({ length: 12 }, (_, index) => index + 1);
  const all = Object.fromEntries(ports.map((port, index) => [`LASTER_LISTENERS__${index}__PORT`, `${port}`]));
  assertEquals(read("{}", all).service.listeners?.map((listener) => listener.port), ports);
});

test("a variable for a part of what is no object is refused: neither value is dropped in silence", () => {
  const inner = { LASTER_LIMITS__IDLE_TIMEOUT_MS: "30s" };
  const both = refuse("{}", { LASTER_LIMITS: "5", ...inner });
  assertEquals(both.faults.map(({ path, source }) => [path, source]), [
    ["limits.idleTimeoutMs", "LASTER_LIMITS__IDLE_TIMEOUT_MS"],
    ["limits", "LASTER_LIMITS"],
  ]);
  assertStringIncludes(both.message, "must be within an object: limits is none");
  for (const value of ["5", "null"]) {
    const { faults } = refuse(`{ "limits": ${value} }`, inner);
    assertEquals(faults.map(({ source }) => source), ["LASTER_LIMITS__IDLE_TIMEOUT_MS", file]);
  }
  const tls = refuse('{ "listeners": [{ "tls": "SECRET" }] }', { LASTER_LISTENERS__0__TLS__KEY_FILE: "a" });
  assertEquals([tls.faults.length, tls.message.includes("SECRET")], [2, false]);
  const deep = refuse('{ "maxConnections": 5 }', { LASTER_MAX_CONNECTIONS__X: "1" });
  assertEquals(deep.faults.map(({ source }) => source), ["LASTER_MAX_CONNECTIONS__X"]);
  assertEquals(read('{ "limits": {} }', { LASTER_LIMITS: '{ "closeTimeoutMs": 5 }', ...inner }).service, {
    closeTimeoutMs: 5,
    idleTimeoutMs: 30_000,
  });
});

test("what is missing in an object that a variable has made is that variable's fault", () => {
  const made = refuse("{}", { LASTER_HTTP__HOSTNAME: "::1", LASTER_LISTENERS__0__TLS__CERT_FILE: "a" });
  assertEquals(made.faults.map(({ path, source }) => [path, source]), [
    ["listeners[0].tls.keyFile", "LASTER_LISTENERS__0__TLS__CERT_FILE"],
    ["http.port", "LASTER_HTTP__HOSTNAME"],
  ]);
  const given = refuse('{ "http": {} }', { LASTER_HTTP__HOSTNAME: "::1" });
  assertEquals(given.faults.map(({ path, source }) => [path, source]), [["http.port", file]]);
});
