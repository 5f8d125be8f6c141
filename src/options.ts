// checkKeys(): refuses options that nobody reads, so that a mistyped name is found at once. Runtime neutral.

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
    throw new TypeError(`Cannot create ${what} as its options must be an object: current value is ${options}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot create ${what} as it has no option of that name: current value is "${name}", ` +
        `known are ${Object.keys(known).join(", ")}`,
    );
  }
}
