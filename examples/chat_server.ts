// laster40Net's chat: what one says, all hear, and the sender too. `deno task chat`, `bun examples/chat_server.ts`.
//
// As in the original, passwords are not checked, and nobody is told who comes and goes. A hello without an account, with
// one that is taken or longer than 64 bytes, or a second one, fails, and the session stays. What is no message, too long,
// not for a server, or said before the hello closes its session, and a line says why.

import { formatAddress, type Session, TcpService } from "@laster/net";
import {
  chatCodec,
  type ChatMessage,
  ChatProtocolError,
  decodeMessage,
  encodeMessage,
  MAX_ACCOUNT_BYTES,
  MAX_CHAT_BYTES,
  printable,
  textBytes,
} from "./chat_protocol.ts";
import { parseArguments, runServer } from "./command_line.ts";

/** Who has not said hello by then is closed: the others may be silent for as long as they like. */
const HELLO_TIMEOUT_MS = 30_000;

/** What is known of a session. */
interface Visitor {
  /** Its name, from its hello to its bye. */
  account: string | undefined;
  helloTimer: ReturnType<typeof setTimeout> | undefined;
}

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

/** The accounts that are taken. */
const accounts = new Set<string>();

const service = new TcpService<Visitor>({
  codec: chatCodec(),
  listeners: [{ hostname: options.host, port: options.port }],
  createData: () => ({ account: undefined, helloTimer: undefined }),
  // Who listens need not talk, but who does not read is closed, instead of missing some of what is said.
  idleTimeoutMs: 0,
  whenFull: "close",
  onOpen(session) {
    session.data.helloTimer = setTimeout(() => refuse(session, "no hello came in time"), HELLO_TIMEOUT_MS);
  },
  onMessage(session, payload) {
    try {
      handleMessage(session, decodeMessage(payload));
    } catch (error) {
      if (!(error instanceof ChatProtocolError)) throw error;
      refuse(session, error.message);
    }
  },
  onClose(session, { reason, error }) {
    forget(session);
    if (error !== undefined) console.error(`${name(session)} is gone: ${reason}, ${printable(error.message)}`);
  },
});
const lobby = service.group("chat");

await runServer(service);

function handleMessage(session: Session<Visitor>, message: ChatMessage): void {
  switch (message.kind) {
    case "client-hello": {
      const isWelcome = welcome(session, message.account);
      send(session, { kind: "server-hello", returnValue: isWelcome ? "OK" : "FAILED" });
      // Only now, so that the answer is the first thing that it hears.
      if (isWelcome) lobby.join(session);
      return;
    }
    case "client-chat":
      return say(session, message.chatMsg);
    case "client-bye":
      forget(session);
      lobby.leave(session);
      send(session, { kind: "server-bye" });
      session.close();
      return;
    default:
      return refuse(session, `${message.kind} is no message for a server`);
  }
}

/** Gives a session its account, unless that is impossible. */
function welcome({ data }: Session<Visitor>, account: string): boolean {
  const isFree = account !== "" && textBytes(account) <= MAX_ACCOUNT_BYTES && !accounts.has(account);
  if (!isFree || data.account !== undefined) return false;
  clearTimeout(data.helloTimer);
  accounts.add(account);
  data.account = account;
  return true;
}

function say(session: Session<Visitor>, chatMsg: string): void {
  const { account } = session.data;
  const length = textBytes(chatMsg);
  if (account === undefined) return refuse(session, "it chats before its hello");
  if (length > MAX_CHAT_BYTES) return refuse(session, `a text has at most ${MAX_CHAT_BYTES} bytes: this has ${length}`);
  lobby.broadcast(encodeMessage({ kind: "server-chat", sender: account, chatMsg }));
}

/** A session that is closing, or whose queue is full, has no use for an answer any more: the result says nothing new. */
function send(session: Session<Visitor>, message: ChatMessage): void {
  session.send(encodeMessage(message));
}

/** Closes a session in order, and says why: the protocol has no message for it. */
function refuse(session: Session<Visitor>, reason: string): void {
  console.error(`${name(session)} is closed: ${printable(reason)}`);
  session.close();
}

/** Makes its account free again. */
function forget({ data }: Session<Visitor>): void {
  clearTimeout(data.helloTimer);
  if (data.account !== undefined) accounts.delete(data.account);
  data.account = undefined;
}

function name({ remoteAddress, data }: Session<Visitor>): string {
  const address = formatAddress(remoteAddress);
  return data.account === undefined ? address : `${address} (${printable(data.account)})`;
}
