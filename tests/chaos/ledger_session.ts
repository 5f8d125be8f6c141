// LedgerSession: one end of a session that notes whatever it sends, gets, and how it ends. Runtime neutral.

import type { AnySession, CloseEvent } from "@laster/net";
import { SeededRandom } from "@laster/net/testing";
import type { LedgerWriter } from "./ledger_file.ts";

const MOST_MESSAGES = 300;
const MOST_PER_BURST = 8;
const LONGEST_PAUSE_MS = 4;
/** A handler that takes long: what comes meanwhile waits in front of it, an end too. */
const LONG_PAUSE_MS = 40;
/** Some messages are long enough to come in pieces. */
const LENGTHS = [300, 300, 300, 300, 300, 300, 300, 20_000] as const;
/** One in so many sides sends all in one burst, and long ones: more than the system takes, so that it is still queued at a close. */
const HEAVY = 6;
const MOST_HEAVY_MESSAGES = 150;
const LONGEST_HEAVY_BYTES = 60_000;
/** More than one write: a close has to wait until the system takes it. */
const LONG_QUEUE_BYTES = 266_240;
/** A message repeats its beginning, which is random: bytes of that. */
const PATTERN_BYTES = 101;
/** How a session gets its name: the first message of the client. */
const HELLO = "hello ";

/** The sides of a session. */
export type Side = "client" | "server";

/** One end. */
export class LedgerSession {
  readonly #ledger: LedgerWriter;
  readonly #side: Side;
  readonly #seed: number;
  #name: string | undefined = undefined;
  #random = new SeededRandom(0);
  /** Who closes it once all is sent: both ends know. */
  #closes: Side | "both" = "both";
  /** Of the message that has to come next. */
  #next = 0;

  constructor(ledger: LedgerWriter, side: Side, seed: number) {
    [this.#ledger, this.#side, this.#seed] = [ledger, side, seed];
  }

  /** The client says who it is. The name is of a round and a number: `12.3`. */
  begin(session: AnySession, name: string): void {
    const { localAddress: address } = session;
    session.send(new TextEncoder().encode(HELLO + name));
    this.#open(session, name, address.kind === "tcp" ? address.port : 0);
  }

  /** A message came. Some take a while. */
  receive(session: AnySession, payload: Uint8Array): Promise<void> | undefined {
    if (this.#name === undefined) {
      this.#open(session, new TextDecoder().decode(payload).slice(HELLO.length), 0);
      return undefined;
    }
    const expected = messageOf(this.#name, this.#side === "client" ? "server" : "client", this.#next);
    const isRight = expected.length === payload.length && expected.every((byte, index) => byte === payload[index]);
    if (isRight) this.#ledger.note("got", this.#name, this.#next++);
    else this.#ledger.note("bad", this.#name, `${payload.length} bytes instead of message ${this.#next}`);
    return this.#random.chance(0.02) ? this.#pause(this.#random.pick([LONGEST_PAUSE_MS, LONG_PAUSE_MS])) : undefined;
  }

  /** It is over. */
  close({ reason, unsentFrames, isConfirmed, error }: CloseEvent): void {
    if (this.#name === undefined) return;
    const end = { reason, unsentFrames, isConfirmed, error: error?.message };
    this.#ledger.note("end", this.#name, JSON.stringify(end));
  }

  #open(session: AnySession, name: string, port: number): void {
    this.#name = name;
    const numbers = name.split(".").map(Number);
    this.#closes = new SeededRandom(this.#seed, ...numbers).pick(["client", "server", "both"]);
    this.#random = new SeededRandom(this.#seed, ...numbers, Number(this.#side === "client"));
    this.#ledger.note("open", name, port);
    void this.#talk(session, name);
  }

  /** Sends some messages, and closes, or waits for the other end to do so. */
  async #talk(session: AnySession, name: string): Promise<void> {
    const isHeavy = isHeavySide(name, this.#side);
    const count = this.#random.integer(0, isHeavy ? MOST_HEAVY_MESSAGES : MOST_MESSAGES);
    for (let sent = 0; sent < count;) {
      const burst = isHeavy ? count : Math.min(count, sent + this.#random.integer(1, MOST_PER_BURST));
      while (sent < burst) {
        // Before, as what is sent may come before the call returns.
        this.#ledger.note("sent", name, sent);
        const result = session.send(messageOf(name, this.#side, sent));
        const isAccepted = result === "sent" || result === "queued" || result === "congested";
        if (isAccepted) sent++;
        else this.#ledger.note("undo", name, sent);
        if (result === "closed") return;
        if (result === "congested" || !isAccepted) {
          const isOver = await session.drained().then(() => false, () => true);
          if (isOver) return;
        }
      }
      if (sent < count) await this.#pause();
    }
    if (this.#closes !== this.#side && this.#closes !== "both") return;
    if (session.queuedBytes >= LONG_QUEUE_BYTES) this.#ledger.note("closing", name);
    await session.close();
  }

  #pause(mostMs: number = LONGEST_PAUSE_MS): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.#random.integer(0, mostMs)));
  }
}

function keyOf(name: string, side: Side): number {
  let key = side === "client" ? 17 : 91;
  for (const char of name) key = (key * 31 + char.charCodeAt(0)) >>> 0;
  return key;
}

function isHeavySide(name: string, side: Side): boolean {
  return new SeededRandom(keyOf(name, side)).integer(1, HEAVY) === 1;
}

/** A message that is another one for every session, side and number. */
function messageOf(name: string, side: Side, number: number): Uint8Array {
  const random = new SeededRandom(keyOf(name, side), number);
  const longest = isHeavySide(name, side) ? LONGEST_HEAVY_BYTES : random.pick(LENGTHS);
  const payload = new Uint8Array(random.integer(4, longest));
  payload.set(random.bytes(Math.min(PATTERN_BYTES, payload.length)));
  new DataView(payload.buffer).setUint32(0, number);
  for (let filled = PATTERN_BYTES; filled < payload.length; filled *= 2) payload.copyWithin(filled, 0, filled);
  return payload;
}
