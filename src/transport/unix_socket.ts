// makeWay(): what to do if a Unix socket cannot be listened on: removes one that a killed server left, names a missing folder.
// Runtime neutral, over `node:fs` and `node:path`, which all runtimes have.

import { lstatSync, unlinkSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ConnectError, ListenError } from "../errors.ts";
import type { Address } from "./address.ts";
import type { Transport } from "./transport.ts";

/** How long a server may take to accept the trial dial. */
const TRIAL_MS = 1_000;

/**
 * Makes way for a listener: removes the socket at its path, if a trial dial is refused, for then nobody listens on it; unless
 * another has taken its place meanwhile.
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

/** Removes the socket if nobody listens on it; true if the path is free, or something else has come there since. */
async function removeStaleSocket(transport: Transport, address: Address & { readonly path: string }): Promise<boolean> {
  const { path } = address;
  try {
    const found = identify(path);
    try {
      const connection = await transport.connect(address, { signal: AbortSignal.timeout(TRIAL_MS) });
      connection.abort();
      return false;
    } catch (error) {
      if (!(error instanceof ConnectError) || error.code !== "refused") return false;
    }
    // Another server may have found the same socket, and listen in its place by now. In one turn, so that there is next to no
    // time for that between the look and the removal.
    if (identify(path) === found) unlinkSync(path);
    return true;
  } catch (error) {
    return isNotFound(error); // Somebody else has removed it. Otherwise it is no socket, or not ours to remove.
  }
}

/** What tells a socket from another one that takes its place: the system may give the number of its node again. */
function identify(path: string): string {
  const stats = lstatSync(path);
  if (!stats.isSocket()) throw new Error(`Cannot remove ${path} as it is no socket`);
  return `${stats.dev} ${stats.ino} ${stats.mtimeMs}`;
}

async function isMissing(folder: string): Promise<boolean> {
  try {
    await stat(folder);
    return false;
  } catch (error) {
    return isNotFound(error);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
