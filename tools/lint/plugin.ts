// The project's rules that `deno lint` does not know: layers, runtime globals, module style, file length. Deno only.

import { join, relative } from "node:path";
import { checkImport } from "./layers.ts";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** How many lines a file of src may have. */
const MAX_LINES = 400;

/** Where each runtime's global may be named; `default.ts` only asks which one is there. */
const GLOBAL_FILES: ReadonlyMap<string, readonly string[]> = new Map([
  ["Deno", [
    "src/transport/deno.ts",
    "src/transport/node_process.ts",
    "src/transport/default.ts",
    "src/hosting/systemd.ts",
    "packages/config/src/settings/load_settings.ts",
  ]],
  ["Bun", ["src/transport/bun.ts", "src/transport/default.ts"]],
]);

/** What a runtime's global must be inside of: a function, or a type, which is gone at run time. */
const INSIDE = /Function|^TS/;

const layers: Deno.lint.Rule = {
  create(context) {
    const from = pathInProject(context.filename);
    return visitImports((node, specifier) => {
      const message = checkImport(from, specifier);
      if (message !== undefined) context.report({ node, message });
    });
  },
};

const runtimeGlobals: Deno.lint.Rule = {
  create(context) {
    const path = pathInProject(context.filename);
    const check = (node: Deno.lint.Node, name: string) => {
      const files = GLOBAL_FILES.get(name);
      if (files === undefined || !isPackageFile(path)) return;
      if (!files.includes(path)) {
        context.report({ node, message: `${name} may be named in ${files.join(" and ")} only` });
      } else if (!context.sourceCode.getAncestors(node).some(({ type }) => INSIDE.test(type))) {
        context.report({ node, message: `${name} may be touched inside functions only, not while the module loads` });
      }
    };
    return {
      Identifier: (node) => check(node, node.name),
      // `"Deno" in globalThis` and `globalThis["Deno"]`.
      "BinaryExpression[operator='in'] > Literal": (node) => check(node, String(node.value)),
      "MemberExpression[computed=true] > Literal": (node) => check(node, String(node.value)),
    };
  },
};

const moduleStyle: Deno.lint.Rule = {
  create(context) {
    const path = pathInProject(context.filename);
    const imports = visitImports((node, specifier) => {
      if (!specifier.startsWith(".") || specifier.endsWith(".ts") || specifier.endsWith(".json")) return;
      context.report({ node, message: `Write the extension of ${specifier}: .ts` });
    });
    return {
      ...imports,
      Program(node) {
        if (path.endsWith("/index.ts") || path === "index.ts") {
          context.report({ node, message: "A folder's entry is mod.ts, not index.ts" });
        }
      },
      ExportDefaultDeclaration: (node) => context.report({ node, message: "Export by name, not as default" }),
      ImportNamespaceSpecifier: (node) => context.report({ node, message: "Import names, not a namespace" }),
      TSEnumDeclaration: (node) => context.report({ node, message: "Write a union of string literals, not an enum" }),
    };
  },
};

const fileLength: Deno.lint.Rule = {
  create(context) {
    return {
      Program(node) {
        if (!isPackageFile(pathInProject(context.filename))) return;
        const lines = context.sourceCode.text.trimEnd().split("\n").length;
        if (lines <= MAX_LINES) return;
        context.report({ node, message: `A file has at most ${MAX_LINES} lines: this one has ${lines}` });
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "laster",
  rules: {
    "layers": layers,
    "runtime-globals": runtimeGlobals,
    "module-style": moduleStyle,
    "file-length": fileLength,
  },
};

// deno-lint-ignore laster/module-style -- deno lint takes a plugin from the default export only.
export default plugin;

/** Visits whatever names another module, `import type` and `import()` too. */
function visitImports(visit: (node: Deno.lint.Node, specifier: string) => void): Deno.lint.LintVisitor {
  return {
    ImportDeclaration: (node) => visit(node, node.source.value),
    ExportAllDeclaration: (node) => visit(node, node.source.value),
    ExportNamedDeclaration(node) {
      if (node.source !== null) visit(node, node.source.value);
    },
    ImportExpression(node) {
      const { source } = node;
      if (source.type === "Literal" && typeof source.value === "string") visit(node, source.value);
    },
    "TSImportType Literal": (node) => visit(node, String(node.value)),
  };
}

function isPackageFile(path: string): boolean {
  return path === "mod.ts" || path.startsWith("src/") || /^packages\/[^/]+\/(?:mod\.ts|src\/)/.test(path);
}

/** The path from the root of the checkout, with slashes. */
function pathInProject(filename: string): string {
  return relative(ROOT, filename).replaceAll("\\", "/");
}
