// `deno task ok`: everything that has to hold before a commit, one line for each step. Deno only.
//
//   deno task ok [--no-test]

import { formatSeconds, ROOT, run } from "./run.ts";
import { parseRuntimeNames, prepareRuntimes } from "./runtimes.ts";

interface Step {
  readonly name: string;
  /** What Deno is given. */
  readonly args: readonly string[];
  /** Whether the step says itself what it does. */
  readonly isShown?: boolean;
}

interface Manifest {
  readonly exports: string | Readonly<Record<string, string>>;
  readonly workspace?: readonly string[];
}

const readManifest = async (folder: string) =>
  JSON.parse(await Deno.readTextFile(`${ROOT}/${folder}/deno.json`)) as Manifest;
const filesOf = (folder: string, { exports }: Manifest) =>
  (typeof exports === "string" ? [exports] : Object.values(exports)).map((path) => `${folder}/${path.slice(2)}`);

const root = await readManifest(".");
const workspace = root.workspace ?? [];
const entryPoints = filesOf(".", root);
for (const folder of workspace) entryPoints.push(...filesOf(folder, await readManifest(folder)));

/** More than the test runs allow themselves. */
const LIMIT_MS = 1_200_000;

const TEST_STEP: Step = { name: "test", args: ["run", "-A", "tools/test.ts"], isShown: true };

const STEPS: readonly Step[] = [
  { name: "fmt", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "check", args: ["check"] },
  { name: "doc --lint", args: ["doc", "--lint", ...entryPoints] },
  { name: "doc --html", args: ["doc", "--html", "--name=@laster/net", "--output=docs/reference", ...entryPoints] },
  { name: "test --doc", args: ["test", "-A", "--doc", "mod.ts", "src", ...workspace] },
  { name: "publish --dry-run", args: ["publish", "--dry-run", "--allow-dirty"] },
  ...(Deno.args.includes("--no-test") ? [] : [TEST_STEP]),
  { name: "types", args: ["run", "-A", "tools/types.ts"], isShown: true },
  { name: "examples", args: ["run", "-A", "tools/examples.ts"], isShown: true },
];

await prepareRuntimes(parseRuntimeNames(undefined)); // The checks of docs and types need the packages that this installs.

let failures = 0;
for (const { name, args, isShown } of STEPS) {
  const options = { env: { NO_COLOR: "1" }, isShown, limitMs: LIMIT_MS };
  const { code, output, seconds } = await run(Deno.execPath(), args, options);
  if (code !== 0) failures++;
  if (code !== 0) console.log(output);
  console.log(`${code === 0 ? "ok" : "FAILED"} ${name} (${formatSeconds(seconds)})`);
}
Deno.exit(failures === 0 ? 0 : 1);
