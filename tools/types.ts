// The types of the package, as applications get them from npm: compiled, then checked with tests/types/face_types.ts by each
// TypeScript that is supported, in both ways of finding modules, under the strictest flags. Deno only.
//
//   deno run -A tools/types.ts

import { ROOT, run } from "./run.ts";

/** As they are called in package.json. */
const COMPILERS = ["typescript-5.9", "typescript-7.0"] as const;
const RESOLUTIONS = [{ module: "nodenext" }, { module: "preserve", moduleResolution: "bundler" }] as const;

/** What an application has that sets everything that finds mistakes. */
const STRICT = {
  target: "es2024",
  lib: ["ES2024", "ESNext.Disposable", "DOM"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  skipLibCheck: false,
  noEmit: true,
};

const folder = await Deno.makeTempDir({ prefix: "laster-types-" });
try {
  Deno.exitCode = await main();
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function main(): Promise<number> {
  const [oldest] = COMPILERS;
  const { exports, version } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)) as {
    exports: Record<string, string>;
    version: string;
  };
  const target = `${folder}/node_modules/@laster/net`;
  await Deno.mkdir(target, { recursive: true });
  const built = await compile(oldest, {
    compilerOptions: {
      target: "es2024",
      module: "nodenext",
      lib: STRICT.lib,
      types: ["node"],
      typeRoots: [`${ROOT}/node_modules/@types`],
      strict: true,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck: true,
      rootDir: ROOT,
      outDir: target,
    },
    files: Object.values(exports).map((path) => `${ROOT}/${path}`),
  });
  if (built !== 0) return built;
  const compiled = Object.entries(exports).map(([name, path]) => {
    const base = path.slice(0, -".ts".length);
    return [name, { types: `${base}.d.ts`, default: `${base}.js` }];
  });
  const manifest = { name: "@laster/net", version, type: "module", exports: Object.fromEntries(compiled) };
  await Deno.writeTextFile(`${target}/package.json`, JSON.stringify(manifest));
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ type: "module" }));
  await Deno.copyFile(`${ROOT}/tests/types/face_types.ts`, `${folder}/face_types.ts`);

  let failures = 0;
  for (const compiler of COMPILERS) {
    for (const resolution of RESOLUTIONS) {
      const code = await compile(compiler, {
        compilerOptions: { ...STRICT, ...resolution },
        files: [`${folder}/face_types.ts`],
      });
      console.log(`${code === 0 ? "ok" : "FAILED"} ${compiler}, ${resolution.module}`);
      if (code !== 0) failures++;
    }
  }
  return failures === 0 ? 0 : 1;
}

async function compile(compiler: string, config: object): Promise<number> {
  const path = `${folder}/tsconfig.json`;
  await Deno.writeTextFile(path, JSON.stringify(config));
  const { bin } = JSON.parse(await Deno.readTextFile(`${ROOT}/node_modules/${compiler}/package.json`)) as {
    bin: { tsc: string };
  };
  const program = `${ROOT}/node_modules/${compiler}/${bin.tsc}`;
  const { code = 1, output } = await run("node", [program, "-p", path, "--pretty", "false"]);
  if (code !== 0) console.log(output);
  return code;
}
