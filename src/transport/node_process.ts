// mayUseNetwork(): whether the process has the permission to use `node:net`. Runtime neutral.

import { isRuntime } from "../runtime_name.ts";

/** What the adapter uses of Node's `process`; there is a `permission` under `--permission` only. */
interface NodeProcess {
  readonly permission?: { has(scope: string): boolean };
  readonly allowedNodeEnvironmentFlags: { has(flag: string): boolean };
}

/** What the adapter uses of Deno's permissions. */
interface DenoPermissions {
  requestSync(wish: { name: "net"; host: string }): { readonly state: string };
}

/**
 * Whether listening is permitted. Asked beforehand, as `node:net` throws from a callback of its own if it is not, which ends the
 * process: on Node under `--permission`, and on Deno. Node below 25 has no such permission.
 *
 * @param address Where: an IP address and a port; undefined for a Unix socket.
 */
export function mayUseNetwork(address: string | undefined): boolean {
  const { Deno: deno, process } = globalThis as {
    Deno?: { readonly permissions: DenoPermissions };
    process?: NodeProcess;
  };
  if (deno !== undefined && address !== undefined) {
    return deno.permissions.requestSync({ name: "net", host: address }).state === "granted";
  }
  if (!isRuntime("Node") || !process?.permission || !process.allowedNodeEnvironmentFlags.has("--allow-net")) {
    return true;
  }
  return process.permission.has("net");
}
