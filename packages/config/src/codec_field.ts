// readCodec(): the codec that stands for the message factory of laster40Net, "the original". Runtime neutral.

import { type Codec, raw, simpleBinary } from "@laster/net";
import type { FieldReader } from "./field_reader.ts";

const FIELD = "MessageFactoryTypeName";

/** What a config says about a codec. */
export interface CodecSettings {
  /** The longest payload in bytes: `SendBuffer`, undefined if the config has none. */
  readonly maxPayloadBytes: number | undefined;
}

/** A codec, or a function that makes one with the limit of the config. */
export type CodecSource = Codec | ((settings: CodecSettings) => Codec);

/** The factories that the original brings, by the last part of their names. */
const BUILT_IN: Readonly<Record<string, CodecSource>> = {
  SimpleBinaryMessageFactory: ({ maxPayloadBytes }) => simpleBinary({ maxPayloadBytes }),
  RawMessageFactory: ({ maxPayloadBytes }) => raw({ maxPayloadBytes }),
};

/**
 * Finds the codec of a config.
 *
 * @param fields The config's fields.
 * @param maxPayloadBytes What `SendBuffer` says.
 * @param codecs The application's codecs by factory name; they take precedence over those of the original.
 * @param notes Where to say what could not be done.
 * @returns The codec; without a factory it is the raw one, as the original then has only its receive event.
 * @throws {ConfigError} if no codec has the factory's name.
 */
export function readCodec(
  fields: FieldReader,
  maxPayloadBytes: number | undefined,
  codecs: Readonly<Record<string, CodecSource>>,
  notes: string[],
): Codec {
  const text = fields.text(FIELD);
  if (text === undefined || text === "") return raw({ maxPayloadBytes });
  const known = { ...BUILT_IN, ...codecs };
  const typeName = text.split(",", 1)[0].trim(); // Behind a comma stands the assembly.
  const lastPart = typeName.slice(Math.max(typeName.lastIndexOf("."), typeName.lastIndexOf("+")) + 1);
  const name = [text, typeName, lastPart].find((candidate) => Object.hasOwn(known, candidate));
  if (name === undefined) {
    fields.refuse(FIELD, `must end in one of ${Object.keys(known).join(", ")} (more can be given as codecs)`);
  }
  const source = known[name];
  if (typeof source === "function") return source({ maxPayloadBytes });
  if (maxPayloadBytes !== undefined && source.createEncoder().maxPayloadBytes !== maxPayloadBytes) {
    notes.push(`SendBuffer is not used: the codec given for ${name} has a limit of its own`);
  }
  return source;
}
