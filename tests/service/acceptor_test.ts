// Acceptor and Refusals: which connections become sessions, and what the others are told.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { ConnectionError, ListenError, type RefusedEvent, silentLogger } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import type { Connection, ConnectionHandler } from "@laster/net/transport";
import { type AcceptingListener, Acceptor, type AcceptorOptions } from "../../src/service/acceptor.ts";
import type { Admission, AdmissionRequest } from "../../src/service/admission.ts";
import { DiscardPacer } from "../../src/session/discard_pacer.ts";
import { FaultLog } from "../../src/session/fault_log.ts";
import { FakeConnection } from "../outbound/queue_fixture.ts";
import { turn } from "../support.ts";

const LAST_WORD = new Uint8Array([4, 0, 0, 0, 102, 117, 108, 108]);

/** A connection that is refused: notes what happens to it, and ends when its peer does. */
class Refused extends FakeConnection implements Connection {
  handler: ConnectionHandler | undefined = undefined;
  readonly calls: string[] = [];

  override start(handler?: ConnectionHandler): void {
    this.handler = handler;
  }

  override shutdown(): void {
    this.calls.push("shutdown");
  }

  override close(): void {
    this.#end("close");
  }

  override abort(): void {
    this.#end("abort");
  }

  override discardInput(): void {
    this.calls.push("discard");
  }

  override pause(): void {
    this.calls.push("pause");
  }

  override resume(): void {
    this.calls.push("resume");
  }

  #end(how: string): void {
    this.calls.push(how);
    this.handler?.onClose({});
  }
}

function setUp({ lastWord, open, ...options }: Partial<AcceptorOptions & AcceptingListener> = {}) {
  const clock = new FakeClock();
  const lines: [string, Record<string, unknown> | undefined][] = [];
  const log = (message: string, properties?: Record<string, unknown>) => void lines.push([message, properties]);
  const refused: RefusedEvent["reason"][] = [];
  const counts = { sessions: 0, opened: 0 };
  const acceptor = new Acceptor({
    clock,
    discardPacer: new DiscardPacer(clock),
    faults: new FaultLog(clock, { ...silentLogger(), warn: log, error: log }),
    bounds: { maxConnections: 3 },
    maxOpenFiles: undefined,
    admission: [],
    countSessions: () => counts.sessions,
    isAccepting: () => true,
    onConnectionRefused: ({ reason }) => refused.push(reason),
    ...options,
  });
  const listener = acceptor.forListener({
    place: { address: { kind: "unix", path: "here" } },
    admission: [],
    proxyProtocol: undefined,
    lastWord,
    open: open ?? (() => {
      counts.sessions++;
      counts.opened++;
    }),
  });
  const accept = () => {
    const connection = new Refused();
    listener.onConnection(connection);
    return connection;
  };
  return { clock, acceptor, listener, accept, lines, refused, counts };
}

test("Acceptor refuses with the reason: too many, too few files, not running", () => {
  const crowded = setUp();
  for (let count = 0; count < 5; count++) crowded.accept();
  assertEquals([crowded.counts.opened, crowded.refused], [3, ["max-connections", "max-connections"]]);
  const poor = setUp({ bounds: { maxConnections: 1_000 }, maxOpenFiles: 66 });
  for (let count = 0; count < 4; count++) poor.accept();
  assertEquals([poor.counts.opened, poor.refused], [2, ["open-files", "open-files"]]);
  const stopped = setUp({ isAccepting: () => false });
  const connection = stopped.accept();
  assertEquals([stopped.refused, connection.calls], [["not-running"], ["close"]]);
  assertEquals([crowded, poor, stopped].map(({ acceptor }) => acceptor.refusals.count), [2, 2, 1]);
});

test("Acceptor lets new ones in as soon as others have gone", () => {
  const { accept, counts } = setUp({ bounds: { maxConnections: 1_000 }, maxOpenFiles: 66 });
  for (let count = 0; count < 4; count++) accept();
  counts.sessions--;
  for (let count = 0; count < 4; count++) accept();
  assertEquals(counts.opened, 3);
});

