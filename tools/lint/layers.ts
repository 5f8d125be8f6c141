// The layers of DESIGN: which file of src may import what. Runtime neutral.

/** The layer of each folder of src. Any other folder is an integration; a file beside the folders is in layer 0. */
const LAYERS: ReadonlyMap<string, number> = new Map([
  ["buffer", 1],
  ["codec", 2],
  ["transport", 2],
  ["stages", 3],
  ["outbound", 3],
  ["broadcast", 4],
  ["session", 5],
  ["service", 6],
  ["client", 7],
  ["config", 7],
  ["players", 7],
  ["testing", 7],
]);

const INTEGRATION_LAYER = 7;

/** `mod.ts` in the root stands above all. */
const ENTRY_LAYER = 8;

/** The one file of the core that may import `node:` modules; packages of others are for integrations only. */
const NODE_ADAPTER = "src/transport/node.ts";

/**
 * All that an integration may import from outside, for those that say so. A package that is listed here is theirs alone;
 * `node:` modules are not.
 */
const OUTSIDE: ReadonlyMap<string, readonly string[]> = new Map([
  ["config", ["fast-xml-parser", "node:fs/promises", "node:net"]],
]);

/** A folder of src, or what stands for one. */
interface Unit {
  readonly name: string;
  readonly layer: number;
}

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
  if (target.name === unit.name || target.layer < unit.layer) return undefined;
  return `${from} (layer ${unit.layer}) may not import ${to} (layer ${target.layer}): imports point down the layers`;
}

function checkOutsideImport(from: string, unit: Unit, specifier: string): string | undefined {
  const mayUseNode = unit.layer === INTEGRATION_LAYER ? unit.name !== "testing" : unit.name === "stages";
  if (mayUseNode) return checkIntegrationImport(unit, specifier);
  if (specifier.startsWith("node:")) {
    return from === NODE_ADAPTER ? undefined : `${specifier} may be imported in ${NODE_ADAPTER} only`;
  }
  return `${from} may not import ${specifier}: the core imports nothing from outside`;
}

function checkIntegrationImport(unit: Unit, specifier: string): string | undefined {
  const allowed = OUTSIDE.get(unit.name);
  if (allowed !== undefined) {
    if (allowed.includes(specifier)) return undefined;
    return `src/${unit.name} may import ${allowed.join(" and ")} from outside only, not ${specifier}`;
  }
  const owner = [...OUTSIDE].find(([, specifiers]) => specifiers.includes(specifier))?.[0];
  if (owner === undefined || specifier.startsWith("node:")) return undefined;
  return `${specifier} may be imported in src/${owner} only`;
}

/** The folder of src that a file is in, or src itself; undefined outside the package. */
function unitOf(path: string): Unit | undefined {
  if (path === "mod.ts") return { name: path, layer: ENTRY_LAYER };
  const [top, name] = path.split("/");
  if (top !== "src" || name === undefined) return undefined;
  if (path === `src/${name}`) return { name: top, layer: 0 };
  return { name, layer: LAYERS.get(name) ?? INTEGRATION_LAYER };
}

function resolvePath(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
