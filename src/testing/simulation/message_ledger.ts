// MessageLedger: every message of every session in a simulation, and whether it came. Runtime neutral.

import type { BroadcastOptions, BroadcastReport } from "../../broadcast/messaging.ts";
import type { FullPolicy } from "../../outbound/queue_limits.ts";
import type { SendResult } from "../../outbound/send_result.ts";
import type { CloseEvent } from "../../session/close_reason.ts";
import type { AnySession } from "../../session/session.ts";
import type { SendOptions } from "../../session/session_options.ts";
import { type Address, formatAddress } from "../../transport/address.ts";
import { checksum } from "./trace.ts";

/** A message that was accepted, and has not come yet. */
interface Entry {
  readonly payload: Uint8Array;
  readonly key: unknown;
  /** The policy that decides whether it may be dropped while the peer does not read. */
  readonly policy: FullPolicy;
}

/** One direction of a connection. */
interface Account {
  /** What must come, oldest first. */
  readonly open: Entry[];
  /** Messages that were left out, as their policy allows. */
  skipped: number;
  /** How the sending side ended; undefined before. */
  ended: CloseEvent | undefined;
  /** Whether the receiving side ended in order, and so after all that was sent; undefined before its end. */
  isReadToEnd: boolean | undefined;
}

/**
 * Every message of every session in a simulation. Send through it, tell it what comes, and it finds what was lost, came twice,
 * out of order, or to the wrong peer. Both ends of a connection must use one ledger; it forgets a connection once both ends were
 * told to `close()`. Messages that may be dropped must differ from each other, or it cannot tell which of them has come.
 *
 * @example Between two sessions
 * ```ts
 * import { MessageLedger, simulate } from "@laster/net/testing";
 *
 * await simulate({
 *   seed: 1,
 *   steps: 50,
 *   scenario: {
 *     async start(world) {
 *       const ledger = new MessageLedger();
 *       const server = world.service({
 *         listeners: [{ port: 1 }],
 *         onMessage: (session, payload) => ledger.receive(session, payload),
 *         onClose: (session, event) => ledger.close(session, event),
 *       });
 *       await server.start();
 *       const client = await world.connect({ port: 1 }, { onClose: (session, event) => ledger.close(session, event) });
 *       return { ledger, client };
 *     },
 *     actions: {
 *       talk: (_world, { ledger, client }, random) => void ledger.send(client, random.bytes(random.integer(0, 100))),
 *     },
 *   },
 * });
 * ```
 */
export class MessageLedger {
  readonly #policy: FullPolicy;
  /** By addresses, which are used again once a run has used up all ports. */
  readonly #accounts = new Map<string, Account>();
  /** What was skipped in accounts that are gone. */
  #skippedBefore = 0;
  readonly #closed = new WeakSet<AnySession>();

  /**
   * Makes an empty ledger.
   *
   * @param policy The `whenFull` of the services, which counts for a message that has none of its own.
   */
  constructor(policy: FullPolicy = "refuse") {
    this.#policy = policy;
  }

  /** Sends, and notes the message if it was accepted. Arguments and answer are those of `Session.send`. */
  send(session: AnySession, payload: Uint8Array, options: SendOptions = {}): SendResult {
    const account = this.#openAccount(session);
    // Noted before it is sent: the peer's handler may run before the call returns.
    const entry = this.#note(account, payload, options);
    const result = session.send(payload, options);
    if (isRefused(result)) account.open.splice(account.open.indexOf(entry), 1);
    return result;
  }

