// Finds Deno, Bun and Node for the tests: Deno is the one that runs this, Bun and Node come from npm, pinned in
// package-lock.json. Deno only.

import { delimiter, join, resolve } from "node:path";
import { ROOT, run } from "./run.ts";

/** The names of the runtimes, as `--only` takes them. */
export const RUNTIME_NAMES = ["deno", "bun", "node"] as const;

/** One of them. */
export type RuntimeName = typeof RUNTIME_NAMES[number];

/** A runtime that is ready to run. */
export interface Runtime {
  readonly name: RuntimeName;
  /** For people: `Node 26.10.0`. */
  readonly title: string;
  readonly command: string;
}

/** Where the npm packages put the programs, on every system: best first. */
const PROGRAMS: Record<"bun" | "node", readonly string[]> = {
  bun: ["node_modules/bun/bin/bun.exe"],
  node: Deno.build.os === "windows" ? ["node_modules/node/bin/node.exe"] : ["node_modules/node/bin/node"],
};

const TITLES: Record<RuntimeName, string> = { deno: "Deno", bun: "Bun", node: "Node" };

/**
 * Makes the runtimes ready, with `npm ci` where they are missing or older than package-lock.json. One that this machine
 * cannot have is left out, and a line says why.
 *
 * @throws {Error} if npm is here, but the runtimes are not after it ran.
 */
export async function prepareRuntimes(names: readonly RuntimeName[]): Promise<Runtime[]> {
  const needsNpm = names.some((name) => name !== "deno");
  const hasNpm = needsNpm && await installWithNpm();
  const runtimes: Runtime[] = [];
  for (const name of names) {
    const runtime = await findRuntime(name);
    if (runtime !== undefined) runtimes.push(runtime);
    else if (hasNpm) throw new Error(`${TITLES[name]} does not start after npm ci: are install scripts switched off?`);
    else console.log(`skipped ${TITLES[name]}: npm is not on this machine, so ${TITLES[name]} cannot be installed`);
  }
  return runtimes;
}

/** Reads `--only deno,bun`; without one, all. */
export function parseRuntimeNames(only: string | undefined): RuntimeName[] {
  const names = only?.split(",") ?? RUNTIME_NAMES;
  return names.map((name) => {
    const known = RUNTIME_NAMES.find((candidate) => candidate === name);
    if (known === undefined) throw new TypeError(`--only takes deno, bun, node or several with commas: got ${name}`);
    return known;
  });
}

async function findRuntime(name: RuntimeName): Promise<Runtime | undefined> {
  if (name === "deno") return { name, title: `Deno ${Deno.version.deno}`, command: Deno.execPath() };
  for (const program of PROGRAMS[name]) {
    const command = resolve(ROOT, program);
    const { code, output } = await run(command, ["--version"]);
    if (code === 0) return { name, title: `${TITLES[name]} ${output.trim().replace("v", "")}`, command };
  }
  return undefined;
}

/** Runs `npm ci` if need be. Answers whether npm is on this machine. */
async function installWithNpm(): Promise<boolean> {
  const version = await runNpm("--version");
  if (version.code !== 0) return false;
  if (isInstalled()) return true;
  console.log("npm ci: node_modules lacks Bun or Node, or is older than package-lock.json");
  const install = await runNpm("ci");
  if (install.code === 0) return true;
  console.log(install.output);
  throw new Error("npm ci failed");
}

function isInstalled(): boolean {
  const lock = modifiedMs("package-lock.json");
  const installed = modifiedMs("node_modules/.package-lock.json");
  const hasPrograms = Object.values(PROGRAMS).every((programs) => programs.some((path) => modifiedMs(path) > 0));
  return hasPrograms && installed >= lock;
}

function modifiedMs(path: string): number {
  try {
    return Deno.statSync(join(ROOT, path)).mtime?.getTime() ?? 0;
  } catch {
    return 0; // not there
  }
}

/** Runs npm with the machine's own Node: not with the one in node_modules, which `npm ci` is about to replace. */
function runNpm(command: string): ReturnType<typeof run> {
  const ours = join(ROOT, "node_modules");
  const path = (Deno.env.get("PATH") ?? "").split(delimiter).filter((folder) => !folder.startsWith(ours));
  const env = { PATH: path.join(delimiter) };
  return Deno.build.os === "windows" ? run("cmd", ["/c", "npm", command], { env }) : run("npm", [command], { env });
}
