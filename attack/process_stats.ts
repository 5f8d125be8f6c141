// What Linux tells of a process: memory, CPU time, descriptors. Runtime neutral.

import { readdirSync, readFileSync } from "node:fs";

/** Memory of a process, in bytes. */
export interface Memory {
  /** The most that was resident at any time. */
  readonly peakBytes: number;
  readonly residentBytes: number;
}

/** Clock ticks of /proc: 100 a second on every Linux that runs the three runtimes. */
const TICKS_PER_SECOND = 100;

/** Reads the text of /proc/PID/status; undefined if it has no memory any more, as that of a process that has ended. */
export function parseMemory(status: string): Memory | undefined {
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? NaN);
  const peak = kilobytes("VmHWM");
  const resident = kilobytes("VmRSS");
  if (Number.isNaN(peak) || Number.isNaN(resident)) return undefined;
  return { peakBytes: peak * 1_024, residentBytes: resident * 1_024 };
}

/** Reads the text of /proc/PID/stat: seconds of CPU of all threads. The name in it may have spaces and brackets. */
export function parseCpuSeconds(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND;
}

/** Memory of a process; undefined if it is gone. */
export function readMemory(pid: number): Memory | undefined {
  const text = read(`/proc/${pid}/status`);
  return text === undefined ? undefined : parseMemory(text);
}

/** CPU time of a process in seconds; undefined if it is gone. */
export function readCpuSeconds(pid: number): number | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseCpuSeconds(text);
}

/** How many descriptors a process has open; undefined if it is gone. */
export function countDescriptors(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined; // It has ended.
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // It has ended.
  }
}
