// parseLasterConfig(): every field, at its limits and past them.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { test } from "node:test";
import { lengthPrefixed, raw, TcpService } from "@laster/net";
import { parseLasterConfig } from "@laster/config";
import { assertRefused, configOf, field, readData } from "./config_text.ts";

const LARGEST_INT = 2_147_483_647;

/** The longest payload of a config's codec, to send and to receive. */
function payloadLimits(xml: string): [number, number] {
  const { codec } = parseLasterConfig(xml).options;
  return [codec.createEncoder().maxPayloadBytes, codec.createDecoder().maxFrameBytes];
}

test("parseLasterConfig() maps every field of SimpleEchoServer.xml", async () => {
  const { options, notes } = parseLasterConfig(await readData("SimpleEchoServer.xml"));
  const { codec, logger, ...rest } = options;
  assertEquals(codec.name, "simple-binary");
  assertEquals(codec.createEncoder().maxPayloadBytes, 41_000);
  assertEquals(typeof logger?.error, "function");
  assertEquals(rest, {
    maxQueuedFrames: 100,
    maxQueuedBytes: 100 * 41_004,
    maxConnections: 10,
    flushIntervalMs: 50,
    idleTimeoutMs: 30_000,
    listeners: [{ hostname: "0.0.0.0", port: 11110, backlog: 128 }],
    dials: [],
  });
  assertEquals(notes, [
    "ReceviceBuffer is not used: receive buffers adapt to what comes",
    "MessageFactoryAssemblyName is not used: MessageFactoryTypeName alone chooses the codec",
    "Log is file, and goes to the console: a log file needs a logger of your own, as the service's logger option",
  ]);
});

test("parseLasterConfig() maps every field of SimpleClient.xml", async () => {
  const { options } = parseLasterConfig(await readData("SimpleClient.xml"));
  assertEquals(options.listeners, []);
  assertEquals(options.dials, [{ hostname: "127.0.0.1", port: 11110, timeoutMs: 1_000, retries: Infinity }]);
});

test("parseLasterConfig() leaves out what the config leaves out", () => {
  for (const xml of ["<TcpServiceConfig/>", configOf(""), configOf("<Listeners/><Clients></Clients>")]) {
    const { options, notes } = parseLasterConfig(xml);
    assertEquals(Object.keys(options).sort(), ["codec", "dials", "listeners", "logger"]);
    assertEquals([options.codec.name, options.dials, options.listeners, notes], ["raw", [], [], []]);
  }
});

test("parseLasterConfig() gives options that a service takes, at every limit", () => {
  const largest = ["SendCount", "MaxConnectionCount", "UpdateSessionIntval", "SessionReceiveTimeout"];
  for (const value of [1, LARGEST_INT]) {
    const fields = [...largest, "SendBuffer"].map((name) => `<${name}>${value}</${name}>`).join("");
    for (const factory of ["SimpleBinaryMessageFactory", "RawMessageFactory"]) {
      const xml = configOf(`${fields}<MessageFactoryTypeName>${factory}</MessageFactoryTypeName>`);
      assertEquals(new TcpService(parseLasterConfig(xml).options).state, "stopped");
    }
  }
});

test("parseLasterConfig() takes integers as XmlSerializer does: with a sign, zeros and white space", () => {
  assertEquals(parseLasterConfig(field("SendCount", "\n  +0100 ")).options.maxQueuedFrames, 100);
  for (const value of ["", "many", "1.5", "0x10", "1e3", "1 0", "99999999999", "NaN", "Infinity"]) {
    assertRefused(field("SendCount", value), {
      field: "SendCount",
      value,
      rule: `SendCount must be an integer from 1 to ${LARGEST_INT}`,
    });
  }
});

test("parseLasterConfig() refuses numbers out of range", () => {
  for (const name of ["ReceviceBuffer", "ReceiveBuffer", "SendBuffer", "SendCount", "MaxConnectionCount"]) {
    for (const value of ["0", "-1", "2147483648"]) {
      assertRefused(field(name, value), {
        field: name,
        value,
        rule: `${name} must be an integer from 1 to ${LARGEST_INT}`,
      });
    }
  }
  for (const name of ["UpdateSessionIntval", "SessionReceiveTimeout"]) {
    for (const value of ["-1", "2147483648", "soon"]) {
      assertRefused(field(name, value), {
        field: name,
        value,
        rule: `${name} must be an integer from 0 to ${LARGEST_INT}`,
      });
    }
  }
});

