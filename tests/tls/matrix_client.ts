// A client of the TLS matrix, in a process of any runtime: dials what it is told, and prints for each dial what came of it.

import process from "node:process";
import { connect, ConnectError, silentLogger } from "@laster/net";
import type { TlsDialOptions } from "@laster/net/transport";

/** One dial. */
export interface MatrixDial {
  readonly port: number;
  readonly tls: TlsDialOptions;
}

const { dials } = JSON.parse(process.argv[2]) as { dials: readonly MatrixDial[] };

/** Says `hello`, and gives the answer; or why there is none. */
async function ask({ port, tls }: MatrixDial): Promise<string> {
  try {
    const session = await connect({ port, tls, logger: silentLogger() });
    session.send(new TextEncoder().encode("hello"));
    const answer = await session.receive(); // With TLS 1.3 a client hears of a refusal only after its handshake.
    await session.close();
    return answer === undefined ? "closed" : new TextDecoder().decode(answer);
  } catch (error) {
    // With TLS 1.2 in its handshake.
    if (error instanceof ConnectError) return error.code === "handshake-failed" ? "closed" : error.code;
    return "closed";
  }
}

const answers: string[] = [];
for (const dial of dials) answers.push(await ask(dial));
console.log(JSON.stringify(answers));
process.exit(0);
