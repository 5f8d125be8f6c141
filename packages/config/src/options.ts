// What all options have in common: known names, and undefined for what is left out. Runtime neutral.

/**
 * Refuses unknown names: one that is misspelt would be left at its default without a word.
 *
 * @param action What was tried, as in "read config".
 * @param options The options as given.
 * @param known The known names as keys.
 * @throws {TypeError} if there is another name.
 */
export function checkNames(action: string, options: object, known: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) throw new TypeError(`Cannot ${action} as it has no option ${name}`);
  }
}

/** Leaves out what is undefined. */
export function withoutUndefined<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Value;
}
