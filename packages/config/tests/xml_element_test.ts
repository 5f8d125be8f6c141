// parseXml(), by way of parseLasterConfig(): broken XML, hostile XML, and the limits.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError, parseLasterConfig } from "@laster/config";
import { assertRefused, configOf, field, readData } from "./config_text.ts";
import { check } from "../../../tests/property.ts";

/** What XML is made of. */
const MARKUP = fc.constantFrom(
  "<",
  ">",
  "</",
  "/>",
  "&",
  ";",
  "<!--",
  "-->",
  "<![CDATA[",
  "]]>",
  "<!DOCTYPE a [",
  '"',
  "=",
);
const MAX_CONFIG_BYTES = 262_144;

test("parseLasterConfig() takes declarations, comments, CDATA, entities of XML and a byte order mark", () => {
  const xml = `\uFEFF<?xml version="1.0" encoding="utf-8"?>
    <!-- <SendCount>1</SendCount> -->
    <?pi x?>
    <TcpServiceConfig>
      <!-- the queue -->
      <SendCount><![CDATA[ 100 ]]></SendCount>
      <MessageFactoryAssemblyName>A &amp; B &lt;C&gt;</MessageFactoryAssemblyName>
    </TcpServiceConfig>
    <!-- end -->`;
  assertEquals(parseLasterConfig(xml).options.maxQueuedFrames, 100);
});

test("parseLasterConfig() refuses an empty text", () => {
  for (const xml of ["", " \n\t"]) {
    assertRefused(xml, { field: "", value: xml, rule: "it must have a root element" });
  }
});

test("parseLasterConfig() refuses broken XML and says where it breaks", () => {
  const texts: Record<string, string> = {
    "<TcpServiceConfig>": "Unclosed tag 'TcpServiceConfig'. (line 1, column 1)",
    "<TcpServiceConfig>\n<Log></TcpServiceConfig>":
      "Expected closing tag 'Log' (opened in line 2, col 1) instead of closing tag 'TcpServiceConfig'. (line 2, column 6)",
    "SendCount=1": "char 'S' is not expected. (line 1, column 1)",
    '{"SendCount":1}': "char '{' is not expected. (line 1, column 1)",
    '<?xml version="1.0"?>': "Start tag expected. (line 1)",
    "<TcpServiceConfig><!-- </TcpServiceConfig>": "Unclosed tag 'TcpServiceConfig'. (line 1, column 1)",
    "<TcpServiceConfig a=1/>": "",
  };
  for (const [xml, value] of Object.entries(texts)) {
    const error = assertThrows(() => parseLasterConfig(xml), ConfigError);
    assertStringIncludes(error.message, "Cannot read config as it must be well-formed XML: current value is ");
    assertEquals(error.field, "");
    if (value !== "") assertEquals(error.value, value);
  }
});

test("parseLasterConfig() says of a text that is cut off where it ends, and in which element", () => {
  const texts: Record<string, string> = {
    "<TcpServiceConfig>\n  <SendCount>": "The text ends before the closing tag 'SendCount'. (line 2, column 14)",
    "<TcpServiceConfig>\r\n  <Listeners>\r\n    <Listener>\r\n":
      "The text ends before the closing tag 'Listener'. (line 4, column 1)",
    "<TcpServiceConfig><Log>file</Log><Listeners><Listener><port>1</port></Listener>":
      "The text ends before the closing tag 'Listeners'. (line 1, column 80)",
  };
  for (const [xml, value] of Object.entries(texts)) {
    assertEquals(assertThrows(() => parseLasterConfig(xml), ConfigError).value, value);
  }
});

test("parseLasterConfig() names the place wherever the original's file is cut off", async () => {
  const xml = (await readData("SimpleEchoServer.xml")).trimEnd();
  for (let length = xml.indexOf("<Tcp") + 2; length < xml.length; length++) {
    const cut = xml.slice(0, length);
    const lastLine = cut.split("\n").length;
    const { value } = assertThrows(() => parseLasterConfig(cut), ConfigError);
    const [, line] = /\(line (\d+)(?:, column \d+)?\)$/.exec(value ?? "") ?? [];
    // The line where it ends; or where an element begins that has no end, if it is the root's.
    const isRoot = /^Unclosed tag 'T\w*'/.test(value ?? "");
    assertEquals(line, isRoot ? "2" : `${lastLine}`, JSON.stringify([cut.slice(-20), value]));
  }
});

test("parseLasterConfig() refuses another root element, and two", () => {
  assertRefused("<configuration/>", {
    field: "",
    value: "configuration",
    rule: "its root element must be TcpServiceConfig",
  });
  assertRefused("<TcpServiceConfig/><TcpServiceConfig/>", {
    field: "",
    value: "TcpServiceConfig, TcpServiceConfig",
    rule: "it must have one root element",
  });
});

test("parseLasterConfig() refuses an entity bomb before it grows", () => {
  const entities = Array.from({ length: 9 }, (_, level) => {
    const inner = level === 0 ? "ha" : `&l${level - 1};`.repeat(10);
    return `<!ENTITY l${level} "${inner}">`;
  });
  const bomb = `<?xml version="1.0"?><!DOCTYPE TcpServiceConfig [${entities.join("")}]>${field("SendCount", "&l8;")}`;
  const startMs = performance.now();
  assertRefused(bomb, { field: "", value: "<!DOCTYPE", rule: "it may have no DOCTYPE and no entities of its own" });
  assert(performance.now() - startMs < 5_000);
});