  /**
   * Broadcasts, and notes the message for those who took it.
   *
   * @param audience Who is to get it: the sessions, or the members of the group, but for those that are excepted.
   * @param payload The message.
   * @param broadcast Sends it: `(payload, options) => service.broadcast(payload, options)`. The options are those of the call,
   * with `listRefused`.
   * @param options Its key, its policy, who does not get it.
   * @throws {Error} if the report does not fit the audience.
   */
  broadcast<Session extends AnySession>(
    audience: Iterable<Session>,
    payload: Uint8Array,
    broadcast: (payload: Uint8Array, options: BroadcastOptions<Session>) => BroadcastReport<Session>,
    options: BroadcastOptions<Session> = {},
  ): BroadcastReport<Session> {
    const noted = new Map<Session, { readonly account: Account; readonly entry: Entry }>();
    for (const session of audience) {
      const account = this.#openAccount(session);
      noted.set(session, { account, entry: this.#note(account, payload, options) });
    }
    const report = broadcast(payload, { ...options, listRefused: true });
    for (const { session } of report.refusedBy ?? []) {
      const { account, entry } = noted.get(session) ?? {};
      if (account === undefined || entry === undefined) throw fault(session, "refused what it was not to get", payload);
      account.open.splice(account.open.indexOf(entry), 1);
      noted.delete(session);
    }
    if (report.accepted !== noted.size) {
      throw new Error(`A broadcast was accepted by ${report.accepted} sessions, and ${noted.size} were to get it`);
    }
    return report;
  }

  /**
   * Checks a message that came.
   *
   * @param session Who got it.
   * @param payload The message.
   * @throws {Error} if it is not the one that had to come.
   */
  receive(session: AnySession, payload: Uint8Array): void {
    const account = this.#accountOf(nameReceived(session));
    for (let index = 0; index < account.open.length; index++) {
      const { open } = account;
      if (equals(open[index].payload, payload)) {
        account.skipped += index;
        open.splice(0, index + 1);
        return;
      }
      if (!mayBeSkipped(open, index)) {
        throw fault(session, `got another message than that of ${describe(open[index].payload)}`, payload);
      }
    }
    throw fault(session, "got a message that nobody sent to it, or got it twice", payload);
  }

  /**
   * Checks the end of a session: whether it is the only one, and all came that must have.
   *
   * @param session The session.
   * @param event How it ended.
   * @throws {Error} if a message is missing, or the session has ended before.
   */
  close(session: AnySession, event: CloseEvent): void {
    if (this.#closed.has(session)) {
      throw new Error(
        `Session ${session.id} of ${formatAddress(session.remoteAddress)} is over twice: ${event.reason}`,
      );
    }
    this.#closed.add(session);
    const names = [nameSent(session), nameReceived(session)];
    // A session ends once: an account whose end was told already is that of an earlier one.
    const sent = this.#accountOf(names[0], ({ ended }) => ended !== undefined);
    const received = this.#accountOf(names[1], ({ isReadToEnd }) => isReadToEnd !== undefined);
    sent.ended = event;
    received.isReadToEnd = event.reason === "remote-closing";
    const areOver = [sent, received].filter(({ ended, isReadToEnd }) =>
      ended !== undefined && isReadToEnd !== undefined
    );
    if (areOver.length === 2) { for (const name of names) this.#drop(name); }
    for (const account of areOver) {
      if (account.isReadToEnd) checkComplete(session, account, account.ended?.unsentFrames ?? 0);
    }
  }

  /** Messages that were accepted and have not come, without those that a close or a policy allows to be lost. */
  get openCount(): number {
    let count = 0;
    for (const { open, ended } of this.#accounts.values()) {
      if (ended === undefined) count += open.filter((_entry, index) => !mayBeSkipped(open, index)).length;
    }
    return count;
  }

  /** Messages that were dropped for others, as their policy allows. */
  get skippedCount(): number {
    let count = this.#skippedBefore;
    for (const { skipped } of this.#accounts.values()) count += skipped;
    return count;
  }

  /** Gives the account that a session sends on. Nobody sends on one that is over. */
  #openAccount(session: AnySession): Account {
    const isOpen = session.state === "open";
    return this.#accountOf(
      nameSent(session),
      ({ ended, isReadToEnd }) => isOpen && (ended !== undefined || !!isReadToEnd),
    );
  }

  /** Gives the account of a name: a new one if there is none, or `isEarlier` says that it is that of an earlier connection. */
  #accountOf(name: string, isEarlier: (account: Account) => boolean = () => false): Account {
    const known = this.#accounts.get(name);
    if (known !== undefined && !isEarlier(known)) return known;
    this.#drop(name);
    const account: Account = { open: [], skipped: 0, ended: undefined, isReadToEnd: undefined };
    this.#accounts.set(name, account);
    return account;
  }

  #drop(name: string): void {
    this.#skippedBefore += this.#accounts.get(name)?.skipped ?? 0;
    this.#accounts.delete(name);
  }

  #note({ open }: Account, payload: Uint8Array, { key, whenFull }: SendOptions): Entry {
    const entry = { payload: payload.slice(), key, policy: whenFull ?? this.#policy };
    open.push(entry);
    return entry;
  }
}

function nameSent({ localAddress, remoteAddress }: AnySession): string {
  return nameOf(localAddress, remoteAddress);
}

function nameReceived({ localAddress, remoteAddress }: AnySession): string {
  return nameOf(remoteAddress, localAddress);
}

function nameOf(from: Address, to: Address): string {
  return `${formatAddress(from)} > ${formatAddress(to)}`;
}

/** Checks that at most `unsentFrames` messages are missing, apart from those that may have been dropped. */
function checkComplete(session: AnySession, { open, ended }: Account, unsentFrames: number): void {
  const missing = open.filter((_entry, index) => !mayBeSkipped(open, index));
  if (missing.length <= unsentFrames) return;
  throw new Error(
    `Session ${session.id} of ${
      formatAddress(session.remoteAddress)
    } is over in order, and ${missing.length} messages of ` +
      `one that closed with ${ended?.reason} are missing, the first ${describe(missing[0].payload)}`,
  );
}

/** Whether its policy allows that a message was dropped for others. */
function mayBeSkipped(open: readonly Entry[], index: number): boolean {
  const { key, policy } = open[index];
  if (policy === "drop-oldest") return true;
  if (policy !== "latest-per-key" || key === undefined) return false;
  for (let later = index + 1; later < open.length; later++) if (open[later].key === key) return true;
  return false;
}

function isRefused(result: SendResult): boolean {
  return result !== "sent" && result !== "queued" && result !== "congested";
}

function equals(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function describe(payload: Uint8Array): string {
  return `${payload.length} bytes ${checksum(payload)}`;
}

function fault(session: AnySession, what: string, payload: Uint8Array): Error {
  const peer = formatAddress(session.remoteAddress);
  return new Error(`Session ${session.id} of ${peer} ${what}: ${describe(payload)}`);
}
