// kill -9 in a loop: a server and clients in processes of their own, the chaos proxy between, and a ledger at both ends. Each round
// kills one of them, or has it end in order. Then: nothing lost before a clean close, nothing twice or out of order, and `isConfirmed`
// never wrong.
//
// LASTER_LONG=1 has it go on for 500 rounds, in which the server and the clients are of all runtimes there are.

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "@laster/net/testing";
import { ownRuntime, runtimesHere } from "../examples/program.ts";
import { printedRandom } from "../random.ts";
import { partOf } from "../share.ts";
import { until } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { ChaosProxy } from "./chaos_proxy.ts";
import { type Account, emptyAccount, emptyTally, judgeDirection, readLedger } from "./judge.ts";
import { LedgerReader } from "./ledger_file.ts";
import type { Side } from "./ledger_session.ts";

const isLong = process.env.LASTER_LONG === "1";
const SESSIONS = 6;
/** A round's deed is done once this many bytes went through, at most: in some rounds when all but long transfers are over. */
const MOST_BYTES = [2_500_000, 2_500_000, 25_000_000] as const;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN_ARGUMENTS = { deno: ["run", "--no-check", "--quiet", "-A"], bun: ["run"], node: [] } as const;
/** What ends a program. A third of them has a kill and an end in order, as each runtime does a third of a run. */
const DEEDS = ["kill client", "kill server", "kill server", "stop server", "stop client", "stop client"] as const;
const shortRun = partOf(DEEDS);
const ROUNDS = isLong ? 500 : shortRun.length;
const skip = process.platform === "win32" ? "Windows has no SIGTERM" : false;

/** A program that runs, and what it notes. */
class Child implements AsyncDisposable {
  output = "";
  code: number | null | undefined = undefined;
  isKilled = false;
  /** What it runs on. */
  readonly title: string;
  readonly accounts = new Map<string, Account>();
  readonly #child: ChildProcess;
  readonly #reader: LedgerReader;

  constructor(file: string, ledger: string, words: readonly number[], random: SeededRandom) {
    const { name, command } = isLong ? random.pick(runtimesHere()) : ownRuntime();
    const args = [...RUN_ARGUMENTS[name], `tests/chaos/${file}`, ledger, ...words.map(String)];
    this.#child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    this.title = name;
    this.#reader = new LedgerReader(ledger);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Uint8Array) => this.output += new TextDecoder().decode(chunk));
    }
    this.#child.on("close", (code) => this.code = code);
  }

  get hasEnded(): boolean {
    return this.code !== undefined;
  }

  async port(): Promise<number> {
    const find = () => /^listening on .*:(\d+)$/m.exec(this.output)?.[1];
    await until(() => find() !== undefined || this.hasEnded, "the server listens");
    return Number(find());
  }

  /** Reads on in the ledger. */
  read(): void {
    assertEquals(readLedger(this.#reader.read(), this.accounts), []);
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.hasEnded || this.#child.pid === undefined) return;
    if (signal === "SIGKILL") this.isKilled = true;
    // On Deno `child.kill()` sends one signal, and takes the process to be ended by it.
    process.kill(this.#child.pid, signal);
  }

  /** Waits for its end, which is in order if it was not killed. */
  async ended(): Promise<void> {
    await until(() => this.hasEnded, "a program ends");
    this.read();
    if (this.isKilled) return;
    assertEquals([this.code, this.output.match(/left .*/)?.[0]], [0, "left 0 sessions, 0 buffers"], this.output);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await until(() => this.hasEnded, "a program is killed");
    this.#reader[Symbol.dispose]();
  }
}

/** The test task gives each test a minute on Bun. */
const timeout = isLong ? 3_600_000 : 60_000;

test("kill -9 in a loop loses nothing before a clean close, and doubles nothing", { skip, timeout }, async () => {
  const seed = Math.floor(printedRandom("kill -9")() * 2 ** 31);
  const random = new SeededRandom(seed);
  const tally = { ...emptyTally(), rounds: 0, killed: 0, broken: 0 };
  using folder = new TemporaryFolder();
  await using proxy = await ChaosProxy.start({ seed });
  let server: Child | undefined;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      if (server === undefined) {
        server = new Child("ledger_server_program.ts", folder.file(`server ${round}`), [seed], random);
        proxy.targetPort = await server.port();
      }
      const words = [seed, proxy.port, round, SESSIONS];
      await using client = new Child("ledger_client_program.ts", folder.file(`client ${round}`), words, random);
      const deed = isLong ? random.pick(DEEDS) : shortRun[round];
      await playRound(proxy, server, client, deed, random.integer(1_000, random.pick(MOST_BYTES))).catch((cause) => {
        client.read();
        throw new Error(`round ${round}, ${deed}: ${describe(proxy, client, server)}`, { cause });
      });
      for (const name of client.accounts.keys()) judgeSession(name, { proxy, server, client, tally });
      tally.rounds++;
      if (server.hasEnded) {
        await server[Symbol.asyncDispose]();
        server = undefined;
      }
      if (isLong && round % 50 === 49) console.log(JSON.stringify(tally));
    }
    server?.signal("SIGTERM");
    await server?.ended();
  } finally {
    await server?.[Symbol.asyncDispose]();
  }
  console.log(JSON.stringify(tally));
  // A part of a run may end before it has come to each of them.
  const isWhole = ROUNDS >= DEEDS.length;
  assert(!isWhole || (tally.lossless > 0 && tally.confirmed > 0 && tally.killed > 0), "it came to all that is judged");
  await until(() => proxy.openSockets === 0, "the proxy has no socket left");
});

