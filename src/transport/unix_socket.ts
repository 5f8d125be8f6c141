// makeWay(): what to do if a Unix socket cannot be listened on: removes one that a killed server left, names a missing folder.
// Runtime neutral, over `node:fs/promises` and `node:path`, which all runtimes have.

import { lstat, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { ConnectError, ListenError } from "../errors.ts";
import type { Address } from "./address.ts";
import type { Transport } from "./transport.ts";

/** How long a server may take to accept the trial dial. */
const TRIAL_MS = 1_000;

/**
 * Makes way for a listener: removes the socket at its path, if a trial dial is refused, for then nobody listens on it.
 *
 * @param error Why it could not be opened.
 * @param transport How it was to listen.
 * @param address Where.
 * @returns Once there is a point in trying again.
 * @throws `error`, or a `ListenError` `"folder-not-found"` if the folder of the path does not exist.
 */
export async function makeWay(error: unknown, transport: Transport, address: Address): Promise<void> {
  if (address.kind !== "unix" || !(error instanceof ListenError)) throw error;
  if (error.code === "address-in-use" && await removeStaleSocket(transport, address)) return;
  // Node reports a missing folder with the same code as one without the right to write.
  if (await isMissing(dirname(address.path))) {
    throw new ListenError("folder-not-found", error.address, { cause: error.cause });
  }
  throw error;
}

async function removeStaleSocket(transport: Transport, address: Address & { readonly path: string }): Promise<boolean> {
  try {
    const connection = await transport.connect(address, { signal: AbortSignal.timeout(TRIAL_MS) });
    connection.abort();
    return false;
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== "refused") return false;
  }
  try {
    if (!(await lstat(address.path)).isSocket()) return false;
    await unlink(address.path);
    return true;
  } catch {
    return false; // It is gone already, or not ours to remove.
  }
}

async function isMissing(folder: string): Promise<boolean> {
  try {
    await stat(folder);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}
