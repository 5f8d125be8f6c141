// What the tests of config share: texts of configs, and the error that one is refused with.

import { assertEquals, assertThrows } from "@std/assert";
import { readFile } from "node:fs/promises";
import { ConfigError, type LasterConfigOptions, parseLasterConfig } from "@laster/config";

/** The folder of the original's files. */
const DATA = new URL("../../../tests/data/", import.meta.url);

/** Where one of the original's files is. */
export function dataFile(name: string): URL {
  return new URL(name, DATA);
}

/** The text of one of the original's files. */
export async function readData(name: string): Promise<string> {
  return await readFile(dataFile(name), "utf-8");
}

/** A config with these fields. */
export function configOf(fields: string): string {
  return `<TcpServiceConfig>${fields}</TcpServiceConfig>`;
}

/** A config with one field. */
export function field(name: string, value: string): string {
  return configOf(`<${name}>${value}</${name}>`);
}

/** Checks that a config is refused: the field, the value, and the whole message but its beginning. */
export function assertRefused(
  xml: string,
  expected: { readonly field: string; readonly value: string | undefined; readonly rule: string },
  options?: LasterConfigOptions,
): ConfigError {
  const error = assertThrows(() => parseLasterConfig(xml, options), ConfigError);
  const shown = expected.value === undefined ? "absent" : JSON.stringify(expected.value);
  assertEquals(
    { field: error.field, value: error.value, message: error.message },
    {
      field: expected.field,
      value: expected.value,
      message: `Cannot read config as ${expected.rule}: current value is ${shown}`,
    },
  );
  return error;
}
