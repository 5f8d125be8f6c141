// ChatRoom: the chat of the chat server, for any clock and transport: each message goes to all. See chat_server.ts. Runtime
// neutral.

import {
  type Clock,
  formatAddress,
  type Group,
  type Session,
  systemClock,
  TcpService,
  type TcpServiceOptions,
} from "@laster/net";
import {
  chatCodec,
  type ChatMessage,
  ChatProtocolError,
  decodeMessage,
  encodeMessage,
  MAX_CHAT_BYTES,
} from "./chat_protocol.ts";
import { accountKey, printable, textBytes, toAccount, withoutCommands } from "./chat_text.ts";
import { Pause } from "./pause.ts";
import { TokenBucket } from "./token_bucket.ts";

/** How long a session may take to say hello; after that it may be silent for as long as it likes. */
const HELLO_TIMEOUT_MS = 30_000;

/** How fast one session may send: faster than anybody types. A faster session has to wait, so that slow readers can follow. */
const TALK_LIMIT = { burst: 20, perSecond: 5 };

/** What is known of a session. */
export interface Visitor {
  /** Its name, from its hello to its bye. */
  account: string | undefined;
  helloTimer: unknown;
  readonly limit: TokenBucket;
  /** The wait of a session that sends too fast. */
  readonly pause: Pause;
}

/** Where the chat listens, and its parts; a test gives another clock and transport. */
export interface ChatRoomOptions
  extends Pick<TcpServiceOptions, "listeners" | "transport" | "logger" | "random" | "observers"> {
  readonly clock?: Clock | undefined;
  /** Is told, in a line, what peers do wrong. */
  readonly onFault: (line: string) => void;
}

/** A chat, not started. */
export class ChatRoom {
  readonly service: TcpService<Visitor>;
  readonly #clock: Clock;
  readonly #onFault: (line: string) => void;
  /** The accounts that are taken, by their keys. */
  readonly #takenKeys = new Set<string>();
  readonly #lobby: Group<Session<Visitor>>;

  constructor({ clock = systemClock(), onFault, ...options }: ChatRoomOptions) {
    this.#clock = clock;
    this.#onFault = onFault;
    this.service = new TcpService<Visitor>({
      ...options,
      clock,
      codec: chatCodec(),
      createData: () => ({
        account: undefined,
        helloTimer: undefined,
        limit: new TokenBucket({ ...TALK_LIMIT, now: () => clock.now() }),
        pause: new Pause(clock),
      }),
      // A session need not send, but one that does not read is closed, rather than missing messages.
      idleTimeoutMs: 0,
      whenFull: "close",
      onOpen: (session) => {
        const { data } = session;
        data.helloTimer = clock.setTimer(() => this.#refuse(session, "no hello came in time"), HELLO_TIMEOUT_MS);
        // `onClose` comes behind the handlers, and so behind a pause.
        session.closed.then(() => data.pause.end());
      },
      onMessage: (session, payload) => {
        try {
          this.#handle(session, decodeMessage(payload));
        } catch (error) {
          if (!(error instanceof ChatProtocolError)) throw error;
          this.#refuse(session, error.message);
        }
        const waitMs = session.data.limit.take();
        if (waitMs > 0 && session.state === "open") return session.data.pause.begin(waitMs);
      },
      onClose: (session, { reason, error }) => {
        if (error !== undefined) onFault(`${nameOf(session)} is gone: ${reason}, ${printable(error.message)}`);
        this.#forget(session.data);
      },
    });
    this.#lobby = this.service.group("chat");
  }

  /** How many accounts are taken. */
  get accounts(): number {
    return this.#takenKeys.size;
  }

  #handle(session: Session<Visitor>, message: ChatMessage): void {
    switch (message.kind) {
      case "client-hello": {
        const isWelcome = this.#welcome(session, message.account);
        send(session, { kind: "server-hello", returnValue: isWelcome ? "OK" : "FAILED" });
        // Joins after the answer, so that the answer is the first message that it gets.
        if (isWelcome) this.#lobby.join(session);
        return;
      }
      case "client-chat":
        return this.#say(session, message.chatMsg);
      case "client-bye":
        this.#forget(session.data);
        this.#lobby.leave(session);
        send(session, { kind: "server-bye" });
        session.close();
        return;
      default:
        return this.#refuse(session, `${message.kind} is no message for a server`);
    }
  }

  /** Gives a session an account, in place of one that it may have; false if it cannot have that account. */
  #welcome({ data }: Session<Visitor>, text: string): boolean {
    const account = toAccount(text);
    if (account === undefined) return false;
    const key = accountKey(account);
    const ownKey = data.account === undefined ? undefined : accountKey(data.account);
    if (this.#takenKeys.has(key) && key !== ownKey) return false;
    this.#forget(data);
    this.#takenKeys.add(key);
    data.account = account;
    return true;
  }

  #say(session: Session<Visitor>, chatMsg: string): void {
    const { account } = session.data;
    const length = textBytes(chatMsg);
    if (account === undefined) return this.#refuse(session, "it chats before its hello");
    if (length > MAX_CHAT_BYTES) {
      return this.#refuse(session, `a text has at most ${MAX_CHAT_BYTES} bytes: this has ${length}`);
    }
    this.#lobby.broadcast(encodeMessage({ kind: "server-chat", sender: account, chatMsg: withoutCommands(chatMsg) }));
  }

  /** Closes a session in order, and says why: the protocol has no message for it. */
  #refuse(session: Session<Visitor>, reason: string): void {
    this.#onFault(`${nameOf(session)} is closed: ${printable(reason)}`);
    session.close();
  }

  /** Makes an account free again. */
  #forget(data: Visitor): void {
    this.#clock.clearTimer(data.helloTimer);
    if (data.account !== undefined) this.#takenKeys.delete(accountKey(data.account));
    data.account = undefined;
  }
}

/** Sends a message. The result is ignored: a session that is closing, or whose queue is full, needs no answer. */
function send(session: Session<Visitor>, message: ChatMessage): void {
  session.send(encodeMessage(message));
}

function nameOf({ remoteAddress, data }: Session<Visitor>): string {
  const address = formatAddress(remoteAddress);
  return data.account === undefined ? address : `${address} (${printable(data.account)})`;
}
