// Who talks faster than anybody types, in a chat with somebody who reads slowly.

import test from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { type Session, silentLogger, TcpService } from "@laster/net";
import { chatCodec, decodeMessage, encodeMessage } from "../../examples/chat_protocol.ts";
import { assertNothingLeft, until, within } from "../support.ts";
import { ownRuntime, Program } from "./program.ts";

/** More than the system and the server keep for one reader. */
const LINES = 2_000;
const LINE_BYTES = 3_000;
/** Without a limit the flood is over in less than half of this. */
const FLOOD_MS = 2_000;
/** What the server allows: a burst, and so many a second. */
const MOST_LINES = 20 + 5 * (FLOOD_MS / 1_000) + 5;

/** Somebody in the chat, who may stop reading. */
interface Guest extends AsyncDisposable {
  readonly session: Session;
  /** The beginnings of the lines that it has heard. */
  readonly heard: readonly string[];
  /** Reads no further until the answer is called. */
  stopReading(): () => void;
  say(chatMsg: string): void;
}

async function join(port: string, account: string): Promise<Guest> {
  const heard: string[] = [];
  let isWelcome = false;
  let hold: Promise<void> | undefined;
  const service = new TcpService({
    codec: chatCodec(),
    logger: silentLogger(),
    maxQueuedBytes: 2 * LINES * LINE_BYTES,
    onMessage(_session, payload) {
      const message = decodeMessage(payload);
      if (message.kind === "server-hello") isWelcome = true;
      if (message.kind === "server-chat") heard.push(`${message.sender}: ${message.chatMsg.slice(0, 12).trim()}`);
      return hold;
    },
  });
  await service.start();
  const session = await service.connect({ hostname: "127.0.0.1", port: Number(port) });
  session.send(encodeMessage({ kind: "client-hello", account, passwd: "" }));
  await until(() => isWelcome, `${account} is welcome`);
  return {
    session,
    heard,
    stopReading() {
      const { promise, resolve } = Promise.withResolvers<void>();
      hold = promise;
      return () => {
        hold = undefined;
        resolve();
      };
    },
    say: (chatMsg) => void session.send(encodeMessage({ kind: "client-chat", chatMsg })),
    async [Symbol.asyncDispose]() {
      session.abort();
      await within(service.stop(), `${account} to stop`);
      assertNothingLeft(service);
    },
  };
}

test("chat_server makes a flooder wait, and keeps a slow but honest reader", async () => {
  await using server = new Program(ownRuntime(), "chat_server.ts", ["--port", "0"]);
  const port = await server.port();
  await using slow = await join(port, "slow");
  await using honest = await join(port, "honest");
  await using flooder = await join(port, "flooder");
  const readOn = slow.stopReading();

  const startMs = performance.now();
  for (let index = 0; index < LINES; index++) flooder.say(`line ${index}`.padEnd(LINE_BYTES, "."));
  await until(() => honest.heard.length === LINES || performance.now() - startMs > FLOOD_MS, "the flood");
  assertEquals(server.output.includes("slow-consumer"), false, server.output);

  // The flood goes on, and nobody else waits for it.
  honest.say("hi");
  await until(() => honest.heard.includes("honest: hi"), "the honest one hears itself");
  readOn();
  await until(() => slow.heard.includes("honest: hi"), "the slow one hears it too");
  assertEquals([slow.session.state, honest.session.state, flooder.session.state], ["open", "open", "open"]);
  assertEquals(slow.heard, honest.heard.slice(0, slow.heard.length));
  assertLess(slow.heard.length, MOST_LINES + 5);
});
