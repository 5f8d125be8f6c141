// printError(): one line for a fault that a peer can cause, so few that nobody can fill a disk with them.

import { TokenBucket } from "./token_bucket.ts";

const limit = new TokenBucket({ burst: 20, perSecond: 1 });
let leftOut = 0;

/** Prints a line to the error output; past twenty at once and one a second, only the number of those left out is told. */
export function printError(line: string): void {
  if (!limit.tryTake()) {
    leftOut++;
    return;
  }
  console.error(leftOut === 0 ? line : `${line} (${leftOut} more before it)`);
  leftOut = 0;
}
