// Chat in a terminal, with chat_server.ts or the chat server of laster40Net. `deno task chat:client --name ann`, `bun
// examples/chat_client.ts --name ann`. Deno needs `--allow-net` for it and nothing else.

import process from "node:process";
import { type CloseEvent, ConnectError, formatAddress, type Session, TcpService } from "@laster/net";
import { ChatInput } from "./chat_input.ts";
import { chatCodec, ChatProtocolError, decodeMessage, encodeMessage, MAX_CHAT_BYTES } from "./chat_protocol.ts";
import { MAX_ACCOUNT_BYTES, printable, textBytes, toAccount } from "./chat_text.ts";
import { exitWith, parseArguments } from "./command_line.ts";

/** How long the server may take to accept the connection and to answer the hello. */
const HELLO_TIMEOUT_MS = 10_000;
/** How long the server may be silent before it answers the bye: it may still be sending, and makes fast senders wait. */
const BYE_TIMEOUT_MS = 3_000;

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address of the server" },
  port: { value: 11_110, help: "port of the server", least: 1, most: 65_535 },
  name: { value: `guest-${Math.floor(Math.random() * 10_000)}`, help: "your account" },
});
const account = toAccount(options.name) ?? exitWith(
  2,
  `Cannot use the name ${printable(options.name)}: at most ${MAX_ACCOUNT_BYTES} bytes, no colon, and nothing unseen`,
);

/** Set once the server has granted the account. */
let input: ChatInput | undefined;
let isLeaving = false;
let byeTimer: ReturnType<typeof setTimeout> | undefined;
const helloTimer = setTimeout(() => fail("The server does not answer"), HELLO_TIMEOUT_MS);

const service = new TcpService({
  codec: chatCodec(),
  // A chat in which nobody says anything is no dead server.
  idleTimeoutMs: 0,
  onMessage: handleMessage,
  onClose: handleClose,
});
await service.start();
const session = await connect();
session.send(encodeMessage({ kind: "client-hello", account, passwd: "" }));
process.on("SIGINT", leave);
if (process.platform !== "win32") process.on("SIGTERM", leave);

async function connect(): Promise<Session> {
  try {
    return await service.connect({ hostname: options.host, port: options.port });
  } catch (error) {
    exitWith(1, error instanceof ConnectError ? error.message : String(error));
  }
}

function handleMessage(session: Session, payload: Uint8Array): void {
  if (isLeaving) waitForBye();
  try {
    const message = decodeMessage(payload);
    if (message.kind === "server-hello") handleHello(session, message.returnValue === "OK");
    else if (message.kind === "server-chat") print(`${printable(message.sender)}: ${printable(message.chatMsg)}`);
    else if (message.kind === "server-bye") session.close();
    else fail(`The server sends ${message.kind}, which only clients may`);
  } catch (error) {
    if (!(error instanceof ChatProtocolError)) throw error;
    fail(`The server does not speak the protocol: ${error.message}`);
  }
}

function handleHello(session: Session, isWelcome: boolean): void {
  clearTimeout(helloTimer);
  if (!isWelcome) fail(`The server refuses the name ${printable(account)}: somebody has it, or it is not allowed`);
  if (input !== undefined) return;
  print(`you are ${printable(account)} on ${formatAddress(session.remoteAddress)}, /quit leaves`);
  input = new ChatInput({ onLine: handleLine, onEnd: leave });
}

function handleLine(line: string): void {
  if (isLeaving || line === "") return;
  if (line === "/quit") return leave();
  const length = textBytes(line);
  if (length > MAX_CHAT_BYTES) {
    return print(`not sent, as a text has at most ${MAX_CHAT_BYTES} bytes, and this has ${length}`);
  }
  const result = session.send(encodeMessage({ kind: "client-chat", chatMsg: line }));
  if (result === "congested") waitForServer();
  else if (result !== "queued" && result !== "sent") print(`not sent, as the way to the server is ${result}`);
}

/** Pauses the input until the server has read what it was sent: only input from a pipe is that fast. */
function waitForServer(): void {
  input?.pause();
  // If the session ends instead, `handleClose` reports it.
  session.drained().then(() => input?.resume(), () => {});
}

/** Says bye; the server's answer, or its silence, ends the program. */
function leave(): void {
  if (isLeaving) return;
  isLeaving = true;
  input?.close();
  session.send(encodeMessage({ kind: "client-bye" }));
  waitForBye();
}

function waitForBye(): void {
  clearTimeout(byeTimer);
  byeTimer = setTimeout(() => session.abort(), BYE_TIMEOUT_MS);
}

function handleClose(_session: Session, { reason, error }: CloseEvent): void {
  if (isLeaving) process.exit(0);
  fail(`The server is gone: ${error?.message ?? reason}`);
}

/** Prints a line above the one that is being typed. Only what others say has a colon and a space in it. */
function print(text: string): void {
  if (input === undefined) console.log(text);
  else input.print(text);
}

/** Ends with exit code 1, whatever is under way. */
function fail(text: string): never {
  isLeaving = true;
  input?.close();
  exitWith(1, text);
}
