// haproxy between the load generator, which speaks no TLS, and a server that does: bytes come in plain and go on encrypted. Both
// servers of a pair have one. Deno only.

import { endWithUs } from "../tools/run.ts";
import { BUILD } from "./machine.ts";

const START_LIMIT_MS = 5_000;

/** One in front of one server. */
export class TlsFront {
  readonly port: string;
  readonly #child: Deno.ChildProcess;

  private constructor(port: string, child: Deno.ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** Starts one in front of a port, on the CPU of the load generator. */
  static async start(serverPort: string, canPin: boolean): Promise<TlsFront> {
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String((free.addr as Deno.NetAddr).port);
    free.close();
    const file = `${BUILD}/haproxy-${port}.cfg`;
    await Deno.writeTextFile(
      file,
      `global
 maxconn 4000
 nbthread 1
defaults
 mode tcp
 timeout connect 10s
 timeout client 120s
 timeout server 120s
listen front
 bind 127.0.0.1:${port}
 server tls 127.0.0.1:${serverPort} ssl verify none
`,
    );
    const words = [...(canPin ? ["taskset", "-c", "1"] : []), "haproxy", "-db", "-f", file];
    const child = endWithUs(
      new Deno.Command(words[0], { args: words.slice(1), stdout: "null", stderr: "null" }).spawn(),
    );
    const front = new TlsFront(port, child);
    const endMs = performance.now() + START_LIMIT_MS;
    for (;;) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: Number(port) })).close();
        return front;
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** Ends it. */
  async stop(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
  }
}
