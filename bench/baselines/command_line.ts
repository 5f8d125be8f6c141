// What every baseline server has: `--port N`, the line that says where it listens, and an end at SIGTERM. Runs on Deno,
// Bun and Node.

import process from "node:process";
import { CERTIFICATE, KEY } from "../../attack/servers/certificate.ts";

/** Reads `--port N`; 0 lets the system choose. */
export function readPort(): number {
  const index = process.argv.indexOf("--port");
  return index === -1 ? 11_110 : Number(process.argv[index + 1]);
}

/** Whether `--tls` is given, and with what to speak it then. */
export function readTls(): { readonly cert: string; readonly key: string } | undefined {
  return process.argv.includes("--tls") ? { cert: CERTIFICATE, key: KEY } : undefined;
}

/** Says where the server listens, as the benchmark expects it, and ends the process with code 0 at SIGTERM. */
export function announce(port: number): void {
  process.on("SIGTERM", () => process.exit(0));
  console.log(`listening on 127.0.0.1:${port}`);
}
