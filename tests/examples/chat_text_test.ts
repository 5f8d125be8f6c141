// Names and texts of the chat: what is one and what is not, and which are the same.

import test from "node:test";
import fc from "fast-check";
import { assertEquals } from "@std/assert";
import {
  accountKey,
  MAX_ACCOUNT_BYTES,
  printable,
  textBytes,
  toAccount,
  withoutCommands,
} from "../../examples/chat_text.ts";
import { anyText, check } from "../property.ts";

test("toAccount() takes names of any script, with inner spaces, marks and emoji", () => {
  for (
    const name of ["ann", "민수", "안녕", "Ann Lee", "★영웅★", "José", "한국 🙂", "नमस्ते", "שלום", "x".repeat(64), "^_^"]
  ) {
    assertEquals(toAccount(name), name);
  }
});

test("toAccount() gives one form to what Unicode calls the same", () => {
  assertEquals(toAccount("jose\u0301"), "jos\u00e9");
  assertEquals(toAccount("ａｎｎ"), "ann");
  assertEquals(toAccount("ann\u00a0lee"), "ann lee");
  assertEquals(toAccount("ann\u3000lee"), "ann lee");
  assertEquals(toAccount("\u1106\u1175\u11ab\u1109\u116e"), "민수");
});

test("toAccount() refuses what is not seen, moves the cursor, or ends the name before its end", () => {
  const unseen = [
    "\u0000\u0007\b\t\n\r\u001b\u007f\u0085\u009b", // Control characters.
    "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2064\u206a\ufeff\ufff9", // Format characters.
    "\u202a\u202e\u2066\u2069", // What turns the writing.
    "\u2028\u2029\u1680\u034f\u115f\u1160\u17b4\u3164\uffa0\ufe00\ufe0f\u2800", // White space, fillers, selectors.
    "\ue000\ufffc\ufffd\uffff", // Private, lost, none.
    ":：﹕∶ː꞉׃", // Colons.
  ].join("");
  for (const character of [...unseen, "\u{e0001}", "\u{e0100}", "\u{1d159}", "\u{10ffff}", "\ud800"]) {
    for (const name of [`a${character}n`, `${character}an`, `an${character}`, character]) {
      const code = character.codePointAt(0)?.toString(16);
      assertEquals(toAccount(name), undefined, `U+${code} in ${JSON.stringify(name)}`);
    }
  }
});

test("toAccount() refuses empty and long names, loose spaces, and marks without a letter or too many of them", () => {
  const long = ["x".repeat(MAX_ACCOUNT_BYTES + 1), "한".repeat(22), "\ufdfa".repeat(4)];
  const loose = ["", " ", " ann", "ann ", "a  n", "a\u00a0 n", "\u3000ann"];
  const marks = ["\u0301", "\u0301ann", "a \u0301n", `a${"\u0334".repeat(4)}`, `a${"\u0301".repeat(30)}`];
  for (const name of [...long, ...loose, ...marks]) assertEquals(toAccount(name), undefined, JSON.stringify(name));
});

test("toAccount() of its own answer is the same again, and stays within its limits", () => {
  check(
    fc.property(anyText(12), (text) => {
      const account = toAccount(text);
      if (account === undefined) return;
      assertEquals(toAccount(account), account);
      assertEquals(textBytes(account) <= MAX_ACCOUNT_BYTES && accountKey(account) !== "", true, account);
    }),
    2_000,
  );
});

test("accountKey() is the same for names that look alike, and another for others", () => {
  const alike = [
    ["ann", "Ann", "ANN", "ánn", "a\u0332nn", "ａｎｎ", "ⓐnn"],
    ["straße", "STRASSE", "strasse"],
    ["ΣΟΦΟΣ", "σοφος", "σοφοσ", "σοφός"],
    ["istanbul", "İstanbul", "ıstanbul", "ISTANBUL"],
    ["Kelvin", "\u212aelvin"],
  ];
  for (const names of alike) {
    for (const name of names) assertEquals(accountKey(toAccount(name) ?? ""), accountKey(names[0]), name);
  }
  const others = ["ann", "anna", "an n", "민수", "민서", "ann1", "a.nn"];
  assertEquals(new Set(others.map(accountKey)).size, others.length);
});

test("withoutCommands() and printable() leave letters, marks and emoji as they are", () => {
  for (const text of ["안녕, ann 👩‍💻 é", "❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👨‍👩‍👧 1️⃣", "می‌خواهم", "a: b"]) {
    assertEquals([withoutCommands(text), printable(text)], [text, text]);
  }
});

test("withoutCommands() and printable() take what moves a cursor, ends a line or turns the writing", () => {
  const cases = [
    ["\x1b[2Jx\r\ny\x07\x7f\x9b", "?[2Jx??y???"],
    ["a\u2028b\u2029c\u0085d\x0be\x0cf", "a?b?c?d?e?f"],
    ["a\u202eb\u2066c\u200fd\u061ce\u206af\ufff9g\0", "a?b?c?d?e?f?g?"],
  ];
  for (const [text, passed] of cases) {
    assertEquals([withoutCommands(text), printable(text)], [passed, passed.replaceAll("?", "\ufffd")]);
    assertEquals(textBytes(withoutCommands(text)) <= textBytes(text), true);
  }
});
