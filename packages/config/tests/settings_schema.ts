// The JSON Schema of settings files, made of the schema that checks them. Run by itself it writes settings.schema.json.

import { writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { toJsonSchema } from "@valibot/to-json-schema";
import { settingsSchema } from "../src/settings/schema.ts";

/** Where it is published. */
export const SCHEMA_FILE = fileURLToPath(new URL("../settings.schema.json", import.meta.url));

/** Makes it, as text. */
export function makeSchema(): string {
  const schema = toJsonSchema(settingsSchema, { typeMode: "input", target: "draft-07" });
  return `${JSON.stringify({ title: "Settings of a service of @laster/net", ...schema }, undefined, 2)}\n`;
}

if (process.argv.includes("--write")) writeFileSync(SCHEMA_FILE, makeSchema());
