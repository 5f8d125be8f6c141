// What the process is that `node:net` is used in, and what it may do. Runtime neutral.

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
  if (!isNode() || !process?.permission || !process.allowedNodeEnvironmentFlags.has("--allow-net")) return true;
  return process.permission.has("net");
}

/** Whether this is Node itself, whose sockets read where they are told. */
export function isNode(): boolean {
  const { navigator } = globalThis as { navigator?: { readonly userAgent?: string } };
  return navigator?.userAgent?.startsWith("Node") ?? false;
}
