// One at a time: it counts milliseconds.
//
// runService() in processes of this runtime: a drain, an end in order under load, a second signal, and systemd.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, silentLogger, TcpService } from "@laster/net";
import { type HostableService, runService } from "@laster/net/hosting";
import { FakeClock } from "@laster/net/testing";
import { ownRuntime } from "../examples/program.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { turn, until, within } from "../support.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN_ARGUMENTS = { deno: ["run", "--no-check", "--quiet", "-A"], bun: ["run"], node: [] } as const;
const skip = process.platform === "win32" ? "Windows has no SIGTERM" : false;

/** The program, running. */
class Hosted {
  output = "";
  code: number | null | undefined = undefined;
  readonly #child: ChildProcess;

  constructor(words: readonly string[] = [], env: Record<string, string> = {}) {
    const { name, command } = ownRuntime();
    this.#child = spawn(command, [...RUN_ARGUMENTS[name], "tests/hosting/hosted_program.ts", ...words], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Uint8Array) => this.output += new TextDecoder().decode(chunk));
    }
    this.#child.on("close", (code) => this.code = code);
  }

  async number(pattern: RegExp): Promise<number> {
    await until(() => pattern.test(this.output) || this.code !== undefined, `it says ${pattern}: ${this.output}`);
    return Number(pattern.exec(this.output)?.[1] ?? NaN);
  }

  port(): Promise<number> {
    return this.number(/^listening on .*:(\d+)$/m);
  }

  health(): Promise<number> {
    return this.number(/^health on (\d+)$/m);
  }

  signal(signal: NodeJS.Signals): void {
    // On Deno `child.kill()` sends one signal, and takes the process to be ended by it.
    if (this.#child.pid !== undefined) process.kill(this.#child.pid, signal);
  }

  async ended(): Promise<number | null | undefined> {
    await until(() => this.code !== undefined, "the process to end");
    return this.code;
  }

  [Symbol.dispose](): void {
    if (this.code === undefined) this.#child.kill("SIGKILL");
  }
}

const ready = async (port: number) => {
  const response = await fetch(`http://127.0.0.1:${port}/ready`);
  return `${response.status} ${(await response.text()).trim()}`;
};

test("SIGTERM under load: not ready, then no accepts, then all answers, and 0", { skip }, async () => {
  using hosted = new Hosted(["2000"]);
  const port = await hosted.port();
  const health = await hosted.health();
  assertEquals(await ready(health), "200 ready");
  const sessions = await Promise.all(Array.from({ length: 20 }, () => connect({ port, logger: silentLogger() })));
  let sent = 0;
  let answers = 0;
  let isOver = false;
  const talks = sessions.map(async (session) => {
    const reads = (async () => {
      for await (const _payload of session) answers++;
    })();
    while (!isOver && session.state === "open") {
      for (let count = 0; count < 20; count++) {
        const result = session.send(new Uint8Array(500));
        if (result === "queued" || result === "congested") sent++;
      }
      await turn();
    }
    await reads;
  });
  await until(() => answers > 1_000, "there is load");
  hosted.signal("SIGTERM");
  let state = "";
  for (let tries = 0; tries < 200 && state !== "503 draining"; tries++) state = await ready(health).catch(() => "gone");
  assertEquals(state, "503 draining");
  await using late = await connect({ port, logger: silentLogger() }); // Within the drain it still listens.
  isOver = true; // What is sent from now on may come too late; all before has to be answered.
  await within(Promise.all(talks), "all talks");
  assertEquals(await hosted.ended(), 0, hosted.output);
  const [, received, aborted] = /received (\d+), aborted (\d+)/.exec(hosted.output) ?? [];
  assertEquals([Number(received), Number(aborted)], [sent, 0], "all that was sent was handled, and nobody was cut");
  assertEquals(answers, sent, "and answered");
  await late.closed;
  await assertRejects(() => connect({ port, logger: silentLogger() }));
});

test("a second signal ends the process at once, with 1", { skip }, async () => {
  using hosted = new Hosted(["60000"]);
  await hosted.health();
  hosted.signal("SIGTERM");
  for (let count = 0; count < 100; count++) await turn();
  assertEquals(hosted.code, undefined);
  hosted.signal("SIGTERM");
  assertEquals(await hosted.ended(), 1);
});

test(
  "a start that fails says why, and ends with 1; so does a stop whose handler fails",
  { skip },
  async () => {
    using first = new Hosted();
    const port = await first.port();
    using second = new Hosted(["0", String(port)]);
    assertEquals(await second.ended(), 1);
    assert(/Cannot listen on 127\.0\.0\.1:\d+ as/.test(second.output), second.output);
    using bad = new Hosted(["0", "0", "--bad"]);
    await bad.health();
    bad.signal("SIGINT");
    assertEquals(await bad.ended(), 1);
    assert(bad.output.includes("stopping is hard"), bad.output);
  },
);

