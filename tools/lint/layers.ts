// The layers of DESIGN: which file of src may import what. Runtime neutral.

/** The layer of each folder of src, and of the files beside them. A folder that is not here is an integration: layer 5. */
const LAYERS: Readonly<Record<string, number>> = {
  "errors.ts": 0,
  "clock.ts": 0,
  "logger.ts": 0,
  buffer: 1,
  codec: 2,
  transport: 2,
  session: 3,
  service: 4,
  testing: 5,
};

const INTEGRATION_LAYER = 5;
/** `mod.ts` in the root stands above all. */
const ENTRY_LAYER = 6;

/** What the core may import from outside, by the only file that may; `*` is any. */
const OUTSIDE_IMPORTS: Readonly<Record<string, string>> = {
  "@std/bytes": "*",
  "node:net": "src/transport/node.ts",
  "node:tls": "src/transport/node.ts",
};

/**
 * Says what is wrong with an import, if anything is.
 *
 * @param from The importing file, from the root of the checkout: `src/codec/raw.ts`.
 * @param specifier What it imports.
 */
export function checkImport(from: string, specifier: string): string | undefined {
  const unit = unitOf(from);
  if (unit === undefined) return undefined;
  if (!specifier.startsWith(".")) return checkOutsideImport(from, unit, specifier);
  const to = resolvePath(from, specifier);
  const target = unitOf(to);
  if (target === undefined) return `${from} may not import ${to}: it is not in src`;
  if (target.name === unit.name || target.layer < unit.layer || target.layer + unit.layer === 0) return undefined;
  return `${from} (layer ${unit.layer}) may not import ${to} (layer ${target.layer}): imports point down the layers`;
}

function checkOutsideImport(from: string, unit: Unit, specifier: string): string | undefined {
  if (unit.layer === INTEGRATION_LAYER && unit.name !== "testing") return undefined;
  const only = OUTSIDE_IMPORTS[specifier];
  if (only === "*" || only === from) return undefined;
  if (only !== undefined) return `${specifier} may be imported in ${only} only`;
  return `${from} may not import ${specifier}: the core imports @std/bytes and nothing else from outside`;
}

interface Unit {
  readonly name: string;
  readonly layer: number;
}

/** The folder of src that a file is in, or the file if it is in none; undefined outside the package. */
function unitOf(path: string): Unit | undefined {
  if (path === "mod.ts") return { name: path, layer: ENTRY_LAYER };
  const [top, name] = path.split("/");
  if (top !== "src" || name === undefined) return undefined;
  return { name, layer: LAYERS[name] ?? INTEGRATION_LAYER };
}

function resolvePath(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
