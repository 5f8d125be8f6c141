// `deno task test:jsr`: the suite on Deno with the real `@std` packages from JSR, not with their stand-ins in tools/std.
// Bun and Node cannot: they take packages from npm, where `@std` is not. Deno only.

import { ROOT, run } from "./run.ts";

const CONFIG = `${ROOT}/deno.jsr.json`;

console.log("skipped Bun: it takes packages from npm, where the @std packages are not");
console.log("skipped Node: it takes packages from npm, where the @std packages are not");
const { links: _, ...config } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
await Deno.writeTextFile(CONFIG, JSON.stringify(config));
let code: number | undefined;
try {
  const args = ["run", "-A", "tools/test.ts", "--only", "deno", "--config", CONFIG, ...Deno.args];
  ({ code } = await run(Deno.execPath(), args, { isShown: true }));
} finally {
  await Deno.remove(CONFIG);
}
Deno.exit(code);