test(
  "of two services in a process, one that ends leaves the other its time, and the larger code counts",
  { skip },
  async () => {
    for (const [words, code] of [[[], 0], [["--bad"], 1]] as const) {
      using hosted = new Hosted(["500", "0", "--two", ...words]);
      await hosted.health();
      hosted.signal("SIGTERM");
      assertEquals(await hosted.ended(), code, hosted.output);
      assert(/the other has stopped\n[^]*received 0, aborted 0/.test(hosted.output), hosted.output);
    }
    using hosted = new Hosted(["60000", "0", "--two"]);
    const port = await hosted.port();
    await hosted.health();
    using second = new Hosted(["0", String(port), "--two"]);
    assertEquals(await second.ended(), 1);
    assert(second.output.includes("the other has stopped"), "a start that fails stops the other in order");
    hosted.signal("SIGTERM");
    await hosted.number(/the other has (stopped)/);
    hosted.signal("SIGTERM");
    assertEquals(await hosted.ended(), 1, "a second signal ends all");
  },
);

test("systemd hears that it is ready, lives and stops", { skip }, async () => {
  using folder = new TemporaryFolder();
  // What stands for systemd-notify writes down what it was told.
  const log = folder.file("told");
  writeFileSync(folder.file("systemd-notify"), `#!/bin/sh\necho "$@" >> '${log}'\n`);
  chmodSync(folder.file("systemd-notify"), 0o755);
  using hosted = new Hosted([], {
    NOTIFY_SOCKET: folder.file("notify"),
    WATCHDOG_USEC: "200000",
    PATH: `${folder.path}:${process.env.PATH}`,
  });
  await hosted.health();
  const told = () => existsSync(log) ? readFileSync(log, "utf8") : "";
  await until(() => told().split("WATCHDOG=1").length > 3, "it lives");
  assert(/^--no-block --pid=\d+ READY=1$/m.test(told()), told());
  hosted.signal("SIGTERM");
  assertEquals(await hosted.ended(), 0);
  await until(() => told().includes("STOPPING=1"), "it has said so");
});

test("that systemd cannot be told is printed once, until it can be told again", { skip }, async () => {
  using folder = new TemporaryFolder();
  const [program, log] = [folder.file("systemd-notify"), folder.file("told")];
  const { PATH } = process.env;
  Object.assign(process.env, { NOTIFY_SOCKET: folder.file("notify"), WATCHDOG_USEC: "2000000", PATH: folder.path });
  try {
    const clock = new FakeClock();
    const lines: string[] = [];
    const service = new TcpService({ logger: silentLogger() });
    const hosted = await runService(service, { exit: false, clock, print: (line) => void lines.push(line) });
    const beat = async () => {
      for (let count = 0; count < 3; count++) await clock.advance(1_000);
      await turn();
    };
    await beat();
    await until(() => lines.length > 0, "the first fault");
    await beat();
    assertEquals(lines.length, 1, lines.join("\n"));
    writeFileSync(program, `#!/bin/sh\necho "$@" >> '${log}'\n`, { mode: 0o755 });
    await beat();
    await until(() => existsSync(log), "it is told");
    rmSync(program);
    await beat();
    await until(() => lines.length > 1, "the next fault");
    assertEquals(await hosted.stop(), 0);
    for (const line of lines) assert(/^systemd is not told: .*systemd-notify/.test(line), line);
    assertEquals(lines.length, 2, lines.join("\n"));
  } finally {
    process.env.PATH = PATH;
    delete process.env.NOTIFY_SOCKET;
    delete process.env.WATCHDOG_USEC;
  }
});

test("a drain and its end on a clock that the test moves", async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }], logger: silentLogger() });
  const options = { exit: false, drainMs: 5_000, clock, print: (line: string) => void lines.push(line) };
  const hosted = await runService(service, options);
  assert(/^listening on 127\.0\.0\.1:\d+$/.test(lines[0]), lines[0]);
  assertEquals(hosted.state, "running");
  const stopped = hosted.stop();
  await turn();
  assertEquals([hosted.state, service.state], ["draining", "running"]);
  await clock.advance(5_000);
  assertEquals([await stopped, await hosted.ended, hosted.state], [0, 0, "stopped"]);
  await assertRejects(() => runService(service, { drain: 5 } as never), TypeError, "did you mean drainMs?");
  await assertRejects(() => runService(service, { stopTimeoutMs: -1 }), RangeError, "stopTimeoutMs");
});

