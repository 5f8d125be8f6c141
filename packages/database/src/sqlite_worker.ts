// The thread of a file of SQLite: takes batches of queries, answers them, and closes the file when it is told to. Runs on
// Node, Bun and Deno.

import { parentPort, workerData } from "node:worker_threads";
import { type Answer, type Question, type Refusal, SqliteFile, type SqliteFileOptions } from "./sqlite_file.ts";

/** What the thread is told: a batch, or that it is over. */
export type ToWorker = readonly Question[] | "close";
/** What it says: the answers of a batch in their order, why the file cannot be opened, or that it is closed. */
export type FromWorker = readonly Answer[] | Refusal | "closed";

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  const say = (message: FromWorker) => port.postMessage(message);
  let file: SqliteFile;
  try {
    file = new SqliteFile(workerData as SqliteFileOptions);
  } catch (error) {
    const { message, errcode } = error as { readonly message: string; readonly errcode?: number };
    return say({ message, resultCode: errcode });
  }
  port.on("message", (message: ToWorker) => {
    if (message !== "close") return say(file.run(message));
    file.close();
    say("closed");
  });
}
