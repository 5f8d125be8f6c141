// laster40Net's chat: what one says, all hear, and the sender too. `deno task chat`, `bun examples/chat_server.ts`.
//
// As in the original, passwords are not checked, nobody is told who comes and goes, and a second hello is answered with
// OK: it gives its session another account. Unlike there, an account is its session's alone: a hello fails, and the
// session stays as it was, if the account is another's, looks like another's, is longer than 64 bytes, or is no name
// (see chat_text.ts). What is no message, too long, not for a server, or said before the hello closes its session, and a
// line says why. Of what is said, control characters, line separators and what turns the writing are passed on as "?".

import { formatAddress, type Session, TcpService } from "@laster/net";
import {
  chatCodec,
  type ChatMessage,
  ChatProtocolError,
  decodeMessage,
  encodeMessage,
  MAX_CHAT_BYTES,
} from "./chat_protocol.ts";
import { accountKey, printable, textBytes, toAccount, withoutCommands } from "./chat_text.ts";
import { parseArguments, runServer } from "./command_line.ts";
import { ErrorLines } from "./error_lines.ts";
import { Pause } from "./pause.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Who has not said hello by then is closed: the others may be silent for as long as they like. */
const HELLO_TIMEOUT_MS = 30_000;

/** How fast one session may talk; whoever is faster waits, so that slow readers can follow. Nobody types faster. */
const TALK_LIMIT = { burst: 20, perSecond: 5 };

/** What is known of a session. */
interface Visitor {
  /** Its name, from its hello to its bye. */
  account: string | undefined;
  helloTimer: ReturnType<typeof setTimeout> | undefined;
  readonly limit: TokenBucket;
  /** What it has to take when it is faster. */
  readonly pause: Pause;
}

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address to listen on" },
  port: { value: 11_110, help: "port to listen on, 0 for a free one", least: 0, most: 65_535 },
});

/** What peers do wrong. */
const errors = new ErrorLines();

/** The accounts that are taken, by their keys. */
const takenKeys = new Set<string>();

const service = new TcpService<Visitor>({
  codec: chatCodec(),
  listeners: [{ hostname: options.host, port: options.port }],
  createData: () => ({
    account: undefined,
    helloTimer: undefined,
    limit: new TokenBucket(TALK_LIMIT),
    pause: new Pause(),
  }),
  // Who listens need not talk, but who does not read is closed, instead of missing some of what is said.
  idleTimeoutMs: 0,
  whenFull: "close",
  onOpen(session) {
    session.data.helloTimer = setTimeout(() => refuse(session, "no hello came in time"), HELLO_TIMEOUT_MS);
    // `onClose` comes behind the handlers, and so behind a pause.
    session.closed.then(() => session.data.pause.end());
  },
  onMessage(session, payload) {
    try {
      handleMessage(session, decodeMessage(payload));
    } catch (error) {
      if (!(error instanceof ChatProtocolError)) throw error;
      refuse(session, error.message);
    }
    const waitMs = session.data.limit.take();
    if (waitMs > 0 && session.state === "open") return session.data.pause.begin(waitMs);
  },
  onClose(session, { reason, error }) {
    forget(session.data);
    if (error !== undefined) errors.add(`${name(session)} is gone: ${reason}, ${printable(error.message)}`);
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
      forget(session.data);
      lobby.leave(session);
      send(session, { kind: "server-bye" });
      session.close();
      return;
    default:
      return refuse(session, `${message.kind} is no message for a server`);
  }
}

/** Gives a session its account, or another one, unless that is impossible. */
function welcome({ data }: Session<Visitor>, text: string): boolean {
  const account = toAccount(text);
  if (account === undefined) return false;
  const key = accountKey(account);
  const ownKey = data.account === undefined ? undefined : accountKey(data.account);
  if (takenKeys.has(key) && key !== ownKey) return false;
  forget(data);
  takenKeys.add(key);
  data.account = account;
  return true;
}

function say(session: Session<Visitor>, chatMsg: string): void {
  const { account } = session.data;
  const length = textBytes(chatMsg);
  if (account === undefined) return refuse(session, "it chats before its hello");
  if (length > MAX_CHAT_BYTES) return refuse(session, `a text has at most ${MAX_CHAT_BYTES} bytes: this has ${length}`);
  lobby.broadcast(encodeMessage({ kind: "server-chat", sender: account, chatMsg: withoutCommands(chatMsg) }));
}

/** A session that is closing, or whose queue is full, has no use for an answer: the result says nothing new. */
function send(session: Session<Visitor>, message: ChatMessage): void {
  session.send(encodeMessage(message));
}

/** Closes a session in order, and says why: the protocol has no message for it. */
function refuse(session: Session<Visitor>, reason: string): void {
  errors.add(`${name(session)} is closed: ${printable(reason)}`);
  session.close();
}

/** Makes an account free again. */
function forget(data: Visitor): void {
  clearTimeout(data.helloTimer);
  if (data.account !== undefined) takenKeys.delete(accountKey(data.account));
  data.account = undefined;
}

function name({ remoteAddress, data }: Session<Visitor>): string {
  const address = formatAddress(remoteAddress);
  return data.account === undefined ? address : `${address} (${printable(data.account)})`;
}
