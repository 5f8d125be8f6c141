// Loops over a session's messages: who gets them when loops and handlers take turns, and how loops end.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { raw, type Session, SessionClosedError, simpleBinary } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { RawPeer } from "../raw_peer.ts";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until, within } from "../support.ts";

/** Enough turns for all that is on its way in memory. */
const SETTLE_TURNS = 10;

async function settle(): Promise<void> {
  for (let count = 0; count < SETTLE_TURNS; count++) await turn();
}

function sendAll(session: Session, words: string): void {
  for (const word of words.split(" ")) session.send(bytes(word));
}

for (const { name, make } of transportsHere()) {
  test(`Session calls no handler while the one that left a loop still runs on ${name}`, async () => {
    const log: string[] = [];
    await using pair = await startPair(make(), {
      async onMessage(session, first) {
        log.push(`begin ${text(first)}`);
        if (text(first) === "one") {
          for await (const payload of session) {
            log.push(`loop ${text(payload)}`);
            break;
          }
          for (let count = 0; count < 3; count++) await turn();
        }
        log.push(`end ${text(first)}`);
      },
    });
    const { near } = await pair.connect();
    sendAll(near, "one two three four");
    await until(() => log.includes("end four"), "the last message");
    assertEquals(log, [
      "begin one",
      "loop two",
      "end one",
      "begin three",
      "end three",
      "begin four",
      "end four",
    ]);
  });

  test(`Session calls no handler while the onOpen that left a loop still runs on ${name}`, async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(make(), {
      async onOpen(session) {
        for await (const payload of session) {
          log.push(`loop ${text(payload)}`);
          break;
        }
        await gate.promise;
        log.push("opened");
      },
      onMessage: (_session, payload) => log.push(text(payload)),
    });
    const { near } = await pair.connect();
    sendAll(near, "one two three");
    await until(() => log.length === 1, "the loop");
    await settle();
    gate.resolve();
    await until(() => log.length === 4, "all messages");
    assertEquals(log, ["loop one", "opened", "two", "three"]);
  });

  test(`Session loops and handlers take turns and lose nothing on ${name}`, async () => {
    const log: string[] = [];
    await using pair = await startPair(make(), {
      async onOpen(session) {
        for await (const payload of session) {
          log.push(`open ${text(payload)}`);
          break;
        }
      },
      async onMessage(session, first) {
        log.push(text(first));
        if (!text(first).startsWith("l")) return;
        for await (const payload of session) {
          log.push(`loop ${text(payload)}`);
          if (text(payload).startsWith("x")) break;
          if (log.length % 3 === 0) await turn();
        }
      },
    });
    const { near } = await pair.connect();
    sendAll(near, "a b l c d e f x g l x h l i x");
    await until(() => log.length === 15, "all messages");
    assertEquals(
      log.join(","),
      "open a,b,l,loop c,loop d,loop e,loop f,loop x,g,l,loop x,h,l,loop i,loop x",
    );
  });

  test(`Session loop gets what the peer sent before its end, then ends on ${name}`, async () => {
    await using pair = await startPair(make(), {
      onOpen(session) {
        sendAll(session, "one two three");
        session.close();
      },
    });
    const near = await pair.client.connect({ port: pair.port });
    const heard: string[] = [];
    for await (const payload of near) {
      heard.push(text(payload));
      await turn();
    }
    assertEquals(heard, ["one", "two", "three"]);
    for await (const _payload of near) throw new Error("there is no message");
    assertEquals((await within(near.closed, "the close")).reason, "remote-closing");
  });

  test(`Session loop answers the last message of a peer that ends its side meanwhile, on ${name}`, async () => {
    const log: string[] = [];
    const events = new CloseLog();
    const transport = make();
    await using pair = await startPair(transport, {
      async onOpen(session) {
        for await (const payload of session) {
          // By then the end has come. Without a wait for the loop, the session would close.
          for (let count = 0; count < 50 && session.state === "open"; count++) await turn();
          log.push(session.send(payload));
        }
        log.push("over");
      },
      onClose: events.onClose,
    });
    const peer = await RawPeer.dial(transport, pair.port);
    await peer.write(new Uint8Array([2, 0, 0, 0, 104, 105, 2, 0, 0, 0, 104, 111]));
    peer.connection.shutdown();
    await until(() => peer.hasEnded, "the end of the other side");
    assertEquals(peer.received, [2, 0, 0, 0, 104, 105, 2, 0, 0, 0, 104, 111]);
    peer.connection.close();
    await until(() => events.events.length === 1, "the close");
    assertEquals(log, ["queued", "queued", "over"]);
    assertEquals(events.events[0].reason, "remote-closing");
  });

  test(`Session loop throws what ended the session, with the error behind it, on ${name}`, async () => {
    await using pair = await startPair(make(), {}, { codec: raw() });
    const { near, far } = await pair.connect();
    near.send(new Uint8Array([2, 0, 0, 0, 104, 105, 255, 255, 255, 255]));
    const heard: string[] = [];
    const loop = async () => {
      for await (const payload of far) heard.push(text(payload));
    };
    const error = await within(assertRejects(loop, SessionClosedError), "the fault");
    assertEquals([heard, error.reason, error.sessionId], [["hi"], "decode-error", far.id]);
    assert(error.cause instanceof Error && error.cause.name === "FrameError");
    await assertRejects(loop, SessionClosedError, "decode-error");
  });

  test(`Session loop inside a handler ends with the session, whoever closes it, on ${name}`, async () => {
    const log: string[] = [];
    const logged: string[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message: string) => logged.push(message),
    };
    await using pair = await startPair(make(), {
      logger,
      async onOpen(session) {
        for await (const payload of session) log.push(text(payload));
        log.push("ended");
      },
      onClose: (_session, { reason }) => log.push(reason),
    }, { onMessage: () => {} });
    const first = await pair.connect();
    sendAll(first.near, "hi");
    await until(() => log.length === 1, "the message");
    first.near.close();
    await until(() => log.length === 3, "the end");
    const second = await pair.connect();
    second.far.close();
    await until(() => log.length === 5, "the end");
    const third = await pair.connect();
    third.far.abort();
    await until(() => log.length === 6, "the abort");
    assertEquals(log, ["hi", "ended", "remote-closing", "ended", "local-closing", "local-abort"]);
    assertEquals(logged, [], "a loop that throws the session's own end is no fault of the handler");
  });
}

