// A PostgreSQL cluster for tests, in a folder of its own: started, killed, and started again. Runtime neutral.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import process from "node:process";
import { until } from "../../../tests/support.ts";

const ROOT = "/usr/lib/postgresql";

/** Where the programs are; undefined if they are not on this machine. */
const bin = existsSync(ROOT)
  ? readdirSync(ROOT).sort().reverse().map((version) => `${ROOT}/${version}/bin`).find((path) =>
    existsSync(`${path}/initdb`)
  )
  : undefined;

/** Why tests that need it are skipped; false if it is here. */
export const skipWithoutPostgres: string | false = bin === undefined ? "PostgreSQL is not on this machine" : false;

/** A cluster. */
export class Cluster implements AsyncDisposable {
  /** The folder of its Unix socket. Not in that of the tests, which only their own user may enter. */
  readonly host: string = mkdtempSync("/tmp/laster-pg-");
  readonly #data = `${this.host}/data`;
  #server: ChildProcess | undefined;

  /** Makes one that does not run yet. */
  constructor() {
    chmodSync(this.host, 0o777);
    const words = ["-D", this.#data, "-A", "trust", "-U", "game", "--no-sync", "-E", "UTF8"];
    execFileSync(...asNobody(`${bin}/initdb`, words), { stdio: "ignore", cwd: "/" });
  }

  /** Starts it, and waits until it takes connections. */
  async start(): Promise<void> {
    const words = ["-D", this.#data, "-k", this.host, "-h", "", "-c", "fsync=off", "-c", "max_connections=50"];
    const [command, all] = asNobody(`${bin}/postgres`, words);
    const server = this.#server = spawn(command, all, { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
    let said = "";
    server.stderr?.on("data", (chunk: Uint8Array) => said += new TextDecoder().decode(chunk));
    await until(() => said.includes("ready to accept connections") || server.exitCode !== null, `PostgreSQL: ${said}`);
    if (server.exitCode !== null) throw new Error(said);
  }

  /** Ends it at once, as a machine that fails. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const pid = Number(execFileSync("head", ["-1", `${this.#data}/postmaster.pid`], { encoding: "utf8" }));
    process.kill(pid, "SIGQUIT"); // "Immediate shutdown": nothing is flushed, and it recovers at the next start.
    await until(() => server.exitCode !== null || server.signalCode !== null, "PostgreSQL is gone");
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.host, { recursive: true });
  }
}

/** PostgreSQL runs as no root. */
function asNobody(command: string, words: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...words]];
  return ["runuser", ["-u", "postgres", "--", command, ...words]];
}
