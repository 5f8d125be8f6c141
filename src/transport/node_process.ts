// mayUseNetwork(): whether the process has the permission to use `node:net`. Runtime neutral.

import { isRuntime } from "../runtime_name.ts";

/** What the adapter uses of Node's `process`; there is a `permission` under `--permission` only. */
interface NodeProcess {
  readonly permission?: { has(scope: string): boolean };
  readonly allowedNodeEnvironmentFlags: { has(flag: string): boolean };
}

/**
 * Whether listening is permitted. Asked beforehand, as Node under `--permission` throws from a callback of its own if it is
 * not, which ends the process. Node below 25 has no such permission.
 */
export function mayUseNetwork(): boolean {
  const { process } = globalThis as { process?: NodeProcess };
  if (!isRuntime("Node") || !process?.permission || !process.allowedNodeEnvironmentFlags.has("--allow-net")) {
    return true;
  }
  return process.permission.has("net");
}
