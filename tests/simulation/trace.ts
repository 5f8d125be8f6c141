// Plays the game with one seed and prints its trace: `deno run -A tests/simulation/trace.ts SEED`, and likewise on Bun and Node.

import process from "node:process";
import { playSeed } from "./worker.ts";

const { trace, failure, hash } = await playSeed(Number(process.argv[2]));
console.log(trace.join("\n"));
console.log(failure ?? `trace ${hash}`);
if (failure !== undefined) process.exitCode = 1;