test("Acceptor asks each admission in order, with who comes where, until one refuses, and releases those before", () => {
  const log: string[] = [];
  const requests: AdmissionRequest[] = [];
  const part = (name: string, answer: () => string | void): Admission => ({
    admit(request) {
      log.push(`${name}?`);
      requests.push(request);
      return answer();
    },
    release: (request) => void log.push(`${name} released ${request === requests.at(-1)}`),
  });
  let isOpen = true;
  const overs: ((() => void) | undefined)[] = [];
  const { acceptor, counts, refused } = setUp({
    admission: [part("first", () => {})],
  });
  const listener = acceptor.forListener({
    place: { address: { kind: "unix", path: "there" } },
    admission: [part("second", () => isOpen ? undefined : "closed today"), { admit: () => {} }],
    proxyProtocol: undefined,
    lastWord: undefined,
    open: (_connection, onOver) => void overs.push(onOver),
  });
  counts.sessions = 2;
  listener.onConnection(new Refused());
  assertEquals([log, overs.length], [["first?", "second?"], 1]);
  assertEquals(requests.map(({ listener, sessions }) => [listener, sessions]), [
    [{ kind: "unix", path: "there" }, 2],
    [{ kind: "unix", path: "there" }, 2],
  ]);
  overs[0]?.();
  assertEquals(log.splice(0), ["first?", "second?", "first released true", "second released true"]);
  isOpen = false;
  const connection = new Refused();
  listener.onConnection(connection);
  assertEquals([log, refused, connection.calls], [["first?", "second?", "first released true"], ["closed today"], [
    "close",
  ]]);
  assertEquals([acceptor.refusals.byReason, overs.length], [{ "closed today": 1 }, 1]);
});

test("Acceptor asks nobody once there are maxConnections, and has admissions released when a session cannot be opened", () => {
  let asked = 0;
  let released = 0;
  const counting: Admission = { admit: () => void asked++, release: () => void released++ };
  const { accept, counts, refused } = setUp({
    admission: [counting],
    open() {
      throw new Error("no");
    },
  });
  accept();
  assertEquals([asked, released], [1, 1]);
  counts.sessions = 3;
  accept();
  assertEquals([asked, released, refused], [1, 1, ["max-connections"]]);
});

test("Acceptor lets in whom an admission has no answer for: one that throws, or answers what is no text", () => {
  for (
    const answer of [
      () => {
        throw Object.create(null);
      },
      () => 7,
      () => Promise.reject(new Error("late")),
    ]
  ) {
    const { accept, counts, lines } = setUp({ admission: [{ admit: answer as unknown as Admission["admit"] }] });
    accept();
    assertEquals([counts.opened, lines[0][0]], [1, "An admission failed: {error}"]);
  }
  const { accept, acceptor, counts, lines } = setUp({
    admission: [{
      admit: () => {},
      release() {
        throw new Error("no");
      },
    }, { admit: () => "never" }],
  });
  accept();
  assertEquals([counts.opened, lines[0][0], acceptor.refusals.count], [0, "An admission failed: {error}", 1]);
});

test("Refusals counts sixty-four reasons by themselves, and the others together", () => {
  let number = 0;
  const { accept, acceptor } = setUp({ admission: [{ admit: () => `reason ${number++}` }] });
  for (let count = 0; count < 70; count++) accept();
  const { byReason, count } = acceptor.refusals;
  assertEquals([count, Object.keys(byReason).length, byReason["reason 0"], byReason.other], [70, 65, 1, 6]);
});

test("Acceptor.warnOfFewFiles() says so if the process may open too few files for maxConnections, and only then", () => {
  const few = setUp({ bounds: { maxConnections: 10_000 }, maxOpenFiles: 1_024 });
  few.acceptor.warnOfFewFiles();
  assertEquals(few.lines.map(([, properties]) => properties), [
    { sessions: 960, maxConnections: 10_000, maxOpenFiles: 1_024 },
  ]);
  for (const maxOpenFiles of [undefined, 20_000]) {
    const enough = setUp({ bounds: { maxConnections: 10_000 }, maxOpenFiles });
    enough.acceptor.warnOfFewFiles();
    assertEquals(enough.lines, []);
  }
});

