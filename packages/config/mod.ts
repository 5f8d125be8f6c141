/**
 * Settings from files: JSON with comments, checked, and followed as it changes; and the config files of laster40Net, read as they
 * are.
 *
 * @example A service from the original's XML
 * ```ts
 * import { parseLasterConfig } from "@laster/config";
 * import { TcpService } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * const { options } = parseLasterConfig(`
 *   <TcpServiceConfig>
 *     <MessageFactoryTypeName>NetService.Message.SimpleBinaryMessageFactory</MessageFactoryTypeName>
 *     <Listeners><Listener ip="127.0.0.1" port="0" /></Listeners>
 *   </TcpServiceConfig>`);
 * await using service = new TcpService({ ...options, onMessage: (session, payload) => session.send(payload) });
 * await service.start();
 * assertEquals(service.stats().listeners.length, 1);
 * ```
 *
 * @module
 */

export type { CodecSettings, CodecSource } from "./src/codec_field.ts";
export { ConfigError, type ConfigErrorDetails } from "./src/config_error.ts";
export {
  type LasterConfig,
  type LasterConfigOptions,
  type LasterServiceOptions,
  parseLasterConfig,
} from "./src/laster_config.ts";
export { loadLasterConfig } from "./src/load_config.ts";
export { startFromXml, type StartFromXmlOptions, type XmlServiceHandlers } from "./src/start_from_xml.ts";
export { LeveledLogger } from "./src/settings/leveled_logger.ts";
export {
  loadSettings,
  type LoadSettingsOptions,
  type SettingsWatch,
  watchSettings,
  type WatchSettingsOptions,
} from "./src/settings/load_settings.ts";
export {
  type LogLevel,
  parseSettings,
  type ParseSettingsOptions,
  type Settings,
} from "./src/settings/parse_settings.ts";
export { SettingsError, type SettingsFault } from "./src/settings/settings_error.ts";
