// loadLasterConfig(): a config of laster40Net from a file. Runtime neutral, over `node:fs/promises`.

import { open } from "node:fs/promises";
import { ConfigError } from "./config_error.ts";
import { type LasterConfig, type LasterConfigOptions, parseLasterConfig } from "./laster_config.ts";
import { MAX_CONFIG_BYTES, refuseSize } from "./xml_element.ts";

/**
 * Reads a config file of laster40Net, as {@linkcode parseLasterConfig} does a text.
 *
 * @param path The file: UTF-8, with or without a byte order mark, at most 262,144 bytes. No more than that is read.
 * @param options Codecs for message factories of your own.
 * @returns The options and the notes.
 * @throws {ConfigError} if the file cannot be read (the runtime's error is its `cause`), or is no such config.
 *
 * @example Read a file
 * ```ts
 * import { loadLasterConfig } from "@laster/config";
 * import { TcpService } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 *
 * const path = `${await mkdtemp(`${tmpdir()}/laster-`)}/server.xml`;
 * await writeFile(path, "<TcpServiceConfig><MaxConnectionCount>10</MaxConnectionCount></TcpServiceConfig>");
 * const { options } = await loadLasterConfig(path);
 * assertEquals(options.maxConnections, 10);
 * await using service = new TcpService({ ...options, onMessage: (session, payload) => session.send(payload) });
 * await service.start();
 * ```
 */
export async function loadLasterConfig(path: string, options: LasterConfigOptions = {}): Promise<LasterConfig> {
  const bytes = await readBounded(path).catch((cause: unknown) => {
    throw new ConfigError("its file must be readable", { field: "", value: String(path), cause });
  });
  if (bytes.length > MAX_CONFIG_BYTES) refuseSize(bytes.length);
  return parseLasterConfig(decodeUtf8(bytes), options);
}

/** Reads a file, but only one byte past the limit: enough to know that it is too long. */
async function readBounded(path: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(MAX_CONFIG_BYTES + 1);
  const file = await open(path, "r");
  try {
    let filledBytes = 0;
    while (filledBytes < buffer.length) {
      const { bytesRead } = await file.read(buffer, filledBytes, buffer.length - filledBytes, null);
      if (bytesRead === 0) break;
      filledBytes += bytesRead;
    }
    return buffer.subarray(0, filledBytes);
  } finally {
    await file.close();
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError("its file must be UTF-8", { field: "", value: "other bytes", cause });
  }
}
