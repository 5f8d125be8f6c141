// Spans by a real SDK: sessions, messages below them, what handlers do and send below those, dials; and nothing of what is not sampled.

import { test } from "node:test";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type CloseEvent, connect, serve, type Session, silentLogger, TcpService } from "@laster/net";
import { Tracing } from "@laster/tracing";
import { bytes, text, turn, until } from "../../../tests/support.ts";

const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
trace.setGlobalTracerProvider(provider);

const hostname = "127.0.0.1";
const logger = silentLogger();
const spans = () => exporter.getFinishedSpans();

async function start(tracing: Tracing) {
  exporter.reset();
  return await serve({
    hostname,
    port: 0,
    name: "players",
    logger,
    observers: [tracing],
    onMessage: tracing.wrap(async (session: Session, payload: Uint8Array) => {
      await turn();
      const inner = trace.getTracer("game").startSpan("save"); // Below the message: the context came along.
      await turn();
      inner.end();
      if (payload.length === 3) throw new Error("bad message");
      session.send(payload);
    }),
  });
}

test("a session, its messages, and what their handlers do", async () => {
  const service = await start(new Tracing());
  const session = await connect({ port: service.port, logger });
  const other = await connect({ port: service.port, logger });
  for (const one of [session, other]) {
    for (const word of ["hello", "again"]) {
      one.send(bytes(word));
      await one.receive();
    }
  }
  await session.close();
  other.send(bytes("bad"));
  await other.closed;
  await until(() => spans().filter(({ name }) => name === "laster.session").length === 2, "both are over");
  const named = (name: string) => spans().filter((span) => span.name === name);
  assertEquals([named("laster.session").length, named("laster.message").length, named("save").length], [2, 5, 5]);
  const numbers = new Set(named("laster.session").map(({ attributes }) => attributes["laster.session.id"]));
  for (const message of named("laster.message")) {
    assert(numbers.has(message.attributes["laster.session.id"]), "it says its session's number");
    assert(
      named("laster.session").some((one) => one.spanContext().spanId === message.parentSpanContext?.spanId),
      "below its session",
    );
    assertEquals(message.attributes["laster.message.bytes"], message.status.code === SpanStatusCode.ERROR ? 3 : 5);
  }
  for (const save of named("save")) {
    const parent = named("laster.message").find((one) => one.spanContext().spanId === save.parentSpanContext?.spanId);
    assert(parent !== undefined, "below its message");
    assertEquals(parent.spanContext().traceId, save.spanContext().traceId);
  }
  assertEquals(
    new Set(named("laster.message").map((one) => one.spanContext().traceId)).size,
    2,
    "a trace for each session",
  );
  const [failed] = named("laster.message").filter(({ status }) => status.code === SpanStatusCode.ERROR);
  assertEquals([failed.status.message, failed.events[0].name], ["bad message", "exception"]);
  const ends = named("laster.session").map(({ attributes }) => attributes["laster.close.reason"]).toSorted();
  assertEquals(ends, ["handler-error", "remote-closing"]);
  assertEquals(named("laster.session")[0].attributes["laster.listener"], "players");
  await service.stop();
});

test("a wrapped handler may be an onMessageRange: it gets a view of its message, and the span its length", async () => {
  exporter.reset();
  const tracing = new Tracing();
  const seen: string[] = [];
  const onMessageRange = tracing.wrap((_session: Session, payload: Uint8Array) => void seen.push(text(payload)));
  await using service = await serve({ hostname, port: 0, logger, observers: [tracing], onMessageRange });
  const client = await connect({ port: service.port, logger });
  for (const word of ["hello", "me"]) client.send(bytes(word));
  await client.close();
  await until(() => spans().some(({ name }) => name === "laster.session"), "it is over");
  const messages = spans().filter(({ name }) => name === "laster.message");
  const lengths = messages.map(({ attributes }) => attributes["laster.message.bytes"]);
  assertEquals([seen, lengths], [["hello", "me"], [5, 2]]);
});

