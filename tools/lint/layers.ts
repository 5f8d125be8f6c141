// Which file may import what: the layers of src, and the packages that stand on it. Runtime neutral.

/** The layer of each folder of src. Any other folder is a part that stands on all of them; a file beside them is in layer 0. */
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
  ["guard", 7],
  ["hosting", 7],
  ["http", 7],
  ["players", 7],
  ["recorder", 7],
  ["testing", 7],
]);

const PART_LAYER = 7;

/** `mod.ts` in the root stands above all. */
const ENTRY_LAYER = 8;

/** The files that may import `node:` modules, and the folder that may as a whole. */
const WITH_NODE: readonly string[] = [
  "src/transport/node.ts",
  "src/transport/node_host.ts",
  "src/transport/node_tls.ts",
  "src/transport/raw_proxy_header.ts",
  "src/transport/tls_connection.ts",
  "src/transport/tls_contexts.ts",
  "src/transport/tls_identity.ts",
  "src/transport/unix_socket.ts",
  "src/hosting",
  "src/http/serve_http.ts",
  "src/stages",
];

/** A file of a package that stands on this one. */
const PACKAGE = /^packages\/([^/]+)\/(?:mod\.ts|src\/)/;

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
  const [, name] = PACKAGE.exec(from) ?? [];
  if (name !== undefined) return checkPackageImport(from, name, specifier);
  const unit = unitOf(from);
  if (unit === undefined) return undefined;
  if (!specifier.startsWith(".")) return checkOutsideImport(from, unit, specifier);
  const to = resolvePath(from, specifier);
  const target = unitOf(to);
  if (target === undefined) return `${from} may not import ${to}: it is not in src`;
  if (target.name === unit.name || target.layer < unit.layer) return undefined;
  return `${from} (layer ${unit.layer}) may not import ${to} (layer ${target.layer}): imports point down the layers`;
}

/** A package uses this one as anybody does: by its name. */
function checkPackageImport(from: string, name: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".") || resolvePath(from, specifier).startsWith(`packages/${name}/`)) return undefined;
  return `${from} may not import ${specifier}: other packages are imported by their names`;
}

function checkOutsideImport(from: string, unit: Unit, specifier: string): string | undefined {
  if (!specifier.startsWith("node:")) {
    return `${from} may not import ${specifier}: what needs a package of others is a package of its own`;
  }
  if (WITH_NODE.includes(from) || WITH_NODE.includes(`src/${unit.name}`)) return undefined;
  return `${specifier} may be imported in ${WITH_NODE.join(", ")} only`;
}

/** The folder of src that a file is in, or src itself; undefined outside the package. */
function unitOf(path: string): Unit | undefined {
  if (path === "mod.ts") return { name: path, layer: ENTRY_LAYER };
  const [top, name] = path.split("/");
  if (top !== "src" || name === undefined) return undefined;
  if (path === `src/${name}`) return { name: top, layer: 0 };
  return { name, layer: LAYERS.get(name) ?? PART_LAYER };
}

function resolvePath(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