test("Acceptor learns how many files there are from an accept that failed for want of them, for a minute", async () => {
  const { clock, acceptor, listener, accept, counts, refused } = setUp({ bounds: { maxConnections: 1_000 } });
  for (let count = 0; count < 100; count++) accept();
  listener.onAcceptError(new ListenError("too-many-files", "127.0.0.1:1"));
  counts.sessions = 67;
  accept();
  accept();
  assertEquals([counts.sessions, refused], [68, ["open-files"]]);
  await clock.advance(60_000);
  for (let count = 0; count < 50; count++) accept();
  assertEquals([counts.sessions, refused.length, acceptor.errors], [118, 1, 1]);
});

test("Acceptor learns nothing from accepts that failed for another reason", () => {
  const { acceptor, listener, accept, counts } = setUp({ bounds: { maxConnections: 1_000 } });
  for (let count = 0; count < 100; count++) accept();
  listener.onAcceptError(new ListenError("unknown", "127.0.0.1:1"));
  accept();
  assertEquals([counts.opened, acceptor.errors], [101, 1]);
});

test("Acceptor reports accepts that fail once a second, as text: never an error with a stack", async () => {
  const { clock, acceptor, listener, lines } = setUp();
  for (let count = 0; count < 1_000; count++) {
    listener.onAcceptError(new ListenError("unknown", "127.0.0.1:1"));
  }
  await clock.advance(1_000);
  assertEquals([lines.length, acceptor.errors], [2, 1_000]);
  for (const [, properties] of lines) assertEquals(typeof properties?.error, "string");
  assertEquals(lines[1][1]?.count, 999);
});

test("Refusals have the last word read, and abort who does not end within a second", async () => {
  const { clock, accept } = setUp({ lastWord: LAST_WORD, bounds: { maxConnections: 1 } });
  accept();
  const [polite, silent] = [accept(), accept()];
  assertEquals([polite.received, polite.calls], [[...LAST_WORD], ["discard", "shutdown"]]);
  polite.handler?.onEnd();
  assertEquals(polite.calls.at(-1), "close");
  await clock.advance(999);
  assertEquals(silent.calls.at(-1), "shutdown");
  await clock.advance(1);
  assertEquals([silent.calls.at(-1), polite.calls.at(-1), clock.timerCount], ["abort", "close", 0]);
});

test("Refusals shut down only once a slow peer has taken the last word", () => {
  const slow = new Refused();
  slow.isTaking = false;
  const { listener } = setUp({ lastWord: LAST_WORD, bounds: { maxConnections: 0 } });
  listener.onConnection(slow);
  assertEquals(slow.calls, ["discard"]);
  slow.release();
  slow.handler?.onDrain();
  assertEquals([slow.calls, slow.received], [["discard", "shutdown"], [...LAST_WORD]]);
});

test("Refusals tell 256 at a time, close the others at once, and tell again once some have gone", async () => {
  const { clock, accept, acceptor, refused } = setUp({ lastWord: LAST_WORD, bounds: { maxConnections: 0 } });
  const connections = Array.from({ length: 1_000 }, accept);
  const isTold = ({ received }: Refused) => received.length > 0;
  assertEquals([connections.filter(isTold).length, clock.timerCount], [256, 256]);
  assertEquals(connections.filter((one) => !isTold(one)).every(({ calls }) => calls.join() === "close"), true);
  assertEquals([acceptor.refusals.count, refused.length], [1_000, 1_000]);
  await clock.advance(1_000);
  assertEquals(isTold(accept()), true);
});

