// Judges what both ends of sessions have noted. Runtime neutral.

import type { CloseEvent } from "@laster/net";
import type { Side } from "./ledger_session.ts";

/** How one end of a session went. */
export interface Account {
  /** Messages that were accepted for sending. */
  sent: number;
  /** Messages that came, in order. */
  got: number;
  /** Whether a long queue waited when it was closed. */
  hadQueue: boolean;
  /** How it ended; undefined if its process was killed before. */
  end: Pick<CloseEvent, "reason" | "unsentFrames" | "isConfirmed"> | undefined;
  /** Where the client dialled from. */
  port: number;
}

/** Whether something outside of the two ends has had its hands in a session. */
export interface Circumstances {
  /** Which process was killed meanwhile; what it has not noted counts for nothing. */
  readonly killed: Side | undefined;
  /** Whom the proxy told of an end that the other side has not made. */
  readonly deceived: Side | undefined;
  /** Whether the proxy has cut or reset the connection. */
  readonly isBroken: boolean;
}

/** Counts what was found, so that a run shows what it has tried. */
export interface Tally {
  messages: number;
  /** Directions at whose clean close everything had come. */
  lossless: number;
  /** The same where a long queue still waited at the close. */
  flushed: number;
  /** Ends that said that the peer has read all, and were right. */
  confirmed: number;
  /** The same where the peer was ending, or dying, of its own accord: what came last is dropped then, as documented. */
  crossed: number;
  /** Of those, the ones in which something was dropped. */
  crossedShort: number;
}

/** Makes a tally of nothing. */
export function emptyTally(): Tally {
  return { messages: 0, lossless: 0, flushed: 0, confirmed: 0, crossed: 0, crossedShort: 0 };
}

/** Makes an account of one that has done nothing yet. */
export function emptyAccount(): Account {
  return { sent: 0, got: 0, hadQueue: false, end: undefined, port: 0 };
}

/** Reads lines of a ledger into accounts by name. Gives what is wrong with them. */
export function readLedger(lines: readonly string[], accounts: Map<string, Account>): string[] {
  const faults: string[] = [];
  for (const line of lines) {
    const [what, name, ...rest] = line.split(" ");
    const account = accounts.get(name) ?? emptyAccount();
    accounts.set(name, account);
    if (what === "open") account.port = Number(rest[0]);
    else if (what === "sent") account.sent++;
    else if (what === "undo") account.sent--;
    else if (what === "got") account.got++;
    else if (what === "closing") account.hadQueue = true;
    else if (what === "end" && account.end === undefined) account.end = JSON.parse(rest.join(" "));
    else faults.push(line);
  }
  return faults;
}

/** Judges one direction of a session: nothing lost before a clean close, nothing invented, `isConfirmed` right. */
export function judgeDirection(
  from: Account,
  to: Account,
  side: Side,
  { killed, deceived, isBroken }: Circumstances,
  tally: Tally,
): string[] {
  const faults: string[] = [];
  const peer: Side = side === "client" ? "server" : "client";
  const { sent, end } = from;
  const { got } = to;
  tally.messages += got;
  if (got > sent) faults.push(`${got} came of ${sent}`);
  const isClosedInOrder = end?.reason === "local-closing" || end?.reason === "shutdown";
  const isReadToEnd = to.end?.reason === "remote-closing" && deceived !== peer;
  if (isClosedInOrder && isReadToEnd) {
    const unsent = end.unsentFrames;
    if (got < sent - unsent) faults.push(`${got} of ${sent} came before a clean close, with ${unsent} unsent`);
    if (unsent === 0) tally.lossless++;
    if (unsent === 0 && from.hadQueue) tally.flushed++;
    const isUndisturbed = killed === undefined && !isBroken;
    if (isUndisturbed && !end.isConfirmed) faults.push(`a clean close was not confirmed, with ${unsent} unsent`);
  }
  if (end?.isConfirmed === true) {
    if (end.unsentFrames > 0) faults.push("confirmed, with frames unsent");
    if (!isClosedInOrder) faults.push(`confirmed, and it ended with ${end.reason}`);
    // The peer ended without having seen this side's end: only that may be answered by an end as well.
    const isCrossed = to.end === undefined || deceived === side || isOwnAccord(to.end.reason);
    if (isCrossed) {
      tally.crossed++;
      if (got < sent) tally.crossedShort++;
    } else if (got < sent) faults.push(`confirmed, and ${got} of ${sent} came`);
    else tally.confirmed++;
  }
  return faults;
}

function isOwnAccord(reason: CloseEvent["reason"]): boolean {
  return reason.startsWith("local-") || reason === "shutdown";
}
