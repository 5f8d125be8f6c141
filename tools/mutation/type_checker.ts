// Checks the types of a file whose text was changed, with the TypeScript compiler, file by file. Deno only.

import ts from "typescript-5.9";
import { join } from "node:path";
import { ROOT } from "../run.ts";

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  module: ts.ModuleKind.NodeNext,
  types: ["node"],
  typeRoots: [join(ROOT, "node_modules/@types")],
  strict: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
};

/** The files of a checkout, each of which can be looked at with another text. */
export class TypeChecker {
  readonly #service: ts.LanguageService;
  /** What is looked at, with another text than on the disk. */
  #changed: { readonly path: string; readonly text: string } | undefined;
  #version = 0;

  /** Makes a checker of `paths`, which are given from the root of the checkout. */
  constructor(paths: readonly string[]) {
    const files = paths.map((path) => join(ROOT, path));
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => OPTIONS,
      getScriptFileNames: () => files,
      getScriptVersion: (file) => file === this.#changed?.path ? `${this.#version}` : "0",
      getScriptSnapshot: (file) => {
        const text = file === this.#changed?.path ? this.#changed.text : ts.sys.readFile(file);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      fileExists: ts.sys.fileExists,
      readFile: ts.sys.readFile,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
    });
  }

  /** The program of the files as they are on the disk. */
  get program(): ts.Program {
    const program = this.#service.getProgram();
    if (program === undefined) throw new Error("Cannot check types as TypeScript made no program");
    return program;
  }

  /** Says what is wrong with the file at `path` if it has `text`; undefined if nothing is. */
  findFault(path: string, text: string): string | undefined {
    const file = join(ROOT, path);
    this.#changed = { path: file, text };
    this.#version++;
    try {
      const [fault] = [
        ...this.#service.getSyntacticDiagnostics(file),
        ...this.#service.getSemanticDiagnostics(file),
      ];
      return fault === undefined ? undefined : ts.flattenDiagnosticMessageText(fault.messageText, " ");
    } finally {
      this.#changed = undefined;
    }
  }
}