test("a send has a span below that of the message it answers, else below its session's", async () => {
  exporter.reset();
  const tracing = new Tracing();
  await using service = await serve({
    hostname,
    port: 0,
    logger,
    observers: [tracing],
    onMessage: tracing.wrap((session: Session, payload: Uint8Array) => {
      if (payload.length === 3) return tracing.send(session, new Uint8Array(70_000));
      return tracing.send(session, payload);
    }),
  });
  const client = await connect({ port: service.port, logger });
  for (const word of ["hello", "bad", "again"]) client.send(bytes(word));
  assertEquals([(await client.receive())?.length, (await client.receive())?.length], [5, 5]);
  const [session] = service.sessions();
  assertEquals(tracing.send(session, bytes("news")), "queued");
  assertThrows(() => tracing.send(session, "text" as never), TypeError, "must be a Uint8Array");
  assertEquals((await client.receive())?.length, 4);
  const untraced = new Tracing({ sampled: 0 });
  assertEquals(untraced.send(session, bytes("more")), "queued");
  await client.close();
  await until(() => spans().some(({ name }) => name === "laster.session"), "it is over");
  const sends = spans().filter(({ name }) => name === "laster.send");
  assertEquals(sends.map(({ attributes }) => attributes["laster.send.result"]), [
    "queued",
    "too-large",
    "queued",
    "queued",
    undefined,
  ]);
  const { UNSET, ERROR } = SpanStatusCode;
  assertEquals(sends.map(({ status }) => status.code), [UNSET, ERROR, UNSET, UNSET, ERROR]);
  assertEquals(sends.map(({ attributes }) => attributes["laster.message.bytes"]).slice(0, 4), [5, 70_000, 5, 4]);
  const idOf = new Map(spans().map((span) => [span.spanContext().spanId, span]));
  const parents = sends.map(({ parentSpanContext }) => idOf.get(parentSpanContext?.spanId ?? "")?.name);
  const [message, ofSession] = ["laster.message", "laster.session"];
  assertEquals(parents, [message, message, message, ofSession, ofSession]);
  for (const { attributes } of sends) assertEquals(attributes["laster.session.id"], session.id);
});

test("a span ends with its handler, whatever that throws or rejects with", async () => {
  const strange = [
    Object.create(null),
    Object.assign(new Error(), { message: Object.create(null) }),
    Object.defineProperty(new Error(), "name", { get: () => assert(false, "a getter that throws") }),
    undefined,
    Symbol("odd"),
  ];
  for (const fault of strange) {
    for (const isAsync of [false, true]) {
      exporter.reset();
      const tracing = new Tracing();
      const onMessage = tracing.wrap((_session: Session, _payload: Uint8Array) => {
        if (isAsync) return Promise.reject(fault);
        throw fault;
      });
      await using service = await serve({ hostname, port: 0, logger, observers: [tracing], onMessage });
      const session = await connect({ port: service.port, logger });
      session.send(bytes("a"));
      await session.closed;
      await until(() => spans().some(({ name }) => name === "laster.message"), "the span");
      const [message] = spans().filter(({ name }) => name === "laster.message");
      assertEquals(message.status.code, SpanStatusCode.ERROR);
    }
  }
});

test("what is not sampled makes nothing", async () => {
  const draws = [0.5, 0.009, 0.01];
  const service = await start(new Tracing({ sampled: 0.01, random: () => draws.shift() ?? 1 }));
  for (let count = 0; count < 3; count++) {
    const session = await connect({ port: service.port, logger });
    session.send(bytes("hello"));
    await session.receive();
    await session.close();
    await until(() => service.sessionCount === 0, "it is over");
  }
  assertEquals(spans().map(({ name }) => name).filter((name) => name !== "save").toSorted(), [
    "laster.message",
    "laster.session",
  ]);
  await service.stop();
});

test("Tracing checks its options", () => {
  for (const sampled of [-1, 1.1, NaN, "0.5" as never]) {
    assertThrows(() => new Tracing({ sampled }), RangeError, "from 0 to 1");
  }
  for (const maxMessagesPerSecond of [-1, NaN, "5" as never]) {
    assertThrows(() => new Tracing({ maxMessagesPerSecond }), RangeError, "must be at least 0");
  }
  const wrong = { random: Math.random, sample: 0.5 };
  const message =
    'Cannot create tracing as it has no option of that name: current value is "sample", known are sampled, ';
  assertThrows(() => new Tracing(wrong), TypeError, message);
});

/** As much of a session as tracing looks at. */
function sessionOf(id: number) {
  const origin = { kind: "accepted", listener: {} } as const;
  const send: Session["send"] = (_payload, options) => options?.flush === "now" ? "sent" : "queued";
  return { id, origin, remoteAddress: { kind: "tcp", hostname, port: 1 }, send } as unknown as Session;
}
const end = { reason: "remote-closing", isConfirmed: true } as CloseEvent;