test("a signal during a drain is told alike by stop() and ended, with exit: false", { skip }, async () => {
  const clock = new FakeClock();
  const service = new TcpService({ logger: silentLogger() });
  const hosted = await runService(service, { exit: false, drainMs: 5_000, clock, print: () => {} });
  const handleSignal = process.listeners("SIGTERM").at(-1); // A real signal would end Node's test runner.
  const stopped = hosted.stop();
  handleSignal?.("SIGTERM");
  assertEquals(await within(hosted.ended, "the signal"), 1);
  await clock.advance(5_000);
  assertEquals([await within(stopped, "the stop"), service.state], [1, "stopped"]);
});

test("a stop during a start is what ends the service, also if the start fails for it", async () => {
  const [started, saved] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const service: HostableService = {
    state: "starting",
    start: () => started.promise,
    stop: () => Promise.resolve({ abortedSessions: 0 }),
    stats: () => ({ listeners: [] }),
  };
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const running = runService(service, { exit: false, print, onStopped: () => saved.promise });
  process.listeners("SIGTERM").at(-1)?.("SIGTERM");
  started.reject(new Error("Cannot listen as the service must be running"));
  const hosted = await within(running, "the start");
  let code: number | undefined;
  const ended = hosted.ended.then((value) => code = value);
  await turn();
  assertEquals([code, lines], [undefined, []], "it still saves");
  saved.resolve();
  assertEquals(await within(ended, "the end"), 0);
});

test("runService() refuses options of another type", async () => {
  const service = new TcpService({ logger: silentLogger() });
  const before = process.listenerCount("SIGTERM");
  const wrong = { onStopping: "x", onStopped: 5, print: null, exit: "no", clock: {}, stopTimeoutMs: "8" };
  for (const [name, value] of Object.entries(wrong)) {
    const error = await assertRejects(() => runService(service, { [name]: value }));
    assert(String(error).includes(`${name} must be`), String(error));
  }
  assertEquals([service.state, process.listenerCount("SIGTERM")], ["stopped", before]);
});

test("a print that throws keeps neither the start nor the stop from going on", async () => {
  const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }], logger: silentLogger() });
  const fail = () => {
    throw new Error("cannot");
  };
  let isSaved = false;
  const onStopped = () => isSaved = true;
  const hosted = await runService(service, { exit: false, print: fail, onStopping: fail, onStopped });
  assertEquals([await within(hosted.stop(), "the end"), isSaved], [1, true]);
});

test("a watchdog of systemd that is longer than a timer can be is none", async () => {
  process.env.WATCHDOG_USEC = "18446744073709551615"; // What systemd writes for `infinity`.
  try {
    const clock = new FakeClock();
    const service = new TcpService({ logger: silentLogger() });
    const hosted = await runService(service, { exit: false, print: () => {}, clock });
    assertEquals(clock.timerCount, 0);
    assertEquals(await hosted.stop(), 0);
  } finally {
    delete process.env.WATCHDOG_USEC;
  }
});

test("onStopping is awaited, but no longer than stopTimeoutMs", async () => {
  const clock = new FakeClock();
  for (const isEndless of [true, false]) {
    const lines: string[] = [];
    const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }], logger: silentLogger() });
    const asked = Promise.withResolvers<void>();
    const hosted = await runService(service, {
      exit: false,
      stopTimeoutMs: 3_000,
      clock,
      print: (line) => void lines.push(line),
      onStopping: () => asked.promise,
    });
    const stopped = hosted.stop();
    await clock.advance(2_999);
    assertEquals([hosted.state, lines.length], ["draining", 1]);
    if (isEndless) await clock.advance(1);
    else asked.resolve();
    assertEquals(await within(stopped, "the end"), 0);
    assertEquals(lines.slice(1), isEndless ? ["stopping: onStopping has not ended in 3000 ms"] : []);
    asked.reject(new Error("too late")); // Is printed, and ends nothing.
    await turn();
    assertEquals(clock.timerCount, 0);
  }
});

test("a handler of the stop that fails is printed, and makes the code 1; the service stops all the same", async () => {
  const fail = () => {
    throw new Error("not saved");
  };
  const failures = [
    { onStopping: fail },
    { onStopping: () => Promise.reject(new Error("not saved")) },
    { onStopped: fail },
    { onStopped: () => Promise.reject(new Error("not saved")) },
  ];
  for (const handlers of failures) {
    const lines: string[] = [];
    const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }], logger: silentLogger() });
    const hosted = await runService(service, { exit: false, print: (line) => void lines.push(line), ...handlers });
    assertEquals(await within(hosted.stop(), "the end"), 1);
    assertEquals([await hosted.ended, service.state, lines.slice(1)], [1, "stopped", ["stopping: not saved"]]);
  }
});
