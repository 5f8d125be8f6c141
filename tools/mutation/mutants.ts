// Makes mutants of a source file with the TypeScript compiler: one small change each. Runtime neutral.
//
// Left alone: types, constants of modules, errors, and what only tests call.

import ts from "typescript-5.9";

/** One change of one file. */
export interface Mutant {
  /** From the root of the checkout, with `/`. */
  readonly path: string;
  /** Where the change begins, both from 1. */
  readonly line: number;
  readonly column: number;
  /** Offsets of what is replaced. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** For people: `a < b` -> `a <= b`. */
  readonly says: string;
}

/** What takes the place of an operator. */
const OPERATORS: ReadonlyMap<ts.SyntaxKind, readonly string[]> = new Map([
  [ts.SyntaxKind.LessThanToken, ["<=", ">="]],
  [ts.SyntaxKind.LessThanEqualsToken, ["<", ">"]],
  [ts.SyntaxKind.GreaterThanToken, [">=", "<="]],
  [ts.SyntaxKind.GreaterThanEqualsToken, [">", "<"]],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, ["!=="]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, ["==="]],
  [ts.SyntaxKind.PlusToken, ["-"]],
  [ts.SyntaxKind.MinusToken, ["+"]],
  [ts.SyntaxKind.AsteriskToken, ["/"]],
  [ts.SyntaxKind.SlashToken, ["*"]],
  [ts.SyntaxKind.PlusEqualsToken, ["-="]],
  [ts.SyntaxKind.MinusEqualsToken, ["+="]],
  [ts.SyntaxKind.AmpersandAmpersandToken, ["||"]],
  [ts.SyntaxKind.BarBarToken, ["&&"]],
]);

/** Methods that only tests call. */
const FOR_TESTS = "checkInvariants";

/** What a statement that is taken away becomes. */
const NOTHING = "{}";

/** How much is shown on each side of a change. */
const SHOWN_AROUND = 40;