test("parseLasterConfig() refuses any DOCTYPE: one that names a file, in lower case, or without entities", () => {
  const doctypes: Record<string, string> = {
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>': "<!DOCTYPE",
    '<!DOCTYPE TcpServiceConfig SYSTEM "x.dtd">': "<!DOCTYPE",
    "<!doctype x>": "<!doctype",
    '<!ENTITY a "b">': "<!ENTITY",
  };
  for (const [doctype, value] of Object.entries(doctypes)) {
    const rule = "it may have no DOCTYPE and no entities of its own";
    assertRefused(doctype + configOf(""), { field: "", value, rule });
  }
});

test("parseLasterConfig() decodes references to characters once, in elements and attributes, but not in CDATA", () => {
  const refused = (text: string) => assertThrows(() => parseLasterConfig(field("SendCount", text)), ConfigError).value;
  assertEquals(parseLasterConfig(field("SendCount", "&#53;&#x35;&#0053;")).options.maxQueuedFrames, 555);
  const attributes = '<Listeners><Listener port="&#x31;1&#49;" /></Listeners>';
  assertEquals(parseLasterConfig(configOf(attributes)).options.listeners?.[0].port, 111);
  const decoded: Record<string, string> = {
    "&lt;&gt;&amp;&quot;&apos;": `<>&"'`,
    "&#x1F600;&#x3c;": "😀<",
    "&amp;#53;": "&#53;",
    "<![CDATA[&#53;]]>": "&#53;",
    // No character of XML.
    "&#0;&#x1f;&#xD800;&#xFFFE;&#x110000;": "&#0;&#x1f;&#xD800;&#xFFFE;&#x110000;",
  };
  for (const [text, value] of Object.entries(decoded)) assertEquals(refused(text), value);
});

test("parseLasterConfig() leaves entities that XML does not know as they are, so that a field refuses them", () => {
  const rule = "SendCount must be an integer from 1 to 2147483647";
  assertRefused(field("SendCount", "&hundred;"), { field: "SendCount", value: "&hundred;", rule });
});

test("parseLasterConfig() takes 262,144 characters and no more", () => {
  const fill = (length: number) => {
    const xml = configOf("<!---->");
    return xml.replace("<!---->", `<!--${" ".repeat(length - xml.length)}-->`);
  };
  assertEquals(fill(MAX_CONFIG_BYTES).length, MAX_CONFIG_BYTES);
  assertEquals(parseLasterConfig(fill(MAX_CONFIG_BYTES)).notes, []);
  assertRefused(fill(MAX_CONFIG_BYTES + 1), {
    field: "",
    value: `${MAX_CONFIG_BYTES + 1}`,
    rule: `it may be at most ${MAX_CONFIG_BYTES} bytes long`,
  });
});

test("parseLasterConfig() refuses elements in elements without end, and names that JavaScript knows", () => {
  const deep = 30_000;
  const names = ["__proto__", "constructor", "hasOwnProperty", "toString"].map((name) => configOf(`<${name}/>`));
  for (const xml of ["<a>".repeat(deep) + "</a>".repeat(deep), ...names]) {
    assertThrows(() => parseLasterConfig(xml), ConfigError);
  }
});

test("parseLasterConfig() refuses hostile texts of the greatest length in time", () => {
  const startMs = performance.now();
  for (const piece of ["<", "<!--", "<![CDATA[", "<a ", "<a>", "&amp;", "<?", "</", "<a b='", "&#1;"]) {
    const xml = "<TcpServiceConfig>" + piece.repeat(Math.floor((MAX_CONFIG_BYTES - 18) / piece.length));
    assertThrows(() => parseLasterConfig(xml), ConfigError);
  }
  assert(performance.now() - startMs < 20_000);
});

test("ConfigError shows the beginning of a long value, and has all of it", () => {
  const value = "x".repeat(1_000);
  const error = assertThrows(() => parseLasterConfig(field("Log", value)), ConfigError);
  assertEquals(error.value, value);
  assertEquals(error.name, "ConfigError");
  assertStringIncludes(error.message, `current value is "${"x".repeat(80)}…"`);
});

test("parseLasterConfig() refuses what is no text", () => {
  // deno-lint-ignore no-explicit-any -- it is what a caller without types can do.
  for (const value of [undefined, null, 7, new Uint8Array(1)] as any[]) {
    assertThrows(() => parseLasterConfig(value), TypeError);
  }
});

test("parseLasterConfig() answers any change of a config by a config or a ConfigError, and soon", async () => {
  const xml = await readData("SimpleEchoServer.xml");
  const places = fc.array(fc.tuple(fc.nat(xml.length), fc.nat(12), fc.oneof(MARKUP, fc.string())), { maxLength: 4 });
  check(
    fc.property(places, (changes) => {
      let text = xml;
      for (const [at, count, put] of changes) text = text.slice(0, at) + put + text.slice(at + count);
      const startMs = performance.now();
      try {
        parseLasterConfig(text);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
      assert(performance.now() - startMs < 2_000, "it takes too long");
    }),
    300,
  );
});
