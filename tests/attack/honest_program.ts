// Runs attack/honest.c against a server of the test's own, which may be at fault.

import type { Buffer } from "node:buffer";
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type HonestFigures, parseHonest } from "../../attack/figures.ts";
import { until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

const ATTACK = join(dirname(fileURLToPath(import.meta.url)), "../../attack");

/** The program, built; undefined where there is no C compiler, or no epoll. */
export interface Built {
  readonly path: string;
  remove(): void;
}

/** Builds a program of attack/. */
export function build(name: "honest" | "attacker"): Built | undefined {
  const folder = new TemporaryFolder();
  const path = folder.file(name);
  const remove = () => folder[Symbol.dispose]();
  try {
    execFileSync("cc", ["-O2", "-o", path, join(ATTACK, `${name}.c`)], { stdio: "ignore" });
    return { path, remove };
  } catch {
    remove();
    return undefined; // The test that needs it is skipped.
  }
}

/** What a server does with the bytes of a client. */
export type Answer = (socket: Socket, chunk: Buffer) => void;

/** Starts a server that answers as `answer` says. */
export async function serve(answer: Answer): Promise<{ server: Server; port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // The client is killed at the end of some tests.
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => answer(socket, chunk));
  });
  await within(new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)), "the server to listen");
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await within(new Promise((resolve) => server.close(resolve)), "the server to close");
  };
  return { server, port: (server.address() as AddressInfo).port, close };
}

/** The honest clients at work. */
export class Program {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = "";
  readonly ended: Promise<unknown>;

  constructor(path: string, args: readonly string[]) {
    this.#child = spawn(path, [...args]);
    this.#child.stdout.on("data", (chunk) => this.#output += chunk);
    this.ended = new Promise((resolve) => this.#child.once("close", resolve));
  }

  async isReady(): Promise<void> {
    await until(() => this.#output.includes("ready\n"), "every client has had an echo");
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Lets go of it, as whoever is killed does. */
  leave(): void {
    this.#child.stdin.end();
  }

  async end(): Promise<HonestFigures> {
    this.tell("end");
    await within(this.ended, "the honest clients to end");
    return parseHonest(this.#output.trim().split("\n").at(-1) ?? "");
  }
}