/** Plays one round, until all sessions are over at all ends that live. */
async function playRound(
  proxy: ChaosProxy,
  server: Child,
  client: Child,
  deed: typeof DEEDS[number],
  bytes: number,
): Promise<void> {
  const end = proxy.forwardedBytes + bytes;
  // Bytes of the round before may still be on their way while the client starts: a signal would end it as any process.
  const isUp = () => client.output.includes("may be stopped") && proxy.forwardedBytes >= end;
  await until(() => isUp() || client.hasEnded, "the round is in full swing");
  const whom = deed.endsWith("client") ? client : server;
  whom.signal(deed.startsWith("kill") ? "SIGKILL" : "SIGTERM");
  await client.ended();
  if (whom === server) await server.ended();
  await until(() => {
    server.read();
    return server.hasEnded || [...server.accounts.values()].every(({ end }) => end !== undefined);
  }, "the server's sessions are over");
}

/** The sessions that are not over, where a round does not end. */
function describe(proxy: ChaosProxy, client: Child, server: Child | undefined): string {
  server?.read();
  const open = [...client.accounts].filter(([name, { end }]) => end === undefined || !server?.accounts.get(name)?.end);
  const lines = open.map(([name, near]) => {
    const link = proxy.linkOf(near.port);
    const lanes = link?.lanes.map((lane) => lane.describe()).join("; ");
    return `${name}: ${JSON.stringify({ near, far: server?.accounts.get(name) })}, ${
      link?.ending ?? "whole"
    }: ${lanes}`;
  });
  return [`client ${client.title}, server ${server?.title}`, ...lines].join("\n");
}

interface Judged {
  readonly proxy: ChaosProxy;
  readonly server: Child;
  readonly client: Child;
  readonly tally: ReturnType<typeof emptyTally> & { killed: number; broken: number };
}

function judgeSession(name: string, { proxy, server, client, tally }: Judged): void {
  const near = client.accounts.get(name);
  // One that was over before its first message came has no name there.
  const far = server.accounts.get(name) ?? emptyAccount();
  if (near === undefined) return;
  if (near.end === undefined) assert(client.isKilled, `${name} has no end at the client`);
  const link = proxy.linkOf(near.port);
  const killed: Side | undefined = client.isKilled ? "client" : server.isKilled ? "server" : undefined;
  const circumstances = { killed, deceived: link?.deceived, isBroken: link?.ending !== undefined };
  if (killed !== undefined) tally.killed++;
  if (circumstances.isBroken) tally.broken++;
  const faults = [
    ...judgeDirection(near, far, "client", circumstances, tally),
    ...judgeDirection(far, near, "server", circumstances, tally),
  ];
  assertEquals(faults, [], `${name}: ${JSON.stringify({ near, far, link, killed })}`);
}