test("Session gives its messages to the handler while an iterator has not been asked for one", async () => {
  const log: string[] = [];
  await using pair = await startPair(memoryTransport(), { onMessage: (_session, payload) => log.push(text(payload)) });
  const { near, far } = await pair.connect();
  const loop = far[Symbol.asyncIterator]();
  sendAll(near, "one two");
  await settle();
  assertEquals(log, ["one", "two"]);
  const next = loop.next();
  sendAll(near, "three");
  assertEquals(text((await within(next, "the message")).value ?? bytes("none")), "three");
  await loop.return();
  sendAll(near, "four");
  await until(() => log.length === 3, "the handler has it again");
});

test("Session lets a second iterator loop once the first has left", async () => {
  await using pair = await startPair(memoryTransport(), { onMessage: () => {} });
  const { near, far } = await pair.connect();
  const [first, second] = [far[Symbol.asyncIterator](), far[Symbol.asyncIterator]()];
  sendAll(near, "one");
  // The first is asked before the message is there: nothing is handled in between.
  const next = first.next();
  await next;
  await first.return();
  const late = second.next();
  sendAll(near, "two");
  assertEquals(text((await within(late, "the message")).value ?? bytes("none")), "two");
  await second.return();
});

test("Session pauses the peer while a loop is slow, and keeps one message", async () => {
  await using pair = await startPair(memoryTransport({ acceptScript: { capacityBytes: 1_024 } }), {}, {
    maxQueuedBytes: 10_000_000,
  });
  const { near, far } = await pair.connect();
  const loop = far[Symbol.asyncIterator]();
  for (let count = 0; count < 100; count++) near.send(new Uint8Array(1_000));
  await loop.next();
  await settle();
  assert(near.queuedBytes > 90_000, `${near.queuedBytes} bytes wait at the peer`);
  for (let count = 1; count < 100; count++) assertEquals((await loop.next()).value?.length, 1_000);
  await loop.return();
});

test("Session lets a loop answer a peer that has ended until it asks for more, breaks off, or closeTimeoutMs have passed", async () => {
  for (const what of ["asks", "breaks", "stays"]) {
    const clock = new FakeClock();
    const transport = memoryTransport();
    await using pair = await startPair(transport, { clock, idleTimeoutMs: 0, closeTimeoutMs: 5_000 }, { clock });
    const peer = await RawPeer.dial(transport, pair.port);
    await until(() => pair.server.sessionCount === 1, "the session");
    const [far] = pair.server.sessions();
    const gate = Promise.withResolvers<void>();
    const loop = (async () => {
      for await (const _payload of far) {
        await gate.promise;
        if (what === "breaks") break;
      }
    })();
    await peer.write(new Uint8Array([1, 0, 0, 0, 1]));
    peer.connection.shutdown();
    await settle();
    await clock.advance(4_000);
    assertEquals([far.state, far.send(bytes("yes"))], ["open", "queued"], what);
    if (what === "stays") await clock.advance(7_000);
    else gate.resolve();
    await until(() => far.state !== "open", what);
    peer.connection.close();
    assertEquals((await within(far.closed, "the close")).reason, "remote-closing");
    gate.resolve();
    await within(loop, "the loop's end");
  }
});

for (const what of ["onOpen", "onMessage"] as const) {
  test(`Session lets ${what} answer what it has received of a peer that has ended, until it asks for more`, async () => {
    const transport = memoryTransport();
    const answers: unknown[] = [];
    const answer = async (session: Session) => {
      for (let count = 0; count < 2; count++) {
        const payload = await session.receive();
        for (let turns = 0; turns < 50 && session.state === "open"; turns++) await turn();
        answers.push(session.send(payload ?? bytes("none")));
      }
      answers.push(session.state);
      answers.push(await session.receive());
    };
    await using pair = await startPair(transport, what === "onOpen" ? { onOpen: answer } : { onMessage: answer });
    const peer = await RawPeer.dial(transport, pair.port);
    const messages = what === "onOpen" ? [1, 2] : [0, 1, 2];
    await peer.write(new Uint8Array(messages.flatMap((message) => [1, 0, 0, 0, message])));
    peer.connection.shutdown();
    await until(() => peer.hasEnded, "the end of the other side");
    peer.connection.close();
    await until(() => answers.length === 4, "the handler's end");
    assertEquals(answers, ["queued", "queued", "open", undefined]);
    assertEquals(peer.received, [1, 0, 0, 0, 1, 1, 0, 0, 0, 2]);
  });
}