test("parseLasterConfig() takes ReceviceBuffer and ReceiveBuffer, but not both", () => {
  for (const name of ["ReceviceBuffer", "ReceiveBuffer"]) {
    const { notes } = parseLasterConfig(field(name, "4096"));
    assertEquals(notes, [`${name} is not used: receive buffers adapt to what comes`]);
  }
  assertRefused(configOf("<ReceiveBuffer>1</ReceiveBuffer><ReceviceBuffer>1</ReceviceBuffer>"), {
    field: "ReceiveBuffer",
    value: "1",
    rule: "ReceiveBuffer must not stand beside ReceviceBuffer",
  });
});

test("parseLasterConfig() makes SendBuffer the codec's limit, and says so below the original's", () => {
  const factory = "<MessageFactoryTypeName>SimpleBinaryMessageFactory</MessageFactoryTypeName>";
  assertEquals(payloadLimits(configOf(`<SendBuffer>4096</SendBuffer>${factory}`)), [4_096, 4_100]);
  assertEquals(payloadLimits(configOf(`<SendBuffer>100</SendBuffer>`)), [100, 100]);
  assertEquals(payloadLimits(configOf(factory)), [65_536, 65_540]);
  assertEquals(parseLasterConfig(configOf(`<SendBuffer>4095</SendBuffer>${factory}`)).notes, []);
  assertEquals(parseLasterConfig(field("SendBuffer", "1")).notes, []);
  assertEquals(parseLasterConfig(configOf(`<SendBuffer>4094</SendBuffer>${factory}`)).notes, [
    "SendBuffer limits received messages too, to 4094 bytes: the original takes 4095",
  ]);
});

test("parseLasterConfig() makes room for SendCount frames of the longest kind, and never less than the default", () => {
  const simple = "<MessageFactoryTypeName>SimpleBinaryMessageFactory</MessageFactoryTypeName>";
  const limits = (count: number, size: number) => {
    const sizes = `<SendCount>${count}</SendCount><SendBuffer>${size}</SendBuffer>`;
    const { maxQueuedBytes } = parseLasterConfig(configOf(sizes + simple)).options;
    return maxQueuedBytes;
  };
  assertEquals(limits(1_000, 41_000), 41_004_000);
  assertEquals(limits(1, 100), 1_064_960);
  assertEquals(limits(1, 2_000_000), 16 * 2_000_004);
});

test("parseLasterConfig() takes 0 of UpdateSessionIntval and SessionReceiveTimeout", () => {
  assertEquals(parseLasterConfig(field("UpdateSessionIntval", "0")).options.flushIntervalMs, 0);
  assertEquals(parseLasterConfig(field("SessionReceiveTimeout", "0")).options.idleTimeoutMs, 0);
});

test("parseLasterConfig() finds the codec by the factory's name", () => {
  const names: Record<string, string> = {
    "NetService.Message.SimpleBinaryMessageFactory": "simple-binary",
    "laster40Net.Message.SimpleBinaryMessageFactory, laster40Net, Version=1.0.0.0": "simple-binary",
    "SimpleBinaryMessageFactory": "simple-binary",
    "NetService.Message.RawMessageFactory": "raw",
    "": "raw",
  };
  for (const [typeName, codec] of Object.entries(names)) {
    assertEquals(parseLasterConfig(field("MessageFactoryTypeName", typeName)).options.codec.name, codec, typeName);
  }
});

test("parseLasterConfig() refuses a factory that it does not know", () => {
  for (const value of ["Game.PacketFactory", "toString", "simplebinarymessagefactory", ".", ","]) {
    assertRefused(field("MessageFactoryTypeName", value), {
      field: "MessageFactoryTypeName",
      value,
      rule: "MessageFactoryTypeName must end in one of SimpleBinaryMessageFactory, RawMessageFactory " +
        "(more can be given as codecs)",
    });
  }
});

