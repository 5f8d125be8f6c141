// startFromXml(): a running service from a config file of laster40Net, in one call. Runtime neutral.

import { type NeedsData, type SessionHandlers, TcpService, type TcpServiceOptions } from "@laster/net";
import type { LasterConfigOptions } from "./laster_config.ts";
import { loadLasterConfig } from "./load_config.ts";
import { withoutUndefined } from "./options.ts";

/** What an application does when something happens: the original's events. */
export interface XmlServiceHandlers<Data = undefined>
  extends SessionHandlers<Data>, Readonly<Pick<TcpServiceOptions<Data>, "onConnectFailed">> {}

/** Options of {@linkcode startFromXml}: any option of a service overrides what the file says, unless it is undefined. */
export interface StartFromXmlOptions<Data = undefined>
  extends LasterConfigOptions, Readonly<Omit<TcpServiceOptions<Data>, keyof XmlServiceHandlers<Data>>> {
  /**
   * Is given each note of the config: a sentence about a field that has no counterpart here, or another meaning.
   *
   * @default {the notes are dropped}
   */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Starts the service of a config file of laster40Net: `new TcpService("SimpleEchoServer.xml")` and `Run()` in one.
 *
 * What {@linkcode loadLasterConfig} says of the file holds. The listeners are open when it resolves; dials have begun.
 *
 * @param path The config file.
 * @param handlers What to do when something happens.
 * @param options Options that override the file, such as `listeners` with another port.
 * @returns The running service.
 * @throws {ConfigError} if the file cannot be read, or is no such config.
 * @throws {ListenError} if a listener cannot be opened; nothing runs then.
 * @throws {TypeError | RangeError} if an option is wrong.
 *
 * @example An echo server, on a free port instead of the file's
 * ```ts
 * import { startFromXml } from "@laster/config";
 * import { assertEquals } from "@std/assert";
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 *
 * const path = `${await mkdtemp(`${tmpdir()}/laster-`)}/server.xml`;
 * await writeFile(
 *   path,
 *   `<TcpServiceConfig>
 *      <MessageFactoryTypeName>NetService.Message.SimpleBinaryMessageFactory</MessageFactoryTypeName>
 *      <Listeners><Listener><port>11110</port></Listener></Listeners>
 *    </TcpServiceConfig>`,
 * );
 * await using service = await startFromXml(
 *   path,
 *   { onMessage: (session, payload) => session.send(payload) },
 *   { listeners: [{ hostname: "127.0.0.1", port: 0 }] },
 * );
 * assertEquals(service.state, "running");
 * ```
 */
export async function startFromXml<Data = undefined>(
  path: string,
  handlers: XmlServiceHandlers<Data>,
  options: StartFromXmlOptions<Data> = {},
): Promise<TcpService<Data>> {
  const { codecs, onNote, ...overrides } = options;
  const config = await loadLasterConfig(path, { codecs });
  if (onNote !== undefined) { for (const note of config.notes) onNote(note); }
  const service = new TcpService<Data>(
    { ...config.options, ...withoutUndefined(overrides), ...handlers } as TcpServiceOptions<Data> & NeedsData<Data>,
  );
  await service.start();
  return service;
}
