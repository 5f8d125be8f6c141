// Shared by the checks of options: values as text for messages, defaults, and checks. Runtime neutral.

/**
 * Writes any value as text: symbols, objects without a prototype and revoked proxies too. Never throws.
 *
 * @param value The value.
 * @returns The text; `an object` or `a function` if it cannot be converted.
 */
export function toText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value === "function" ? "a function" : "an object";
  }
}

/**
 * Writes any value as text, for a message: texts in quotes, functions by their names; symbols, objects without a prototype and
 * revoked proxies too. Never throws.
 *
 * @param value The value.
 * @returns The text; `an object` or `a function` if it cannot be converted.
 */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "function") return toText(value);
  try {
    return `the function ${value.name === "" ? "without a name" : `${value.name}()`}`;
  } catch {
    return "a function"; // A revoked proxy.
  }
}

/**
 * Gives an option, or its default if it is undefined. `null` is not replaced, so that the check of the option refuses it.
 *
 * @param value The option as given.
 * @param fallback The default.
 * @returns One of the two.
 */
export function orDefault<Value>(value: Value | undefined, fallback: Value): Value {
  return value === undefined ? fallback : value;
}

/**
 * Refuses unknown option names.
 *
 * @param what What is being created, such as `"service"`.
 * @param options The options as given.
 * @param known The known names as keys.
 * @throws {TypeError} if `options` is not an object, or has another name.
 */
export function checkKeys(what: string, options: object, known: Readonly<Record<string, unknown>>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(
      `Cannot create ${what} as its options must be an object: current value is ${
        Array.isArray(options) ? "an array" : describeValue(options)
      }`,
    );
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const similar = findSimilar(name, Object.keys(known));
    const hint = similar === undefined ? `known are ${Object.keys(known).join(", ")}` : `did you mean ${similar}?`;
    throw new TypeError(`Cannot create ${what} as it has no option of that name: current value is "${name}", ${hint}`);
  }
}

/**
 * Refuses a value that is no object.
 *
 * @param action What was tried, as in "create routes".
 * @param name The argument's name.
 * @param value The argument.
 * @throws {TypeError} if it is something else.
 */
export function checkObject(action: string, name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(`Cannot ${action} as ${name} must be an object: current value is ${describeValue(value)}`);
}

/**
 * Refuses a value that is no function.
 *
 * @param action What was tried, as in "serve HTTP".
 * @param name The argument's name.
 * @param value The argument.
 * @throws {TypeError} if it is something else.
 */
export function requireFunction(action: string, name: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot ${action} as ${name} must be a function: current value is ${describeValue(value)}`);
}

/** The most similar known name: at most two edits away, and fewer than half its letters, ignoring case. */
function findSimilar(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = 3;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least && distance < candidate.length / 2) [best, least] = [candidate, distance];
  }
  return best;
}

/** The edit distance of two texts: changes, insertions, deletions and swaps of neighbours (optimal string alignment). */
function editDistance(one: string, other: string): number {
  const rows: number[][] = Array.from({ length: one.length + 1 }, (_, row) => [row]);
  for (let column = 0; column <= other.length; column++) rows[0][column] = column;
  for (let row = 1; row <= one.length; row++) {
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      let distance = Math.min(
        rows[row - 1][column] + 1,
        rows[row][column - 1] + 1,
        rows[row - 1][column - 1] + (isSame ? 0 : 1),
      );
      const isSwapped = row > 1 && column > 1 && one[row - 1] === other[column - 2] &&
        one[row - 2] === other[column - 1];
      if (isSwapped) distance = Math.min(distance, rows[row - 2][column - 2] + 1);
      rows[row][column] = distance;
    }
  }
  return rows[one.length][other.length];
}

/** The options whose name is a key of `names` and not of `others`. */
export function pick(options: object, names: object, others: object = {}): object {
  const isPicked = ([name]: [string, unknown]) => Object.hasOwn(names, name) && !Object.hasOwn(others, name);
  return Object.fromEntries(Object.entries(options).filter(isPicked));
}

/** The longest delay of a timer on the runtimes: 2^31 - 1 ms, 24 days. */
export const LARGEST_TIMER_MS = 2_147_483_647;

/**
 * Refuses a number that is not an integer from `minimum` to `maximum`.
 *
 * @param action What was tried, as in "create RingBuffer".
 * @param name The argument's name.
 * @param value The argument.
 * @param minimum Smallest value allowed.
 * @param maximum Largest value allowed.
 * @throws {RangeError} if `value` is not an integer or lies outside the range.
 */
export function requireInteger(
  action: string,
  name: string,
  value: number,
  minimum: number,
  maximum: number,
): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new RangeError(
      `Cannot ${action} as ${name} must be an integer from ${minimum} to ${maximum}: current value is ${
        describeValue(value)
      }`,
    );
  }
}

/**
 * Refuses a value that is not `true` or `false`.
 *
 * @param action What was tried, as in "create slow peers".
 * @param name The argument's name.
 * @param value The argument.
 * @throws {TypeError} if it is something else.
 */
export function requireBoolean(action: string, name: string, value: boolean): void {
  if (typeof value === "boolean") return;
  throw new TypeError(
    `Cannot ${action} as ${name} must be true or false: current value is ${describeValue(value)}`,
  );
}

/**
 * Refuses a value that is not an `AbortSignal`.
 *
 * @param action What was tried, as in "receive message".
 * @param signal The signal, or undefined for none.
 * @throws {TypeError} if it is something else.
 */
export function checkSignal(action: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new TypeError(`Cannot ${action} as signal must be an AbortSignal: current value is ${describeValue(signal)}`);
}

/** What an application may bring, by the methods that are called on it. */
const PARTS = {
  codec: ["createDecoder", "createEncoder"],
  transport: ["listen", "connect"],
  clock: ["now", "setTimer", "clearTimer", "defer"],
  logger: ["debug", "info", "warn", "error"],
} as const;

/**
 * Checks that the parts that an application brings can do what they are for.
 *
 * @param what What is being created, such as `"service"`.
 * @param options The options as given.
 * @throws {TypeError} if one cannot.
 */
export function checkParts(what: string, options: { readonly [Name in keyof typeof PARTS]?: unknown }): void {
  for (const [name, methods] of Object.entries(PARTS)) {
    const value = options[name as keyof typeof PARTS];
    const missing = methods.find((method) => typeof (value as Record<string, unknown> | null)?.[method] !== "function");
    if (value === undefined || missing === undefined) continue;
    throw new TypeError(
      `Cannot create ${what} as ${name} must be an object with ${missing}(): current value is ${describeValue(value)}` +
        (typeof value === "function" ? ", which is to be called" : ""),
    );
  }
}
