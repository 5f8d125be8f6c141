// What the process that `node:net` is used in may do. Runtime neutral.

import { isRuntime } from "../runtime_name.ts";

/** What the adapter uses of Node's `process`; there is a `permission` under `--permission` only. */
interface NodeProcess {
  readonly permission?: { has(scope: string): boolean };
  readonly allowedNodeEnvironmentFlags: { has(flag: string): boolean };
}

/**
 * Under `--permission` Node throws at nobody if a host is listened on: from a callback of its own, which ends the process. Below
 * 25 it has no such permission.
 */
export function mayUseNetwork(): boolean {
  const { process } = globalThis as { process?: NodeProcess };
  if (!isRuntime("Node") || !process?.permission || !process.allowedNodeEnvironmentFlags.has("--allow-net")) {
    return true;
  }
  return process.permission.has("net");
}