test("Refusals read what peers send meanwhile no faster than closing sessions do", async () => {
  const { clock, accept } = setUp({ lastWord: LAST_WORD, bounds: { maxConnections: 0 } });
  const connection = accept();
  connection.handler?.onDiscard?.(262_143);
  assertEquals(connection.calls, ["discard", "shutdown"]);
  connection.handler?.onDiscard?.(1);
  assertEquals(connection.calls.at(-1), "pause");
  await clock.advance(10);
  assertEquals(connection.calls.at(-1), "resume");
  connection.handler?.onEnd();
  assertEquals([connection.calls.at(-1), clock.timerCount], ["close", 0]);
});

test("Refusals.stop() ends all that are still being told, and leaves no timer", () => {
  const { clock, accept, acceptor } = setUp({ lastWord: LAST_WORD, bounds: { maxConnections: 0 } });
  const connections = Array.from({ length: 10 }, accept);
  acceptor.refusals.stop();
  assertEquals([connections.every(({ calls }) => calls.at(-1) === "abort"), clock.timerCount], [true, 0]);
});

test("Acceptor counts handshakes under way as sessions", async () => {
  const { listener, refused, counts, acceptor } = setUp();
  const handshakes = [0, 1, 2, 3].map(() => Promise.withResolvers<Connection>());
  for (const { promise } of handshakes) {
    const { remoteAddress } = new Refused();
    const readProxyHeader = () => Promise.reject(new Error("there is none"));
    listener.onPending?.({ remoteAddress, readProxyHeader, secure: () => promise, close: () => {} });
  }
  assertEquals([acceptor.pending, refused], [3, ["max-connections"]]);
  handshakes[0].reject(new ConnectionError("handshake-failed"));
  for (const { resolve } of handshakes) resolve(new Refused());
  await turn();
  assertEquals([acceptor.pending, counts.opened, refused], [0, 2, ["max-connections", "handshake-failed"]]);
});

test("Acceptor counts connections whose PROXY header has not come as sessions, and lets them in once it has", async () => {
  for (const [bounds, reason] of [[{}, "max-connections"], [{ maxOpenFiles: 67 }, "open-files"]] as const) {
    const maxConnections = reason === "open-files" ? 1_000 : 3;
    const { acceptor, counts, refused } = setUp({ bounds: { maxConnections }, ...bounds });
    const headers: PromiseWithResolvers<void>[] = [];
    const listener = acceptor.forListener({
      place: { address: { kind: "unix", path: "there" } },
      admission: [],
      proxyProtocol: { trusted: ["127.0.0.1"] },
      lastWord: undefined,
      open: () => void counts.sessions++,
    });
    const come = () => {
      const readProxyHeader = () => {
        const header = Promise.withResolvers<void>();
        headers.push(header);
        return header.promise;
      };
      const secure = () => Promise.resolve(new Refused());
      listener.onPending?.({ remoteAddress: { kind: "unix", path: "" }, readProxyHeader, secure, close: () => {} });
    };
    for (let count = 0; count < 5; count++) come();
    assertEquals([headers.length, acceptor.pending, refused], [3, 3, [reason, reason]]);
    for (const { resolve } of headers) resolve();
    await turn();
    assertEquals([counts.sessions, acceptor.pending, refused.length], [3, 0, 2]);
    counts.sessions--;
    come();
    come();
    headers[3].reject(new ConnectionError("proxy-header-timeout"));
    await turn();
    assertEquals([headers.length, refused.slice(2)], [4, [reason, "proxy-header-timeout"]]);
    come();
    assertEquals([headers.length, acceptor.pending], [5, 1]);
  }
});

test("Acceptor learns how many files there are from handshakes, too", () => {
  const { listener, accept, refused } = setUp({ bounds: { maxConnections: 1_000 } });
  const never = new Promise<never>(() => {});
  const { remoteAddress } = new Refused();
  for (let count = 0; count < 100; count++) {
    listener.onPending?.({ remoteAddress, readProxyHeader: () => never, secure: () => never, close: () => {} });
  }
  listener.onAcceptError(new ListenError("too-many-files", "127.0.0.1:1"));
  accept();
  assertEquals(refused, ["open-files"]);
});
