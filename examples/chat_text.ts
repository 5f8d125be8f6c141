// Checks names and texts of the chat, so that nobody can look like somebody else. No sockets.
//
// Does not find letters of different scripts that are drawn alike, as a Latin "a" and a Cyrillic one.

/** The longest account, in bytes of UTF-8, inclusive: so that a name does not fill a terminal. */
export const MAX_ACCOUNT_BYTES = 64;

/**
 * What no name may have: control and format characters, unassigned and private ones, white space but the plain space,
 * what is not drawn at all, and what stands for a character that was lost.
 */
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\ufffc\ufffd]|[^\P{Z} ]/u;
/** Colons, and what is drawn like one: after a name they would end it. */
const COLONS = /[:\u02d0\u02f8\u0589\u05c3\u0703\u0704\u1361\u16ec\u1803\u1809\u205a\u2236\ua4fd\ua789]/u;
/** Spaces at an end, or two of them. */
const LOOSE_SPACES = /^ | $| {2}/;
/** Marks on nothing, or so many on one letter that they reach into other lines. */
const LOOSE_MARKS = /(?:^| )\p{M}|\p{M}{4}/u;
/** Control characters, line separators, what turns the direction of writing, and other commands to a display. */
const COMMANDS = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufff9-\ufffb]/gu;

/** The bytes of a text as UTF-8, which is what limits count. */
export function textBytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Makes the name that all see, in Unicode's form NFKC; undefined if the text may not be a name. */
export function toAccount(text: string): string | undefined {
  if (textBytes(text) > MAX_ACCOUNT_BYTES) return undefined;
  const account = text.normalize("NFKC");
  const isLoose = LOOSE_SPACES.test(account) || LOOSE_MARKS.test(account);
  if (account === "" || isLoose || UNSEEN.test(account) || COLONS.test(account)) return undefined;
  return textBytes(account) <= MAX_ACCOUNT_BYTES ? account : undefined;
}

/** The key of a name: the same for names that differ in case, accents and compatibility forms; one of them can be taken. */
export function accountKey(account: string): string {
  const folded = account.normalize("NFKD").toLowerCase().toUpperCase();
  return folded.normalize("NFKD").replace(/[\p{Mn}\p{Me}]/gu, "");
}

/** A text as the server passes it on: without commands to a display, and no longer than it was. */
export function withoutCommands(text: string): string {
  return text.replace(COMMANDS, "?");
}

/** Makes a text from outside harmless for a terminal: it stays on its line and moves no cursor. */
export function printable(text: string): string {
  return text.replace(COMMANDS, "\ufffd");
}