/** Makes every mutant of `source`, a file of the program of `checker`, in the order of the file. */
export function makeMutants(path: string, source: ts.SourceFile, checker: ts.TypeChecker): Mutant[] {
  const mutants: Mutant[] = [];
  const replace = (node: ts.Node, replacement: string, shown: ts.Node = node) => {
    const start = node.getStart(source);
    const end = node.getEnd();
    const { line, character } = source.getLineAndCharacterOfPosition(start);
    const says = describe(source.text, { start, end, replacement }, [shown.getStart(source), shown.getEnd()]);
    mutants.push({ path, line: line + 1, column: character + 1, start, end, replacement, says });
  };
  const visit = (node: ts.Node): void => {
    if (isLeftAlone(node, source)) return;
    for (const [target, replacement, shown] of changesOf(node, source, checker)) replace(target, replacement, shown);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants.sort((one, other) => one.start - other.start);
}

/** Puts a mutant into the text of its file. */
export function applyMutant(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** What to replace by what, and the node around it that is shown. */
type Change = readonly [target: ts.Node, replacement: string, shown?: ts.Node];

function changesOf(node: ts.Node, source: ts.SourceFile, checker: ts.TypeChecker): Change[] {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) {
    return changesOfCondition(node.expression, source);
  }
  if (ts.isForStatement(node) && node.condition !== undefined) return changesOfCondition(node.condition, source);
  if (ts.isConditionalExpression(node)) return changesOfCondition(node.condition, source);
  if (ts.isBinaryExpression(node)) {
    const replacements = OPERATORS.get(node.operatorToken.kind) ?? [];
    return replacements.map((replacement): Change => [node.operatorToken, replacement, node]);
  }
  if (ts.isPostfixUnaryExpression(node)) {
    const isIncrement = node.operator === ts.SyntaxKind.PlusPlusToken;
    return [[node, `${node.operand.getText(source)}${isIncrement ? "--" : "++"}`]];
  }
  if (ts.isPrefixUnaryExpression(node)) return changesOfPrefix(node, source);
  if (ts.isNumericLiteral(node)) return changesOfNumber(node);
  if (ts.isReturnStatement(node) && node.expression !== undefined) {
    return changesOfResult(node.expression, source, checker);
  }
  if (ts.isExpressionStatement(node) && isEffect(node.expression)) return [[node, NOTHING]];
  return [];
}

function changesOfCondition(condition: ts.Expression, source: ts.SourceFile): Change[] {
  if (isBoolean(condition)) return [[condition, condition.kind === ts.SyntaxKind.TrueKeyword ? "false" : "true"]];
  const changes: Change[] = [[condition, "true"], [condition, "false"]];
  // The changes of an operator are the negation already.
  if (!isNegatedByItself(condition)) changes.push([condition, `!(${condition.getText(source)})`]);
  return changes;
}

function isNegatedByItself(node: ts.Expression): boolean {
  if (ts.isPrefixUnaryExpression(node)) return node.operator === ts.SyntaxKind.ExclamationToken;
  if (!ts.isBinaryExpression(node)) return false;
  const { kind } = node.operatorToken;
  return OPERATORS.has(kind) && kind !== ts.SyntaxKind.AmpersandAmpersandToken && kind !== ts.SyntaxKind.BarBarToken;
}

function changesOfPrefix(node: ts.PrefixUnaryExpression, source: ts.SourceFile): Change[] {
  const operand = node.operand.getText(source);
  if (node.operator === ts.SyntaxKind.ExclamationToken) return [[node, operand]];
  if (node.operator === ts.SyntaxKind.PlusPlusToken) return [[node, `--${operand}`]];
  if (node.operator === ts.SyntaxKind.MinusMinusToken) return [[node, `++${operand}`]];
  return [];
}

function changesOfNumber(node: ts.NumericLiteral): Change[] {
  const value = Number(node.text);
  const changes: Change[] = [[node, String(value + 1), node.parent]];
  if (value > 0) changes.push([node, String(value - 1), node.parent]);
  return changes;
}

function changesOfResult(result: ts.Expression, source: ts.SourceFile, checker: ts.TypeChecker): Change[] {
  const text = result.getText(source);
  if (isBoolean(result)) return [[result, text === "true" ? "false" : "true", result.parent]];
  if (ts.isNumericLiteral(result)) return []; // a change of its own
  const { flags } = checker.getBaseTypeOfLiteralType(checker.getTypeAtLocation(result));
  if ((flags & ts.TypeFlags.BooleanLike) !== 0 && !isNegatedByItself(result)) {
    return [[result, `!(${text})`, result.parent]];
  }
  return (flags & ts.TypeFlags.NumberLike) !== 0 ? [[result, `(${text}) + 1`, result.parent]] : [];
}

function isBoolean({ kind }: ts.Node): boolean {
  return kind === ts.SyntaxKind.TrueKeyword || kind === ts.SyntaxKind.FalseKeyword;
}

/** Whether a statement is a call, or an assignment to a field or an element. */
function isEffect(node: ts.Expression): boolean {
  if (ts.isAwaitExpression(node) || ts.isVoidExpression(node)) return isEffect(node.expression);
  if (ts.isCallExpression(node)) return node.expression.kind !== ts.SyntaxKind.SuperKeyword;
  if (!ts.isBinaryExpression(node)) return false;
  const { kind } = node.operatorToken;
  const isAssignment = kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
  return isAssignment && (ts.isPropertyAccessExpression(node.left) || ts.isElementAccessExpression(node.left));
}

function isLeftAlone(node: ts.Node, source: ts.SourceFile): boolean {
  if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return true;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isThrowStatement(node)) return true;
  if (ts.isVariableStatement(node)) return node.parent === source; // constants of the module
  if (ts.isNewExpression(node)) return /Error$/.test(node.expression.getText(source));
  return ts.isMethodDeclaration(node) && node.name.getText(source) === FOR_TESTS;
}

/** What a change makes of the code from `from` to `to`. */
function describe(text: string, change: Pick<Mutant, "start" | "end" | "replacement">, [from, to]: number[]): string {
  const { start, end, replacement } = change;
  const before = text.slice(from, start).replaceAll(/\s+/g, " ");
  const after = text.slice(end, to).replaceAll(/\s+/g, " ");
  const head = before.length > SHOWN_AROUND ? `…${before.slice(-SHOWN_AROUND)}` : before;
  const tail = after.length > SHOWN_AROUND ? `${after.slice(0, SHOWN_AROUND)}…` : after;
  const shown = (middle: string) => `\`${head}${middle.replaceAll(/\s+/g, " ")}${tail}\``;
  return `${shown(text.slice(start, end))} -> ${replacement === NOTHING ? "nothing" : shown(replacement)}`;
}
