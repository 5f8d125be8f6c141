// parseXml(): XML text as a tree of elements, within limits. Knows nothing of what the elements mean. Runtime neutral.

import { type ValidationError, XMLParser, XMLValidator } from "fast-xml-parser";
import { ConfigError } from "./config_error.ts";

/** Enough for two thousand listeners with all their fields, and not enough to keep the event loop busy for long. */
export const MAX_CONFIG_BYTES = 262_144;

/** A config has three levels; this bounds a hostile one. */
const MAX_NESTED_ELEMENTS = 16;

/** A declaration such as `<!DOCTYPE` or `<!ENTITY`: what starts with `<!` and is neither a comment nor CDATA. */
const DECLARATION = /<!(?!--|\[CDATA\[)/;

/** What the validator says of a text that ends inside elements: their names, the innermost last, and no place. */
const ENDS_INSIDE = /^Invalid '\[[^]*"([^"]*)"\s*\]' found\.$/;

/** A reference to a character, by its number or by one of the five names of XML. */
const REFERENCE = /&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const TEXT = "#text";
const ATTRIBUTES = ":@";

/** An element of an XML text. */
export interface XmlElement {
  /** Its name, with a prefix if it has one. */
  readonly name: string;
  /** What stands in its start tag. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** The elements in it, in their order. */
  readonly children: readonly XmlElement[];
  /** The text in it, without white space at its ends. */
  readonly text: string;
}

/** What the parser makes with `preserveOrder`: what is inside under the name, and the attributes under another key. */
type ParsedNode = Readonly<Record<string, unknown>>;

/**
 * Reads XML.
 *
 * Entities of its own, and so any DOCTYPE, are refused before anything is parsed: a few lines of them can grow to
 * gigabytes. Text that is longer than {@linkcode MAX_CONFIG_BYTES} characters is refused too.
 *
 * @param xml The text.
 * @returns The root element.
 * @throws {ConfigError} if it is too long, has a DOCTYPE, or is not well-formed.
 */
export function parseXml(xml: string): XmlElement {
  checkText(xml);
  const nodes = parseNodes(xml);
  const roots = nodes.filter((node) => !(TEXT in node)).map(toElement);
  if (roots.length === 1) return roots[0];
  throw new ConfigError("it must have one root element", {
    field: "",
    value: roots.map(({ name }) => name).join(", "),
  });
}

function checkText(xml: string): void {
  if (typeof xml !== "string") throw new TypeError(`Cannot read config as it must be a text: current value is ${xml}`);
  if (xml.length > MAX_CONFIG_BYTES) refuseSize(xml.length);
  if (xml.trim() === "") throw new ConfigError("it must have a root element", { field: "", value: xml });
  const declaration = DECLARATION.exec(xml);
  if (declaration === null) return;
  const value = xml.slice(declaration.index).split(/[\s>[]/, 1)[0];
  throw new ConfigError("it may have no DOCTYPE and no entities of its own", { field: "", value });
}

/**
 * Refuses a config that is too long.
 *
 * @param size How long it is in bytes or characters, or how much was read of it.
 * @throws {ConfigError} always.
 */
export function refuseSize(size: number): never {
  throw new ConfigError(`it may be at most ${MAX_CONFIG_BYTES} bytes long`, { field: "", value: `${size}` });
}

function parseNodes(xml: string): readonly ParsedNode[] {
  const validity = XMLValidator.validate(xml);
  if (validity !== true) {
    refuseSyntax(describeFault(xml, validity.err));
  }
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    attributeNamePrefix: "",
    textNodeName: TEXT,
    parseTagValue: false,
    parseAttributeValue: false,
    maxNestedTags: MAX_NESTED_ELEMENTS,
    // The parser's own decodes numbers only together with the names of HTML.
    entityDecoder: {
      decode: decodeReferences,
      setExternalEntities: () => {},
      addInputEntities: () => {},
      reset: () => {},
      setXmlVersion: () => {},
    },
  });
  try {
    return parser.parse(xml);
  } catch (error) {
    refuseSyntax(error instanceof Error ? error.message : String(error), error);
  }
}

/** Puts characters in the place of their references; what XML does not know stays as it is. */
function decodeReferences(text: string): string {
  return text.replaceAll(REFERENCE, (whole, decimal?: string, hexadecimal?: string, name?: string) => {
    if (name !== undefined) return NAMED[name];
    const code = decimal === undefined ? parseInt(hexadecimal ?? "", 16) : Number(decimal);
    return isCharacter(code) ? String.fromCodePoint(code) : whole;
  });
}

/** Whether XML 1.0 has a character of that number. */
function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

/** What is wrong, and where. */
function describeFault(xml: string, { msg, line, col }: ValidationError["err"]): string {
  const innermost = ENDS_INSIDE.exec(msg)?.[1];
  if (innermost === undefined) return `${msg} (line ${line}${col === undefined ? "" : `, column ${col}`})`;
  const lines = xml.split("\n");
  const column = (lines.at(-1)?.length ?? 0) + 1;
  return `The text ends before the closing tag '${innermost}'. (line ${lines.length}, column ${column})`;
}

function refuseSyntax(value: string, cause?: unknown): never {
  throw new ConfigError("it must be well-formed XML", { field: "", value, cause });
}

function toElement(node: ParsedNode): XmlElement {
  const name = Object.keys(node).find((key) => key !== ATTRIBUTES) ?? "";
  const inside = (node[name] ?? []) as readonly ParsedNode[]; // With `preserveOrder` it is an array.
  const attributes = Object.entries((node[ATTRIBUTES] ?? {}) as Readonly<Record<string, string>>);
  const texts = inside.filter((child) => TEXT in child).map((child) => String(child[TEXT]));
  return {
    name,
    attributes,
    children: inside.filter((child) => !(TEXT in child)).map(toElement),
    text: texts.join("").trim(),
  };
}
