// makeMutants(): what is changed in a source, and what is left alone.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import ts from "typescript-5.9";
import { applyMutant, makeMutants } from "../../tools/mutation/mutants.ts";

/** Every text that one mutant of `text` makes. */
function mutate(text: string): string[] {
  const source = ts.createSourceFile("a.ts", text, ts.ScriptTarget.ESNext, true);
  const host: ts.CompilerHost = {
    getSourceFile: (name) => name === "a.ts" ? source : undefined,
    getDefaultLibFileName: () => "lib.d.ts",
    writeFile: () => {},
    getCurrentDirectory: () => "",
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    fileExists: (name) => name === "a.ts",
    readFile: () => undefined,
  };
  const program = ts.createProgram(["a.ts"], { noLib: true, noResolve: true, types: [], strict: true }, host);
  return makeMutants("a.ts", source, program.getTypeChecker()).map((mutant) => applyMutant(text, mutant));
}

for (
  const { of, text, expected } of [
    { of: "a comparison", text: "f(a < b)", expected: ["f(a <= b)", "f(a >= b)", "{}"] },
    { of: "an equality", text: "x = a === b", expected: ["x = a !== b"] },
    { of: "a sum", text: "x = a + b", expected: ["x = a - b"] },
    { of: "a step", text: "a++", expected: ["a--"] },
    { of: "a logical operator", text: "x = a && b", expected: ["x = a || b"] },
    { of: "a negation", text: "x = !a", expected: ["x = a"] },
    { of: "a number", text: "x = 7", expected: ["x = 8", "x = 6"] },
    { of: "zero", text: "x = 0", expected: ["x = 1"] },
    { of: "a condition", text: "if (a) {}", expected: ["if (true) {}", "if (false) {}", "if (!(a)) {}"] },
    { of: "an assignment to a field", text: "a.b = c", expected: ["{}"] },
    { of: "a result that is a boolean", text: "function f(a: boolean) { return a; }", expected: ["return !(a)"] },
    { of: "a result that is a number", text: "function f(a: number) { return a; }", expected: ["return (a) + 1"] },
    { of: "a result that is neither", text: "function f(a: string) { return a; }", expected: [] },
  ]
) {
  test(`makeMutants() changes ${of}`, () => {
    const mutants = mutate(text);
    assertEquals(mutants.length, expected.length);
    for (const part of expected) assert(mutants.some((mutant) => mutant.includes(part)), `${part} in ${mutants}`);
  });
}

test("makeMutants() leaves types, constants of the module, errors and checks of invariants alone", () => {
  const texts = [
    "type A = 1 | 2;",
    "interface A { b: 1 }",
    "const MOST = 1 + 2;",
    "throw f(1 + 2);",
    "x = new RangeError(1 + 2);",
    "class A { checkInvariants() { if (a < 1) f(); } }",
  ];
  for (const text of texts) assertEquals(mutate(text), []);
});
