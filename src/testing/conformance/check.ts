// The checks of the conformance cases. What fails throws an Error that shows both values: any test runner reports it. Runtime
// neutral.

/** Characters of a value that a message shows. */
const SHOWN_CHARACTERS = 300;
/** Bytes of an array that a message shows. */
const SHOWN_BYTES = 32;

/**
 * Checks a condition.
 *
 * @param isTrue The condition.
 * @param fault What is wrong if it is not so.
 * @throws {Error} if it is not so.
 */
export function holds(isTrue: boolean, fault: string): asserts isTrue {
  if (!isTrue) throw new Error(`Cannot pass: ${fault}`);
}

/**
 * Checks a value: numbers and texts, bytes, and arrays and plain objects of them.
 *
 * @param actual What it is.
 * @param expected What it must be.
 * @param what What it is called.
 * @throws {Error} if they differ.
 */
export function equals(actual: unknown, expected: unknown, what: string): void {
  if (isSame(actual, expected)) return;
  const place = actual instanceof Uint8Array && expected instanceof Uint8Array ? whereOf(actual, expected) : "";
  throw new Error(`Cannot pass as ${what} must be ${show(expected)}: current value is ${show(actual)}${place}`);
}

/**
 * Checks that something fails.
 *
 * @param action What to do.
 * @param errorClass The class of error that it must fail with.
 * @returns The error.
 * @throws {Error} if it does not fail, or with another error, which is then the `cause`.
 */
export async function rejects<Failure extends Error>(
  action: () => Promise<unknown>,
  errorClass: abstract new (...values: never[]) => Failure,
): Promise<Failure> {
  try {
    await action();
  } catch (error) {
    if (error instanceof errorClass) return error;
    throw new Error(`Cannot pass as it must fail with ${errorClass.name}: current value is ${show(error)}`, {
      cause: error,
    });
  }
  throw new Error(`Cannot pass as it must fail with ${errorClass.name}: it does not fail`);
}

/** Compares the bytes of two arrays. */
export function hasSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && findDifference(one, other) === undefined;
}

/** The first place where two arrays of one length differ; four times as fast if they lie at the same place of a word. */
export function findDifference(one: Uint8Array, other: Uint8Array): number | undefined {
  for (let index = countSameWords(one, other); index < one.length; index++) {
    if (one[index] !== other[index]) return index;
  }
  return undefined;
}

/** So many bytes are the same at the least, found by comparing whole words: none if the arrays lie differently. */
function countSameWords(one: Uint8Array, other: Uint8Array): number {
  const head = -one.byteOffset & 3;
  const words = (one.length - head) >> 2;
  if (((one.byteOffset ^ other.byteOffset) & 3) !== 0 || words <= 0) return 0;
  for (let index = 0; index < head; index++) if (one[index] !== other[index]) return 0;
  const ones = new Int32Array(one.buffer, one.byteOffset + head, words);
  const others = new Int32Array(other.buffer, other.byteOffset + head, words);
  let word = 0;
  while (word < words && ones[word] === others[word]) word++;
  return head + 4 * word;
}

/** Says where two arrays begin to differ, if their shown parts do not tell. */
function whereOf(actual: Uint8Array, expected: Uint8Array): string {
  const length = Math.min(actual.length, expected.length);
  const index = findDifference(actual.subarray(0, length), expected) ?? length;
  return index < SHOWN_BYTES ? "" : `, other from byte ${index} on`;
}

function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (!isObject(one) || !isObject(other)) return false;
  if (one instanceof Uint8Array && other instanceof Uint8Array) return hasSameBytes(one, other);
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function show(value: unknown): string {
  const text = write(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function write(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (!isObject(value)) return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Uint8Array) {
    const isCut = value.length > SHOWN_BYTES;
    return `${value.length} bytes [${value.subarray(0, SHOWN_BYTES).join(", ")}${isCut ? ", …" : ""}]`;
  }
  if (Array.isArray(value)) return `[${value.map(write).join(", ")}]`;
  return `{ ${Object.entries(value).map(([name, item]) => `${name}: ${write(item)}`).join(", ")} }`;
}
