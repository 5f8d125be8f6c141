// Trace: what happened in a simulation, as lines, and their hash. Runtime neutral.

import type { SimulatedClock } from "./simulated_clock.ts";

/** FNV-1a, 32 bits: its start and its factor. */
const FNV_START = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/** What happened in a simulation, one line for each thing. */
export class Trace {
  readonly lines: string[] = [];
  readonly #clock: SimulatedClock;

  /** Makes an empty trace. */
  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** Writes a line, with the time in front. */
  add(line: string): void {
    this.lines.push(`${this.#clock.now().toFixed(3)} ${line}`);
  }

  /** The SHA-256 of all lines, in hexadecimal. */
  async hash(): Promise<string> {
    return await sha256(this.lines.join("\n"));
  }
}

/** The SHA-256 of a text, in hexadecimal. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Eight hexadecimal digits that stand for some bytes (FNV-1a). */
export function checksum(bytes: Uint8Array): string {
  let hash = FNV_START;
  for (let index = 0; index < bytes.length; index++) hash = Math.imul(hash ^ bytes[index], FNV_PRIME);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
