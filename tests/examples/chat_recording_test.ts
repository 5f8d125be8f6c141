// The chat examples against the frames that the original's client and server sent: as messages, and over sockets.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { raw, silentLogger, TcpService } from "@laster/net";
import { type ChatMessage, decodeMessage, encodeMessage } from "../../examples/chat_protocol.ts";
import { until } from "../support.ts";
import { ChatProcess, fromHex, RawPeer, toHex } from "./chat_process.ts";
import { countBytes, ORIGINAL, RECORDED, TEXT_OF_ANN, TEXT_OF_MINSU } from "./chat_recording.ts";
import { ownRuntime, Program } from "./program.ts";

const own = ownRuntime();

/** What each recorded frame says, and the bye that the recording has in words only. */
const MEANINGS: readonly (readonly [hex: string, message: ChatMessage])[] = [
  [ORIGINAL.helloOfAnn, { kind: "client-hello", account: "ann", passwd: "" }],
  [ORIGINAL.helloOfMinsu, { kind: "client-hello", account: "민수", passwd: "" }],
  [ORIGINAL.welcome, { kind: "server-hello", returnValue: "OK" }],
  [ORIGINAL.chatOfAnn, { kind: "client-chat", chatMsg: TEXT_OF_ANN }],
  [ORIGINAL.chatOfMinsu, { kind: "client-chat", chatMsg: TEXT_OF_MINSU }],
  [ORIGINAL.lineOfAnn, { kind: "server-chat", sender: "ann", chatMsg: TEXT_OF_ANN }],
  [ORIGINAL.lineOfMinsu, { kind: "server-chat", sender: "민수", chatMsg: TEXT_OF_MINSU }],
  [ORIGINAL.byeAnswer, { kind: "server-bye" }],
  [ORIGINAL.bye, { kind: "client-bye" }],
];

/** A message in its frame: a length of four bytes, little-endian, and the payload. */
function frameOf(message: ChatMessage): string {
  const payload = encodeMessage(message);
  const frame = new Uint8Array(4 + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length, true);
  frame.set(payload, 4);
  return toHex(frame);
}

test("encodeMessage() and decodeMessage() agree with every frame that was recorded of the original", () => {
  const meant = MEANINGS.map(([hex]) => hex).filter((hex) => hex !== ORIGINAL.bye);
  assertEquals(meant.sort(), RECORDED.map(({ hex }) => hex).sort());
  for (const [hex, message] of MEANINGS) {
    assertEquals(frameOf(message), hex, message.kind);
    assertEquals(decodeMessage(fromHex(hex).subarray(4)), message);
  }
});

test(`chat_server on ${own.name} answers the original client's frames with the original server's`, async () => {
  await using server = new Program(own, "chat_server.ts", ["--port", "0"]);
  const port = await server.port();
  await using ann = await RawPeer.dial(port);
  await using minsu = await RawPeer.dial(port);
  const welcomeBytes = countBytes(ORIGINAL.welcome);
  assertEquals(await ann.ask(ORIGINAL.helloOfAnn, welcomeBytes), ORIGINAL.welcome);
  assertEquals(await minsu.ask(ORIGINAL.helloOfMinsu, welcomeBytes), ORIGINAL.welcome);
  assertEquals(await ann.ask(ORIGINAL.chatOfAnn, countBytes(ORIGINAL.lineOfAnn)), ORIGINAL.lineOfAnn);
  const both = ORIGINAL.lineOfAnn + ORIGINAL.lineOfMinsu;
  assertEquals(await minsu.ask(ORIGINAL.chatOfMinsu, countBytes(both)), both);
  assertEquals(await ann.ask("", countBytes(ORIGINAL.lineOfMinsu)), ORIGINAL.lineOfMinsu);
  assertEquals(await ann.provoke(ORIGINAL.bye), [ORIGINAL.byeAnswer, "remote-closing"]);
});

test("chat_client sends the original client's frames and understands the original server's", async () => {
  const chats = [
    { name: "ann", text: TEXT_OF_ANN, hello: ORIGINAL.helloOfAnn, chat: ORIGINAL.chatOfAnn },
    { name: "민수", text: TEXT_OF_MINSU, hello: ORIGINAL.helloOfMinsu, chat: ORIGINAL.chatOfMinsu },
  ];
  for (const { name, text, hello, chat } of chats) {
    let heard = "";
    await using server = new TcpService({
      codec: raw(),
      logger: silentLogger(),
      onMessage(session, chunk) {
        heard += toHex(chunk);
        if (heard === hello) session.send(fromHex(ORIGINAL.welcome));
        if (heard === hello + chat) session.send(fromHex(ORIGINAL.lineOfAnn + ORIGINAL.lineOfMinsu));
        if (heard === hello + chat + ORIGINAL.bye) session.send(fromHex(ORIGINAL.byeAnswer));
      },
    });
    await server.start();
    const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });
    await using client = await ChatProcess.join(address.kind === "tcp" ? `${address.port}` : "", name);
    client.type(text);
    await client.heard(TEXT_OF_MINSU);
    client.type("/quit");
    assertEquals([await client.exit(), client.errors], [0, ""]);
    await until(() => server.sessionCount === 0, `the session of ${name} on ${own.name} is over`);
    assertEquals(heard, hello + chat + ORIGINAL.bye);
    assertEquals(client.lines, [`ann: ${TEXT_OF_ANN}`, `민수: ${TEXT_OF_MINSU}`]);
  }
});
