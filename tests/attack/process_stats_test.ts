import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  countDescriptors,
  parseCpuSeconds,
  parseMemory,
  readCpuSeconds,
  readMemory,
} from "../../attack/process_stats.ts";

const linux = process.platform === "linux" ? {} : { skip: "there is no /proc here" };
/** Above the highest id that Linux gives. */
const NOBODY = 2 ** 22 + 1;

test("parseMemory() reads the peak and what is resident, in bytes", () => {
  const status = "Name:\tdeno\nVmPeak:\t 9000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t4\n";
  assertEquals(parseMemory(status), { peakBytes: 2_097_152, residentBytes: 1_048_576 });
});

test("parseMemory() gives undefined of a process that has ended", () => {
  assertEquals(parseMemory("Name:\tdeno\nState:\tZ (zombie)\nThreads:\t1\n"), undefined);
});

test("parseCpuSeconds() adds user and system time, whatever the name is", () => {
  const rest = "S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0";
  assertEquals(parseCpuSeconds(`12 (bun) ${rest}`), 3);
  assertEquals(parseCpuSeconds(`12 (a (b) c) ${rest}`), 3);
});

test("parseCpuSeconds() gives undefined of something else", () => {
  assertEquals(parseCpuSeconds(""), undefined);
});

test("readMemory(), readCpuSeconds() and countDescriptors() know this process, and none that is gone", linux, () => {
  assert((readMemory(process.pid)?.residentBytes ?? 0) > 2 ** 20);
  assert((readCpuSeconds(process.pid) ?? -1) >= 0);
  assert((countDescriptors(process.pid) ?? 0) >= 3);
  assertEquals([readMemory(NOBODY), readCpuSeconds(NOBODY), countDescriptors(NOBODY)], [
    undefined,
    undefined,
    undefined,
  ]);
});
