// loadLasterConfig(): the file behind a config, from none to too large.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConfigError, loadLasterConfig } from "@laster/config";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import { configOf, dataFile, field } from "./config_text.ts";

const MAX_CONFIG_BYTES = 262_144;

/** Runs `use` with the path of a file of this content, and removes the file. */
async function withFile<Result>(content: string | Uint8Array, use: (path: string) => Promise<Result>): Promise<Result> {
  using folder = new TemporaryFolder();
  const path = folder.file("config.xml");
  await writeFile(path, content);
  return await use(path);
}

async function loadError(content: string | Uint8Array): Promise<ConfigError> {
  return await withFile(content, (path) => assertRejects(() => loadLasterConfig(path), ConfigError));
}

test("loadLasterConfig() reads the original's files", async () => {
  for (const name of ["SimpleEchoServer.xml", "SimpleClient.xml"]) {
    const { options, notes } = await loadLasterConfig(fileURLToPath(dataFile(name)));
    assertEquals([options.codec.name, options.maxConnections, notes.length], ["simple-binary", 10, 3]);
  }
});

test("loadLasterConfig() reads a file with a byte order mark and text of any language", async () => {
  const xml = `\uFEFF<?xml version="1.0" encoding="utf-8"?>\r\n<!-- 설정 -->\r\n${field("SendCount", "3")}`;
  const { options } = await withFile(xml, (path) => loadLasterConfig(path));
  assertEquals(options.maxQueuedFrames, 3);
});

test("loadLasterConfig() takes codecs", async () => {
  const { options } = await loadLasterConfig(fileURLToPath(dataFile("SimpleClient.xml")), {
    codecs: { SimpleBinaryMessageFactory: ({ maxPayloadBytes }) => ({ ...rawLike, name: `mine ${maxPayloadBytes}` }) },
  });
  assertEquals(options.codec.name, "mine 41000");
});

test("loadLasterConfig() says that a file cannot be read, and why", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("no-such-folder/config.xml");
  const error = await assertRejects(() => loadLasterConfig(path), ConfigError);
  assertStringIncludes(error.message, "Cannot read config as its file must be readable: current value is ");
  assertEquals(error.value, path);
  assertEquals((error.cause as { code?: string }).code, "ENOENT");
});

test("loadLasterConfig() refuses an empty file", async () => {
  const error = await loadError("");
  assertEquals(error.message, 'Cannot read config as it must have a root element: current value is ""');
});

test("loadLasterConfig() takes a file of 262,144 bytes, and reads one more at the most", async () => {
  const pad = (length: number) => configOf("").padEnd(length);
  const { notes } = await withFile(pad(MAX_CONFIG_BYTES), (path) => loadLasterConfig(path));
  assertEquals(notes, []);
  for (const length of [MAX_CONFIG_BYTES + 1, 4 * MAX_CONFIG_BYTES]) {
    const error = await loadError(pad(length));
    assertEquals(
      error.message,
      'Cannot read config as it may be at most 262144 bytes long: current value is "262145"',
    );
  }
});

test("loadLasterConfig() refuses a file that is not UTF-8", async () => {
  for (const content of [new Uint8Array([0xff, 0xfe, 0x3c, 0x00]), new Uint8Array([0x3c, 0xc3, 0x28])]) {
    const error = await loadError(content);
    assertStringIncludes(error.message, "Cannot read config as its file must be UTF-8");
  }
});

const rawLike = {
  createDecoder: () => ({ maxFrameBytes: 1, decode: () => 0 }),
  createEncoder: () => ({ maxPayloadBytes: 1, frameBytes: () => 1, encode: () => 1 }),
};
