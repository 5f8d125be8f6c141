// Runs one row of the table on one runtime: server, honest clients, attackers, and what they came to. Deno only.

import type { Runtime } from "../tools/runtimes.ts";
import { Attacker, type Clients, HonestClients } from "./client_process.ts";
import type { AttackFigures, EndFigures, HonestFigures, RowFigures } from "./figures.ts";
import { countDescriptors, readCpuSeconds, readMemory } from "./process_stats.ts";
import type { Form, Row } from "./rows.ts";
import { ServerProcess } from "./server_process.ts";
import { END_LIMIT_MS, SECOND_END_LIMIT_MS } from "./verdict.ts";

/** How long the parts of a row around the attack are, in milliseconds. */
interface Times {
  readonly beforeMs: number;
  /** Behind the attack, and not looked at: what is in flight then is neither during nor after it. */
  readonly settleMs: number;
  readonly afterMs: number;
}

const QUICK: Times = { beforeMs: 200, settleMs: 100, afterMs: 200 };
const FULL: Times = { beforeMs: 2_000, settleMs: 500, afterMs: 3_000 };
const HONEST_CLIENTS = 20;
/** When nobody is left, a server may take this long to see it: Bun hides a peer's end behind a pause. */
const EMPTY_LIMIT_MS = 15_000;
/** In the row of SIGTERM: how long the attackers are at it before, and how far apart two signals are. */
const ATTACK_BEFORE_END_MS = 500;
const SECOND_SIGNAL_MS = 200;
/** More than the broadcast row may take. */
const LONGEST_ATTACK_SECS = 60;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs a row. */
export async function runRow(row: Row, runtime: Runtime, clients: Clients, form: Form): Promise<RowFigures> {
  const times = form.isQuick ? QUICK : FULL;
  if (row.isEnd !== true) return await new RowRun(row, runtime, clients, form, times).attack();
  const once = await new RowRun(row, runtime, clients, form, times).terminate(false);
  const twice = await new RowRun(row, runtime, clients, form, times).terminate(true);
  return { ...once, died: once.died ?? twice.died, secondEnd: twice.end };
}

class RowRun {
  readonly #row: Row;
  readonly #runtime: Runtime;
  readonly #clients: Clients;
  readonly #form: Form;
  readonly #times: Times;

  constructor(row: Row, runtime: Runtime, clients: Clients, form: Form, times: Times) {
    this.#row = row;
    this.#runtime = runtime;
    this.#clients = clients;
    this.#form = form;
    this.#times = times;
  }

  async attack(): Promise<RowFigures> {
    const { server, ports: [port], target } = await this.#start();
    try {
      const honest = await HonestClients.start(this.#clients, port, this.#row.honest ?? []);
      if (honest === undefined) return await this.#finish(server, undefined, [], 0, 0);
      await honest.enter("before");
      await sleep(this.#times.beforeMs);
      const descriptors = (countDescriptors(server.pid) ?? 0) - HONEST_CLIENTS;
      await honest.enter("during");
      const cpu = readCpuSeconds(server.pid) ?? 0;
      const startMs = performance.now();
      const attacks = await this.#putAttack(target);
      const cpuShare = ((readCpuSeconds(server.pid) ?? NaN) - cpu) / (performance.now() - startMs) * 1_000;
      await honest.enter("settle");
      await sleep(this.#times.settleMs);
      await honest.enter("after");
      await honest.addNewcomers();
      await sleep(this.#times.afterMs);
      return await this.#finish(server, await honest.end(server.death === undefined), attacks, descriptors, cpuShare);
    } finally {
      await server.kill();
    }
  }

  /** SIGTERM, or two, while the attack goes on. The honest clients have left before it. */
  async terminate(isTwice: boolean): Promise<RowFigures> {
    const { server, ports: [port], target } = await this.#start();
    const attackers: Attacker[] = [];
    try {
      const honest = await HonestClients.start(this.#clients, port, []);
      await honest?.enter("before");
      await sleep(this.#times.beforeMs);
      await honest?.enter("during");
      for (const args of this.#row.attackers(this.#form)) attackers.push(new Attacker(this.#clients, target, args));
      await sleep(ATTACK_BEFORE_END_MS);
      const seen = await honest?.end(server.death === undefined);
      const died = server.death;
      const finalBytes = readMemory(server.pid)?.residentBytes ?? 0;
      if (isTwice && died === undefined) {
        server.signal("SIGTERM");
        await sleep(SECOND_SIGNAL_MS);
      }
      const end = died === undefined
        ? await server.terminate(isTwice ? SECOND_END_LIMIT_MS + 100 : END_LIMIT_MS + 100)
        : undefined;
      const { peakBytes, logLines } = server;
      const rest = { descriptorsBefore: 0, descriptorsAfter: 0, cpuShare: NaN, attacks: [] };
      return { died, end, peakBytes, finalBytes, logLines, honest: seen, ...rest };
    } finally {
      for (const attacker of attackers) await attacker.stop();
      await server.kill();
    }
  }

  /** Starts the server; the honest clients use its first port, the attackers `target`. */
  async #start(): Promise<{ server: ServerProcess; ports: string[]; target: string }> {
    const { server: file, serverOptions: options = [], descriptorLimit, listener = 0 } = this.#row;
    const started = await ServerProcess.start(this.#runtime, {
      file,
      options,
      descriptorLimit,
      listener,
      clients: this.#clients,
    });
    return { ...started, target: started.ports[listener] };
  }

  async #putAttack(target: string): Promise<AttackFigures[]> {
    const lines = this.#row.attackers(this.#form);
    if (lines.length === 0) await sleep(this.#form.secs * 1_000);
    const secs = this.#row.receivers === undefined ? this.#form.secs : LONGEST_ATTACK_SECS;
    return await Promise.all(lines.map((args) => new Attacker(this.#clients, target, args).finished(secs)));
  }

  async #finish(
    server: ServerProcess,
    honest: HonestFigures | undefined,
    attacks: readonly AttackFigures[],
    descriptorsBefore: number,
    cpuShare: number,
  ): Promise<RowFigures> {
    const descriptorsAfter = await this.#waitForEmpty(server, descriptorsBefore);
    const finalBytes = readMemory(server.pid)?.residentBytes ?? 0;
    const { peakBytes, logLines, death: died } = server;
    const end: EndFigures | undefined = died === undefined ? await server.terminate(END_LIMIT_MS + 100) : undefined;
    const figures = { died, end, peakBytes, finalBytes, descriptorsBefore, descriptorsAfter, cpuShare, logLines };
    const { reason, leastEnded } = this.#row;
    const reasons = reason === undefined ? undefined : { wanted: reason, seen: server.reasons ?? {} };
    return { ...figures, honest, attacks, complete: this.#countComplete(honest, attacks), leastEnded, reasons };
  }

  /** Waits until no descriptor is left that a client had, or time is up. */
  async #waitForEmpty(server: ServerProcess, before: number): Promise<number> {
    const endMs = performance.now() + EMPTY_LIMIT_MS;
    for (;;) {
      const count = countDescriptors(server.pid) ?? 0;
      if (count <= before || performance.now() > endMs || server.death !== undefined) return count;
      await sleep(20);
    }
  }

  #countComplete(honest: HonestFigures | undefined, attacks: readonly AttackFigures[]): RowFigures["complete"] {
    const { receivers } = this.#row;
    if (receivers === undefined || honest === undefined || attacks.length === 0) return undefined;
    const [{ sent, complete }] = attacks;
    const count = complete + honest.fast.filter((got) => got === sent).length;
    return { count, of: receivers + honest.fast.length };
  }
}
