// The micro benchmarks: checks that all contenders of a subject give the same, then measures them with mitata; one line
// of JSON each. Runs on Deno, Bun and Node, in this folder's packages.

import process from "node:process";
import { bufferSubjects } from "./buffer_bench.ts";
import { codecSubjects } from "./codec_bench.ts";
import { sendQueueSubjects } from "./send_queue_bench.ts";
import { importPackage } from "./subject.ts";

type Measure = (run: () => unknown, options: { min_cpu_time: number }) => Promise<{ p50: number }>;

/** Half a second for each contender, in nanoseconds. */
const MIN_CPU_TIME = 500_000_000;

const { measure } = await importPackage<{ measure: Measure }>("mitata");
const subjects = [...await codecSubjects(), ...await bufferSubjects(), ...await sendQueueSubjects()];

for (const { title, contenders } of subjects) {
  const expected = contenders[0].run();
  for (const { name, run } of contenders) {
    // Twice: what a run leaves behind must not change the next.
    for (const result of [run(), run()]) {
      if (result !== expected) throw new Error(`${title}: ${name} gives ${result}, ours ${expected}`);
    }
  }
  for (const { name, run } of contenders) {
    const { p50 } = await measure(run, { min_cpu_time: MIN_CPU_TIME });
    console.log(JSON.stringify({ title, name, ns: Math.round(p50) }));
  }
}
process.exit(0);
