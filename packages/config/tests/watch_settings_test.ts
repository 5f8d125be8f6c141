// One at a time: it counts milliseconds.
//
// A settings file that changes while a server is under load: each change takes effect within a second, no session drops, and a
// broken file changes nothing.

import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  LeveledLogger,
  loadSettings,
  parseSettings,
  type Settings,
  type SettingsWatch,
  watchSettings,
} from "@laster/config";
import { connect, type Session, silentLogger, TcpService } from "@laster/net";
import { guard } from "@laster/net/guard";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../../../tests/tls/certificates.ts";
import { bytes, text, turn, until, within } from "../../../tests/support.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();

test(
  "a limit, the memory's budget, the guard, a log level, a listener and a certificate change under load",
  { skip: skipWithoutOpenssl },
  async () => {
    using folder = new TemporaryFolder();
    const authority = new Authority(folder);
    const identities = [authority.sign({ name: "one" }), authority.sign({ name: "two" })];
    const path = folder.file("settings.jsonc");
    const put = (name: string, content: string) => {
      writeFileSync(folder.file(`${name}.new`), content); // As editors do: there is never half a file.
      renameSync(folder.file(`${name}.new`), folder.file(name));
    };
    const putIdentity = ({ cert, key }: typeof identities[0]) => {
      put("cert.pem", cert);
      put("key.pem", key);
    };
    const plain = { name: "plain", hostname, port: 0 };
    const secure = { name: "tls", hostname, port: 0, tls: { certFile: "cert.pem", keyFile: "key.pem" } };
    const putSettings = (settings: object) => put("settings.jsonc", `// Settings.\n${JSON.stringify(settings)}`);
    putIdentity(identities[0]);
    putSettings({ listeners: [plain, secure], maxConnections: 100 });

    const levels = new LeveledLogger(logger);
    // A machine under load may be late: that is not what is tested here.
    const guarded = guard({ messages: { messagesPerSecond: 1_000_000 }, load: { maxDelayMs: 0 } });
    await using service = new TcpService({
      logger: levels,
      admission: guarded.admission,
      observers: guarded.observers,
      onMessage: guarded.protect<undefined>((session, payload) => void session.send(payload)),
    });
    await service.start();
    const faults: string[] = [];
    const apply = async (settings: Settings) => {
      await service.reconfigure(settings.service);
      guarded.change(settings.guard ?? {});
      levels.level = settings.logLevel;
    };
    await using watch = await watchSettings(path, {
      apply,
      onFault: ({ message }) => void faults.push(message),
      environment: {},
    });
    const portOf = (index: number) => {
      const address = service.stats().listeners[index];
      return address?.kind === "tcp" ? address.port : 0;
    };
    let isOver = false;
    let answers = 0;
    const talk = async (session: Session) => {
      for (let count = 0; !isOver; count++) {
        session.send(bytes(`${count}`));
        assertEquals(text(await within(session.receive(), "an answer") ?? bytes("closed")), `${count}`);
        answers++;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const dial = (port: number, tls?: object) => connect({ port, logger, ...(tls === undefined ? {} : { tls }) });
    const ca = { ca: authority.cert };
    const sessions = await Promise.all(
      Array.from({ length: 20 }, (_, index) => index % 2 ? dial(portOf(0)) : dial(portOf(1), ca)),
    );
    const talks = sessions.map(talk);
    const change = async (put: () => void, hasChanged: () => boolean | Promise<boolean>) => {
      const startMs = performance.now();
      put();
      while (!await hasChanged()) {
        if (performance.now() - startMs > 10_000) throw new Error(`it has not changed: ${faults}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return performance.now() - startMs;
    };

    const refusalsFor = (reason: string) => service.stats().refusals[reason] ?? 0;
    const third = { ...plain, name: "third" };
    const putGuard = (guard: object) => putSettings({ listeners: [plain, secure, third], guard });

    const times = [
      await change(() => putSettings({ listeners: [plain, secure], maxConnections: 20 }), async () => {
        const before = service.stats().refusedConnections;
        const session = await dial(portOf(0));
        await new Promise((resolve) => setTimeout(resolve, 30));
        void session.close();
        return service.stats().refusedConnections > before;
      }),
      await change(
        () => putSettings({ listeners: [plain, secure], maxConnections: 100, log: { level: "debug" } }),
        () => levels.level === "debug",
      ),
      await change(
        () => putSettings({ listeners: [plain, secure], pool: { maxBytes: "64MiB" } }),
        () => service.stats().pool.maxBytes === 67_108_864,
      ),
      await change(() => {
        putSettings({
          listeners: [plain, secure, third],
          guard: { messages: { messagesPerSecond: 5_000 } },
        });
      }, () => service.stats().listeners.length === 3),
      await change(() => putIdentity(identities[1]), async () => {
        const session = await dial(portOf(1), ca).catch(() => undefined);
        const subject = session?.tls?.peerCertificate?.subject;
        void session?.close();
        return subject === "CN=two";
      }),
      await change(() => putGuard({ load: { maxSessions: 20, maxDelayMs: 0 } }), async () => {
        const before = refusalsFor("overloaded");
        const session = await dial(portOf(0));
        await new Promise((resolve) => setTimeout(resolve, 30));
        void session.close();
        return refusalsFor("overloaded") > before;
      }),
      await change(() => putGuard({ load: { maxDelayMs: 0 } }), () => guarded.load?.stats.overload === undefined),
      await change(
        () => putGuard({ slowPeers: { firstMessageMs: 100, maxSilentPerAddress: 1, countLoopback: true } }),
        async () => {
          const before = refusalsFor("too-many-silent");
          const silent = await Promise.all([dial(portOf(0)), dial(portOf(0))]);
          await new Promise((resolve) => setTimeout(resolve, 30));
          for (const session of silent) void session.close();
          return refusalsFor("too-many-silent") > before;
        },
      ),
      await change(() => putSettings({ listeners: [plain, secure] }), () => service.stats().listeners.length === 2),
    ];
    for (const [index, ms] of times.entries()) assert(ms < 1_000 + 500, `change ${index} took ${ms.toFixed(0)} ms`);

    // Broken in every way, one after the other: said once each, and nothing changes.
    const listeners = JSON.stringify(service.stats().listeners);
    const seen = faults.length;
    const allBroken = [
      "{",
      '{ "maxConnections": 0 }',
      '{ "pool": { "maxBytes": 0 } }',
      '{ "listeners": [{ "port": "x" }] }',
      '{ "pool": { "maxBytes": "1MiB" }, "guard": { "load": { "maxSessions": 1, "maxDelayMs": "30d" } } }',
      '{ "guard": { "load": { "maxSessions": 1 }, "slowPeers": { "maxSilentPerAddress": 0 } } }',
    ];
    for (const [count, broken] of allBroken.entries()) {
      put("settings.jsonc", broken);
      await until(() => faults.length === seen + count + 1, "it is said");
      await new Promise((resolve) => setTimeout(resolve, 700));
      assertEquals(faults.length, seen + count + 1, "and said once");
    }
    assertEquals(JSON.stringify(service.stats().listeners), listeners);
    assertEquals(service.stats().pool.maxBytes, 67_108_864, "as it was before");
    assertEquals(guarded.load?.admit({ sessions: 1_000 }), undefined, "as it was before");
    isOver = true;
    await within(Promise.all(talks), "the last answers");
    assert(answers > 500, `${answers}`);
    assertEquals(sessions.map(({ state }) => state).filter((state) => state !== "open"), [], "no session dropped");
    for (const session of sessions) void session.close();
    await watch.stop();
  },
);

test("watchSettings() throws what is wrong at the start", async () => {
  const folder = mkdtempSync(join(tmpdir(), "laster-"));
  const path = join(folder, "settings.json");
  try {
    writeFileSync(path, '{ "maxConnections": "many" }');
    const options = { apply: () => {}, onFault: () => {}, environment: {} };
    await assertRejects(() => watchSettings(path, options), Error, "maxConnections must be a whole number");
    writeFileSync(path, "{}");
    const apply = () => Promise.reject(new Error("not now"));
    await assertRejects(() => watchSettings(path, { ...options, apply }), Error, "not now");
    assertEquals(readFileSync(path, "utf8"), "{}");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("watchSettings() and its like refuse names and a lookMs that make no sense, before they read anything", async () => {
  const options = { apply: () => {}, onFault: () => {}, environment: {} };
  for (const lookMs of [0, -5, 0.5, NaN, Infinity, 2 ** 31]) {
    await assertRejects(() => watchSettings("none", { ...options, lookMs }), RangeError, `current value is ${lookMs}`);
  }
  const misspelt = { ...options, lookMS: 5 };
  await assertRejects(() => watchSettings("none", misspelt), TypeError, "no option lookMS");
  assertThrows(() => loadSettings("none", { env: {} } as object), TypeError, "no option env");
  assertThrows(() => parseSettings("{}", { file: "none", env: {} } as { file: string }), TypeError, "no option env");
});

test("stop() inside apply does not wait for it; outside it does", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("settings.json");
  writeFileSync(path, "{}");
  const watches: SettingsWatch[] = [];
  const applied = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const apply = async () => {
    if (watches.length === 0) return;
    await turn();
    await watches[0].stop();
    applied.resolve();
    await release.promise;
  };
  const watch = await watchSettings(path, { apply, onFault: () => {}, environment: {}, lookMs: 1 });
  watches.push(watch);
  writeFileSync(path, '{ "maxDials": 1 }');
  await within(applied.promise, "the stop inside");
  let isStopped = false;
  const stopped = watch.stop().then(() => isStopped = true);
  await turn();
  assertEquals(isStopped, false, "it is still being applied");
  release.resolve();
  await within(stopped, "the stop outside");
});

test("a file that changes while settings are applied is read again", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("settings.json");
  const put = (count: number) => writeFileSync(path, `{ "maxConnections": ${count} }`);
  put(1);
  const applied: (number | undefined)[] = [];
  let during: (() => void) | undefined;
  const apply = async ({ service: { maxConnections } }: Settings) => {
    applied.push(maxConnections);
    during?.();
    during = undefined;
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const faults: Error[] = [];
  const onFault = (error: Error) => void faults.push(error);
  await using watch = await watchSettings(path, { apply, onFault, environment: {}, lookMs: 20 });
  during = () => put(333);
  put(22);
  await until(() => applied.includes(333), "the later one");
  during = () => writeFileSync(path, "{");
  put(4444);
  await until(() => faults.length === 1, "that it is broken now");
  put(55555);
  await until(() => applied.includes(55_555), "the last one");
  assertEquals(applied, [1, 22, 333, 4444, 55_555]);
  await watch.stop();
});

test("an onFault that throws, or rejects, ends neither the watch nor the process", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("settings.json");
  const { error } = console;
  const lines: unknown[] = [];
  console.error = (...words) => void lines.push(words[0]);
  try {
    for (const fail of [() => Promise.reject(new Error("gone")), () => assert(false, "gone")]) {
      writeFileSync(path, "{}");
      lines.length = 0;
      let applied = 0;
      await using watch = await watchSettings(path, {
        apply: () => void applied++,
        onFault: fail as () => void,
        environment: {},
        lookMs: 10,
      });
      writeFileSync(path, "{ broken");
      await until(() => lines.length === 1, "the console is told");
      writeFileSync(path, '{ "maxDials": 1 }');
      await until(() => applied === 2, "the watch goes on");
      assertEquals(lines, ["The onFault function of watchSettings() failed:"]);
      await watch.stop();
    }
  } finally {
    console.error = error;
  }
});

test("a change whose certificate comes later is reported once, and applied once the certificate is there", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("settings.json");
  writeFileSync(path, '{ "listeners": [{ "port": 0 }] }');
  const faults: string[] = [];
  let applied = 0;
  await using watch = await watchSettings(path, {
    apply({ service }) {
      applied++;
      if (service.listeners?.[0].tls?.cert === "wrong") throw new Error("they do not match");
    },
    onFault: ({ message }) => void faults.push(message),
    environment: {},
    lookMs: 10,
  });
  writeFileSync(folder.file("key.pem"), "KEY");
  writeFileSync(path, '{ "listeners": [{ "port": 0, "tls": { "certFile": "cert.pem", "keyFile": "key.pem" } }] }');
  await until(() => faults.length === 1, "the certificate is missed");
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals([applied, faults.length], [1, 1], "once");
  writeFileSync(folder.file("cert.new"), "wrong");
  renameSync(folder.file("cert.new"), folder.file("cert.pem"));
  await until(() => faults.length === 2, "it is there");
  assertEquals([applied, faults[1]], [2, `Cannot apply ${path}: they do not match`]);
  writeFileSync(folder.file("cert.new"), "right");
  renameSync(folder.file("cert.new"), folder.file("cert.pem"));
  await until(() => applied === 3, "the right one is there");
  assertEquals([faults.length, watch.settings.service.listeners?.[0].tls?.cert], [2, "right"]);
  chmodSync(folder.file("key.pem"), 0o640);
  await until(() => applied === 4, "who may read a file has changed");
  await watch.stop();
});