test("Session closes at once behind a peer that ends, if only receive() has taken its message", async () => {
  const transport = memoryTransport();
  await using pair = await startPair(transport);
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  await peer.write(new Uint8Array([1, 0, 0, 0, 1]));
  assertEquals((await within(far.receive(), "the message"))?.length, 1);
  peer.connection.shutdown();
  await until(() => far.state !== "open", "the close");
  peer.connection.close();
  assertEquals((await within(far.closed, "the close")).reason, "remote-closing");
});

test("Session loop ends the session's wait when its service stops", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), { clock }, { clock });
  const { far } = await pair.connect();
  const ended = (async () => {
    for await (const _payload of far) throw new Error("there is no message");
    return "ended";
  })();
  await pair.server.stop();
  assertEquals(await within(ended, "the loop's end"), "ended");
});

test("Session gives the rest of a chunk to the loop when onMessageRange starts one, and does not wait for it", async () => {
  const handled: string[] = [];
  const looped: string[] = [];
  await using pair = await startPair(memoryTransport(), {
    codec: simpleBinary(),
    onMessageRange(session, buffer, offset, length) {
      handled.push(text(buffer.subarray(offset, offset + length)));
      if (handled.length > 1) return;
      (async () => {
        for await (const payload of session) looped.push(text(payload));
      })();
    },
  }, { codec: simpleBinary() });
  const { near } = await pair.connect();
  for (const word of ["one", "two", "three"]) near.send(bytes(word));
  await until(() => handled.length + looped.length === 3, "all are taken");
  assertEquals([handled, looped], [["one"], ["two", "three"]]);
});

test("Session goes on with its handler after a loop that the handler began and ended before it returned", async () => {
  const log: string[] = [];
  const rounds: Readonly<Record<string, (session: Session) => unknown>> = {
    "sync": () => {},
    "async": async () => await turn(),
    "twice": (session) => beginAndEnd(session),
    "throw": (session) => void session[Symbol.asyncIterator]().throw(new Error("by purpose")).catch(() => {}),
  };
  await using pair = await startPair(memoryTransport(), {
    onMessage(session, payload) {
      const word = text(payload);
      log.push(word);
      if (!Object.hasOwn(rounds, word)) return;
      beginAndEnd(session);
      return rounds[word](session);
    },
  });
  const { near, far } = await pair.connect();
  for (const word of Object.keys(rounds)) {
    sendAll(near, `${word} b c`);
    near.flush();
    await settle();
    near.send(bytes("d"));
    await until(() => log.at(-1) === "d", "the last message");
    assertEquals(log.splice(0), [word, "b", "c", "d"]);
  }
  assertEquals(far.stats.receivedFrames, 16);
});

for (const name of ["onOpen", "onChunk", "onSend"] as const) {
  test(`Session goes on with its handler after a loop that ${name} began and ended`, async () => {
    const log: string[] = [];
    let isDue = true;
    await using pair = await startPair(memoryTransport(), {
      [name](session: Session) {
        if (isDue) beginAndEnd(session);
        isDue = false;
      },
      onMessage(session: Session, payload: Uint8Array) {
        log.push(text(payload));
        session.send(payload);
      },
    });
    const { near } = await pair.connect();
    for (const word of ["a", "b", "c"]) {
      near.send(bytes(word));
      await settle();
    }
    assertEquals([isDue, log], [false, ["a", "b", "c"]]);
  });
}

test("Session gives its handler what a loop has held back that onSend ended", async () => {
  const log: string[] = [];
  const loops: AsyncGenerator<Uint8Array>[] = [];
  await using pair = await startPair(memoryTransport(), {
    onSend: () => void loops.pop()?.return(undefined),
    onMessage: (_session: Session, payload: Uint8Array) => void log.push(text(payload)),
  });
  const { near, far } = await pair.connect();
  const loop = far[Symbol.asyncIterator]();
  const first = loop.next();
  sendAll(near, "a b");
  log.push(`loop ${text((await first).value ?? bytes("none"))}`);
  await settle();
  assertEquals(log, ["loop a"]);
  loops.push(loop);
  far.send(bytes("answer"));
  await until(() => loops.length === 0, "onSend");
  near.send(bytes("c"));
  await until(() => log.length === 3, "both messages");
  assertEquals(log, ["loop a", "b", "c"]);
});

/** Asks a loop for a message, and leaves it before there is one. */
function beginAndEnd(session: Session): void {
  const loop = session[Symbol.asyncIterator]();
  void loop.next();
  void loop.return();
}
