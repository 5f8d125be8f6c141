// FieldReader: the fields of an element, attributes and child elements alike, each known by name and given once.
// Runtime neutral.

import { ConfigError } from "./config_error.ts";
import type { XmlElement } from "./xml_element.ts";

/** The largest `int` of C#. */
export const LARGEST_INT = 2 ** 31 - 1;

/** What `XmlSerializer` takes for a whole number. */
const INTEGER = /^[+-]?\d{1,10}$/;

/** The names that an element may have fields of. */
export interface FieldNames {
  /** Fields with a value. */
  readonly values: readonly string[];
  /** Fields that hold a list of elements, with the name of those elements. */
  readonly lists?: Readonly<Record<string, string>>;
}

/** An integer's range, and whether it may be left out. */
export interface IntegerRange {
  /** The smallest allowed. */
  readonly least: number;
  /** The largest allowed. */
  readonly most: number;
  /** Whether the field must be there. */
  readonly isRequired?: boolean;
}

/** The fields of one element. */
export class FieldReader {
  readonly #path: string;
  readonly #values = new Map<string, string>();
  readonly #lists = new Map<string, readonly FieldItem[]>();

  /**
   * Takes an element apart.
   *
   * @param element The element.
   * @param names What it may have.
   * @param path The element as messages name its fields: `""` for the root, `"Listeners/Listener[1]/"`.
   * @throws {ConfigError} if a field has another name, comes twice, or is a list in place of a value or the other way round.
   */
  constructor(element: XmlElement, names: FieldNames, path = "") {
    this.#path = path;
    const known = [...names.values, ...Object.keys(names.lists ?? {})];
    const where = path === "" ? element.name : path.slice(0, -1);
    const checkName = (name: string) => {
      if (!known.includes(name)) refuseName(where, `${path}${name}`, name, known);
      if (!this.#values.has(name) && !this.#lists.has(name)) return;
      throw new ConfigError(`${where} may have a field once`, { field: `${path}${name}`, value: name });
    };
    checkNoText(element, where, path.slice(0, -1));
    for (const [name, value] of fieldAttributes(element)) {
      checkName(name);
      if (!names.values.includes(name)) this.#refuse(name, "must be an element", value);
      this.#values.set(name, value.trim());
    }
    for (const child of element.children) {
      checkName(child.name);
      const itemName = names.lists?.[child.name];
      if (itemName === undefined) this.#values.set(child.name, readLeaf(child, path));
      else this.#lists.set(child.name, readItems(child, itemName));
    }
  }

  /** The text of a field, undefined if it is absent. */
  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  /**
   * The whole number in a field.
   *
   * @returns The number, undefined if the field is absent.
   * @throws {ConfigError} if the field is no whole number, out of range, or absent and required.
   */
  integer(name: string, { least, most, isRequired = false }: IntegerRange): number | undefined {
    const text = this.#values.get(name);
    if (text === undefined && !isRequired) return undefined;
    const value = text !== undefined && INTEGER.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    this.#refuse(name, `must be an integer from ${least} to ${most}`, text);
  }

  /**
   * A field whose text is one of a few words, in upper or lower case.
   *
   * @returns The word as it stands in `words`, undefined if the field is absent.
   * @throws {ConfigError} if it is another.
   */
  word<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.#values.get(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word.toLowerCase() === text.toLowerCase());
    return found ?? this.#refuse(name, `must be one of ${words.join(", ")}`, text);
  }

  /** The elements of a list, with their paths; none if it is absent. */
  items(name: string): readonly FieldItem[] {
    return this.#lists.get(name) ?? [];
  }

  /** Throws a `ConfigError` about the value of a field. */
  refuse(name: string, rule: string): never {
    this.#refuse(name, rule, this.#values.get(name));
  }

  #refuse(name: string, rule: string, value: string | undefined): never {
    const field = `${this.#path}${name}`;
    throw new ConfigError(`${field} ${rule}`, { field, value });
  }
}

/** An element of a list. */
export interface FieldItem {
  /** The element. */
  readonly element: XmlElement;
  /** How messages name its fields: `"Listeners/Listener[1]/"`. */
  readonly path: string;
}

/** The attributes without those of XML itself, `xmlns:xsd` or `xsi:nil`, which `XmlSerializer` writes. */
function fieldAttributes({ attributes }: XmlElement): XmlElement["attributes"] {
  return attributes.filter(([name]) => name !== "xmlns" && !name.includes(":"));
}

function checkNoText({ text }: XmlElement, where: string, field: string): void {
  if (text !== "") throw new ConfigError(`${where} must hold fields only`, { field, value: text });
}

function readLeaf(element: XmlElement, path: string): string {
  const inside = element.children[0]?.name ?? fieldAttributes(element)[0]?.[0];
  if (inside === undefined) return element.text;
  const field = `${path}${element.name}`;
  throw new ConfigError(`${field} must hold a value only`, { field, value: inside });
}

function readItems(list: XmlElement, itemName: string): FieldItem[] {
  checkNoText(list, list.name, list.name);
  const other = fieldAttributes(list)[0]?.[0] ?? list.children.find(({ name }) => name !== itemName)?.name;
  if (other !== undefined) refuseName(list.name, `${list.name}/${other}`, other, [itemName]);
  return list.children.map((element, index) => ({ element, path: `${list.name}/${itemName}[${index + 1}]/` }));
}

function refuseName(where: string, field: string, value: string, known: readonly string[]): never {
  throw new ConfigError(`${where} may have the fields ${known.join(", ")} only`, { field, value });
}
