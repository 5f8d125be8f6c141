// What the checks of options share: a value as text for a message, and the refusal of names that nobody reads. Runtime
// neutral.

/**
 * Writes any value as text, for a message: symbols, objects without a prototype and revoked proxies too. Never throws.
 *
 * @param value The value.
 * @returns The text, or `an object` for what has none.
 */
export function describe(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value === "function" ? "a function" : "an object";
  }
}

/**
 * Gives an option, or its default where it is absent. `null` is a value, and for the check of the option to refuse.
 *
 * @param value The option as given.
 * @param fallback The default.
 * @returns One of the two.
 */
export function orDefault<Value>(value: Value | undefined, fallback: Value): Value {
  return value === undefined ? fallback : value;
}

/**
 * Refuses options with a name that is not known.
 *
 * @param what What is being created, such as `"service"`.
 * @param options The options as given.
 * @param known The known names as keys.
 * @throws {TypeError} if `options` is not an object, or has another name.
 */
export function checkKeys(what: string, options: object, known: Readonly<Record<string, unknown>>): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot create ${what} as its options must be an object: current value is ${describe(options)}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot create ${what} as it has no option of that name: current value is "${name}", ` +
        `known are ${Object.keys(known).join(", ")}`,
    );
  }
}