test("parseLasterConfig() takes codecs of the application, ready or made with SendBuffer", () => {
  const xml = configOf(
    "<SendBuffer>5000</SendBuffer><MessageFactoryTypeName>Game.Net+PacketFactory</MessageFactoryTypeName>",
  );
  const made = parseLasterConfig(xml, {
    codecs: { PacketFactory: ({ maxPayloadBytes }) => lengthPrefixed({ width: 2, maxPayloadBytes }) },
  });
  assertEquals(made.options.codec.createEncoder().maxPayloadBytes, 5_000);
  assertEquals(made.notes, []);

  const ready = raw();
  const { options, notes } = parseLasterConfig(xml, { codecs: { "Game.Net+PacketFactory": ready } });
  assertEquals(options.codec === ready, true);
  assertEquals(notes, ["SendBuffer is not used: the codec given for Game.Net+PacketFactory has a limit of its own"]);

  const replaced = parseLasterConfig(field("MessageFactoryTypeName", "X.RawMessageFactory"), {
    codecs: { RawMessageFactory: lengthPrefixed({ width: 1 }) },
  });
  assertEquals(replaced.options.codec.name, lengthPrefixed({ width: 1 }).name);
});

test("parseLasterConfig() maps a listener: all fields, the least, every address", () => {
  const listener = (fields: string) =>
    parseLasterConfig(configOf(`<Listeners>${fields}</Listeners>`)).options.listeners;
  assertEquals(
    listener("<Listener><ip>127.0.0.1</ip><port>65535</port><backlog>65535</backlog></Listener><Listener port='0'/>"),
    [{ hostname: "127.0.0.1", port: 65_535, backlog: 65_535 }, { hostname: "0.0.0.0", port: 0 }],
  );
  assertEquals(listener("<Listener><ip></ip><port>1</port><backlog>0</backlog></Listener>"), [
    { hostname: "0.0.0.0", port: 1 },
  ]);
  assertEquals(listener("<Listener><ip>::1</ip><port>1</port></Listener>"), [{ hostname: "::1", port: 1 }]);
});

test("parseLasterConfig() takes fields as attributes too", () => {
  const { options } = parseLasterConfig(
    '<TcpServiceConfig SendCount="7" xmlns="urn:x" xsi:schemaLocation="y"><Listeners>' +
      '<Listener ip="127.0.0.1" port="11110" backlog=" 128 "/></Listeners><Clients>' +
      '<Client ip="127.0.0.1" port="11111" timeout="0"><retry>3</retry></Client></Clients></TcpServiceConfig>',
  );
  assertEquals(options.maxQueuedFrames, 7);
  assertEquals(options.listeners, [{ hostname: "127.0.0.1", port: 11110, backlog: 128 }]);
  assertEquals(options.dials, [{ hostname: "127.0.0.1", port: 11111, timeoutMs: 0, retries: 3 }]);
});

test("parseLasterConfig() refuses wrong values of a listener, and says of which", () => {
  const listeners = (fields: string) =>
    configOf(`<Listeners><Listener><port>1</port></Listener><Listener>${fields}</Listener></Listeners>`);
  const path = "Listeners/Listener[2]";
  for (const value of ["-1", "65536", "http"]) {
    const name = `${path}/port`;
    assertRefused(listeners(`<port>${value}</port>`), {
      field: name,
      value,
      rule: `${name} must be an integer from 0 to 65535`,
    });
  }
  assertRefused(listeners(""), {
    field: `${path}/port`,
    value: undefined,
    rule: `${path}/port must be an integer from 0 to 65535`,
  });
  assertRefused(listeners("<port>1</port><backlog>65536</backlog>"), {
    field: `${path}/backlog`,
    value: "65536",
    rule: `${path}/backlog must be an integer from 0 to 65535`,
  });
  for (const value of ["localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4:80", "[::1]", ":::", "::1%eth0"]) {
    assertRefused(listeners(`<ip>${value}</ip><port>1</port>`), {
      field: `${path}/ip`,
      value,
      rule: `${path}/ip must be an IP address or empty`,
    });
  }
});

test("parseLasterConfig() maps a client, and takes retry 0 for ever", () => {
  const client = (fields: string) =>
    parseLasterConfig(configOf(`<Clients><Client><ip>10.0.0.1</ip><port>1</port>${fields}</Client></Clients>`)).options
      .dials;
  assertEquals(client(""), [{ hostname: "10.0.0.1", port: 1, retries: Infinity }]);
  assertEquals(client("<retry>0</retry>"), [{ hostname: "10.0.0.1", port: 1, retries: Infinity }]);
  assertEquals(client("<retry>5</retry><timeout>250</timeout>"), [
    { hostname: "10.0.0.1", port: 1, timeoutMs: 250, retries: 5 },
  ]);
});