test("sessions whose ids end in the same bits are told apart, also once one of them is over", () => {
  exporter.reset();
  const draws = [0, 1, 0];
  const tracing = new Tracing({ sampled: 0.5, random: () => draws.shift() ?? 1 });
  const handle = tracing.wrap((session: Session) => session.id);
  const [first, untraced, third] = [5, 5 + 1_024, 5 + 2_048].map(sessionOf);
  for (const session of [first, untraced, third]) tracing.onOpened(session);
  const messages = () => spans().filter(({ name }) => name === "laster.message").length;
  const counts = [first, untraced, third].map((session) => [handle(session, bytes("x")), messages()]);
  assertEquals(counts, [[5, 1], [1_029, 1], [2_053, 2]]);
  tracing.onClosed(first, end);
  tracing.onClosed(untraced, end);
  assertEquals([handle(third, bytes("x")), messages()], [2_053, 3]);
  tracing.onClosed(third, end);
  assertEquals([handle(third, bytes("x")), messages()], [2_053, 3], "it is over");
});

test("a handler's answer that runs when it is waited for, such as a query builder, runs once", async () => {
  exporter.reset();
  let calls = 0;
  const query = {
    then(settle: () => void) {
      calls++;
      settle();
    },
  };
  const tracing = new Tracing();
  const session = sessionOf(5);
  tracing.onOpened(session);
  await tracing.wrap((_session: Session) => query)(session, bytes("x"));
  assertEquals([calls, spans().map(({ name }) => name)], [1, ["laster.message"]]);
  tracing.onClosed(session, end);
});

test("no more messages have spans in a second than there may be, of all sessions together; the session counts the others", () => {
  exporter.reset();
  let nowMs = 10;
  const tracing = new Tracing({ maxMessagesPerSecond: 3, now: () => nowMs });
  const handle = tracing.wrap((session: Session) => session.id);
  const [busy, quiet] = [5, 6].map(sessionOf);
  for (const session of [busy, quiet]) tracing.onOpened(session);
  const messages = () => spans().filter(({ name }) => name === "laster.message").length;
  const handleAll = (...sessions: Session[]) => {
    for (const session of sessions) assertEquals(handle(session, bytes("x")), session.id);
  };
  handleAll(busy, busy, busy, busy, quiet);
  assertEquals(messages(), 3);
  nowMs += 999;
  handleAll(busy);
  assertEquals(messages(), 3);
  nowMs += 1;
  handleAll(quiet, busy);
  assertEquals(messages(), 5);
  const options = { flush: "now" } as const;
  for (const session of [busy, quiet]) assertEquals(tracing.send(session, bytes("x"), options), "sent");
  assertEquals(spans().filter(({ name }) => name === "laster.send").length, 1);
  for (const session of [busy, quiet]) tracing.onClosed(session, end);
  const counts = spans().filter(({ name }) => name === "laster.session").map(({ attributes }) =>
    attributes["laster.messages.untraced"]
  );
  assertEquals(counts, [2, 2]);
});

test("a clock that is set back begins a new second", () => {
  exporter.reset();
  let nowMs = 10_000_000;
  const tracing = new Tracing({ maxMessagesPerSecond: 2, now: () => nowMs });
  const handle = tracing.wrap((session: Session) => session.id);
  const session = sessionOf(5);
  tracing.onOpened(session);
  const handleThree = () => {
    for (let count = 0; count < 3; count++) handle(session, bytes("x"));
    return spans().filter(({ name }) => name === "laster.message").length;
  };
  assertEquals(handleThree(), 2);
  nowMs -= 3_600_000;
  assertEquals([handleThree(), handleThree()], [4, 4]);
  nowMs += 1_000;
  assertEquals(handleThree(), 6);
  tracing.onClosed(session, end);
});

test("a session that begins without an SDK has no spans; one that begins later has", () => {
  exporter.reset();
  trace.disable();
  const tracing = new Tracing();
  const handle = tracing.wrap((session: Session) => session.id);
  const [early, late] = [5, 6].map(sessionOf);
  tracing.onOpened(early);
  trace.setGlobalTracerProvider(provider);
  tracing.onOpened(late);
  assertEquals([handle(early, bytes("x")), handle(late, bytes("x"))], [5, 6]);
  tracing.onClosed(early, end);
  tracing.onClosed(late, end);
  assertEquals(spans().map(({ name }) => name), ["laster.message", "laster.session"]);
});

test("dials have spans, those that fail too", async () => {
  const tracing = new Tracing();
  const service = await start(tracing);
  const client = new TcpService({ logger });
  await client.start();
  const session = await tracing.connect(client, { port: service.port ?? 0 });
  await session.close();
  const { port = 0 } = service;
  await service.stop();
  await assertRejects(() => tracing.connect(client, { port }));
  const dials = spans().filter(({ name }) => name === "laster.dial");
  assertEquals(dials.map(({ status, attributes }) => [status.code, attributes["server.port"]]), [
    [SpanStatusCode.UNSET, port],
    [SpanStatusCode.ERROR, port],
  ]);
  await client.stop();
});
