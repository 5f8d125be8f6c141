// A folder for the files and Unix sockets of one case, which is gone when the case ends, however it ends. All temporary
// files of tests lie in one: tools/test.ts fails if something is left. Runtime neutral.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Declare it with `using`. */
export class TemporaryFolder implements Disposable {
  /** Where it is. */
  readonly path: string = mkdtempSync(join(tmpdir(), "laster-"));

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