test("parseLasterConfig() refuses wrong values of a client", () => {
  const path = "Clients/Client[1]";
  const values: Record<string, [string | undefined, string]> = {
    "<port>1</port>": [undefined, "ip must be an IP address"],
    "<ip></ip><port>1</port>": ["", "ip must be an IP address"],
    "<ip>game.example</ip><port>1</port>": ["game.example", "ip must be an IP address"],
    "<ip>::1</ip>": [undefined, "port must be an integer from 1 to 65535"],
    "<ip>::1</ip><port>0</port>": ["0", "port must be an integer from 1 to 65535"],
    "<ip>::1</ip><port>1</port><timeout>-1</timeout>": ["-1", `timeout must be an integer from 0 to ${LARGEST_INT}`],
    "<ip>::1</ip><port>1</port><retry>-1</retry>": ["-1", `retry must be an integer from 0 to ${LARGEST_INT}`],
  };
  for (const [fields, [value, rule]] of Object.entries(values)) {
    assertRefused(configOf(`<Clients><Client>${fields}</Client></Clients>`), {
      field: `${path}/${rule.split(" ")[0]}`,
      value,
      rule: `${path}/${rule}`,
    });
  }
});

test("parseLasterConfig() refuses unknown fields and names those that there are", () => {
  assertRefused(configOf("<Sendcount>1</Sendcount>"), {
    field: "Sendcount",
    value: "Sendcount",
    rule: "TcpServiceConfig may have the fields ReceviceBuffer, ReceiveBuffer, SendBuffer, SendCount, " +
      "MaxConnectionCount, UpdateSessionIntval, SessionReceiveTimeout, MessageFactoryAssemblyName, " +
      "MessageFactoryTypeName, Log, LogLevel, Listeners, Clients only",
  });
  assertRefused('<TcpServiceConfig port="1"/>', {
    field: "port",
    value: "port",
    rule: "TcpServiceConfig may have the fields ReceviceBuffer, ReceiveBuffer, SendBuffer, SendCount, " +
      "MaxConnectionCount, UpdateSessionIntval, SessionReceiveTimeout, MessageFactoryAssemblyName, " +
      "MessageFactoryTypeName, Log, LogLevel, Listeners, Clients only",
  });
  assertRefused(configOf("<Listeners><Listener><Port>1</Port></Listener></Listeners>"), {
    field: "Listeners/Listener[1]/Port",
    value: "Port",
    rule: "Listeners/Listener[1] may have the fields ip, port, backlog only",
  });
  assertRefused(configOf("<Clients><Listener/></Clients>"), {
    field: "Clients/Listener",
    value: "Listener",
    rule: "Clients may have the fields Client only",
  });
  assertRefused(configOf('<Clients count="1"/>'), {
    field: "Clients/count",
    value: "count",
    rule: "Clients may have the fields Client only",
  });
});

test("parseLasterConfig() refuses a field twice, text between fields, and fields in values", () => {
  assertRefused(configOf("<Log>null</Log><Log>null</Log>"), {
    field: "Log",
    value: "Log",
    rule: "TcpServiceConfig may have a field once",
  });
  assertRefused('<TcpServiceConfig Log="null"><Log>null</Log></TcpServiceConfig>', {
    field: "Log",
    value: "Log",
    rule: "TcpServiceConfig may have a field once",
  });
  assertRefused(configOf("<Clients/><Clients/>"), {
    field: "Clients",
    value: "Clients",
    rule: "TcpServiceConfig may have a field once",
  });
  assertRefused(configOf("7<Log>null</Log>"), {
    field: "",
    value: "7",
    rule: "TcpServiceConfig must hold fields only",
  });
  assertRefused(configOf("<Clients>127.0.0.1</Clients>"), {
    field: "Clients",
    value: "127.0.0.1",
    rule: "Clients must hold fields only",
  });
  assertRefused(configOf("<Log><file/></Log>"), { field: "Log", value: "file", rule: "Log must hold a value only" });
  assertRefused(configOf('<Log to="x">file</Log>'), { field: "Log", value: "to", rule: "Log must hold a value only" });
  assertRefused('<TcpServiceConfig Clients="1"/>', {
    field: "Clients",
    value: "1",
    rule: "Clients must be an element",
  });
});

test("parseLasterConfig() refuses options of another name", () => {
  // deno-lint-ignore no-explicit-any -- it is what a mistyped name is in JavaScript.
  const error = assertThrows(() => parseLasterConfig(configOf(""), { codec: raw() } as any), TypeError);
  assertStringIncludes(error.message, "codec");
});
