// What has to be known of a text of SQL before it is run: readStatement() for SQLite, refuseTransaction() for PostgreSQL. Runtime
// neutral.

/**
 * The tokens of a statement: texts and names in quotes, comments, words, placeholders, and placeholders of other kinds. Words
 * come before placeholders, as they may have a `$` in them.
 */
const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)|([a-z_][\w$]*)|[?$](\d+)|(\?)|([$:@]\w+)/gi;
/** Statements that end or begin a transaction, which others may be in. */
const TRANSACTION = /^(?:begin|commit|end|rollback|savepoint|release)$/i;
/** Statements that SQLite refuses or ignores in a transaction, or that change what others were prepared for. */
const ALONE = /^(?:pragma|vacuum|attach|detach|create|alter|drop|reindex|analyze)$/i;
/** Statements of PostgreSQL that begin or end a transaction, each alone in its text: a longer text ends what it begins. */
const LONE_TRANSACTION =
  /^[\s;]*(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b[^;]*[\s;]*$/i;
/** Comments of SQLite. */
const COMMENTS = /--[^\n]*|\/\*[^]*?(?:\*\/|$)/g;

/** A statement, as it is given to SQLite. */
export interface Statement {
  /** Its text, with `?1` in the place of `$1`. */
  readonly text: string;
  /** How many parameters it takes. */
  readonly parameters: number;
  /** Whether it may share no transaction with others. */
  readonly isAlone: boolean;
}

/**
 * Reads a statement.
 *
 * @throws {TypeError} if it is one that cannot be run: of a transaction, with U+0000, or with placeholders that have names.
 */
export function readStatement(given: string): Statement {
  if (given.includes("\0")) throw new TypeError("Cannot run query as its text must have no U+0000");
  let first: string | undefined;
  let parameters = 0;
  const text = given.replace(TOKEN, (token, word?: string, number?: string, next?: string, name?: string) => {
    if (word !== undefined) first ??= word;
    else if (number !== undefined) parameters = Math.max(parameters, Number(number));
    else if (next !== undefined) parameters++;
    else if (name !== undefined) {
      throw new TypeError(`Cannot run query as its placeholders must be ?, ?1 or $1: current value is ${name}`);
    }
    return number === undefined ? token : `?${number}`;
  });
  if (first !== undefined && TRANSACTION.test(first)) throwTransaction(first);
  return { text, parameters, isAlone: first !== undefined && ALONE.test(first) };
}

/** Whether nothing but comments and semicolons is in a text. */
export function isBlank(text: string): boolean {
  return /^[\s;]*$/.test(text.replace(COMMENTS, " "));
}

/**
 * Refuses a text that is nothing but a statement which begins or ends a transaction.
 *
 * @throws {TypeError} if it is.
 */
export function refuseTransaction(text: string): void {
  const words = LONE_TRANSACTION.exec(withoutComments(text))?.[1];
  if (words !== undefined) throwTransaction(words);
}

/** Leaves out the comments of PostgreSQL: one in `/*` may have others in it, and one of a line ends at a carriage return, too. */
function withoutComments(text: string): string {
  let depth = 0;
  let isLine = false;
  return text.replace(/\/\*|\*\/|--|[\r\n]|[^-/*\r\n]+|[^]/g, (token) => {
    if (isLine) isLine = token !== "\r" && token !== "\n";
    else if (token === "/*") depth++;
    else if (depth > 0) depth -= token === "*/" ? 1 : 0;
    else if (token === "--") isLine = true;
    else return token;
    return " ";
  });
}

function throwTransaction(words: string): never {
  throw new TypeError(`Cannot run query as each is a transaction of its own: current value is ${words}`);
}
