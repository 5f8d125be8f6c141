// What the examples share: their command line, and how a server starts, says where it listens, and stops on a signal.

import process from "node:process";
import type { TcpService } from "@laster/net";
import { runService } from "@laster/net/hosting";

/** One option of a command line: its default, and what is allowed. */
interface Argument<Value extends string | number = string | number> {
  readonly value: Value;
  readonly help: string;
  readonly choices?: readonly string[];
  readonly least?: number;
  readonly most?: number;
}

/** Options by name, without the dashes. */
type Arguments = Record<string, Argument>;
type Values<Known extends Arguments> = { [Name in keyof Known]: Known[Name]["value"] extends number ? number : string };

/** Reads `--name value` pairs; prints what was expected and exits 2 if they are wrong, exits 0 on `--help`. */
export function parseArguments<const Known extends Arguments>(known: Known): Values<Known> {
  const values: Record<string, string | number> = {};
  for (const [name, { value }] of Object.entries(known)) values[name] = value;
  const words = process.argv.slice(2);
  for (let index = 0; index < words.length; index++) {
    const [word, inline] = words[index].split(/=(.*)/s);
    if (word === "--help" || word === "-h") exitWith(0, usage(known));
    const argument = word.startsWith("--") ? known[word.slice(2)] : undefined;
    if (argument === undefined) exitWith(2, `Unknown argument ${words[index]}\n${usage(known)}`);
    const text = inline ?? words[++index];
    const value = text === undefined ? undefined : readValue(argument, text);
    if (value === undefined) exitWith(2, `Cannot use ${text ?? "nothing"} as ${word}\n${usage(known)}`);
    values[word.slice(2)] = value;
  }
  return values as Values<Known>;
}

/**
 * Runs a service as a process: prints `listening on HOST:PORT`, and stops it in order on SIGTERM or SIGINT, within 8 s; on a
 * second one it ends at once, with exit code 1.
 */
export async function runServer<Data>(service: TcpService<Data>): Promise<void> {
  await runService(service);
}

/** What something gives; if it fails, prints why and exits 1. */
export async function orExit<Value>(make: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await make();
  } catch (error) {
    exitWith(1, error instanceof Error ? error.message : String(error));
  }
}

/** Prints a text, to the error output unless the code is 0, and ends the process. */
export function exitWith(code: number, text: string): never {
  if (code === 0) console.log(text);
  else console.error(text);
  process.exit(code);
}

function readValue(argument: Argument, text: string): string | number | undefined {
  if (typeof argument.value === "string") {
    if (text === "") return undefined;
    return argument.choices === undefined || argument.choices.includes(text) ? text : undefined;
  }
  const number = Number(text);
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = argument;
  return text.trim() !== "" && Number.isInteger(number) && number >= least && number <= most ? number : undefined;
}

function usage(known: Arguments): string {
  const lines = Object.entries(known).map(([name, { value, help, choices, least, most }]) => {
    const range = least === undefined ? "" : `, ${least} to ${most}`;
    const allowed = choices === undefined ? range : `: ${choices.join(" or ")}`;
    return `  --${name.padEnd(14)} ${help}${allowed} (default ${value === "" ? "none" : value})`;
  });
  return ["expected:", ...lines].join("\n");
}
