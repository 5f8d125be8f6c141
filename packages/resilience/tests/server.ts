// What the tests of policies dial: a port where nobody is, and a server that takes connections and says nothing.

import { createServer, type Socket } from "node:net";
import { serve, silentLogger } from "@laster/net";
import { within } from "../../../tests/support.ts";

export const hostname = "127.0.0.1";
export const logger = silentLogger();

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const service = await serve({ hostname, port: 0, logger });
  const port = Number(service.port);
  await service.stop();
  return port;
}

/** A server with which no TLS handshake ends: a dial of it hangs. */
export class SilentServer implements AsyncDisposable {
  readonly port: number;
  /** Connections there were. */
  accepted = 0;
  /** Connections there are. */
  readonly open = new Set<Socket>();
  readonly #end: () => Promise<void>;

  private constructor(port: number, end: () => Promise<void>) {
    this.port = port;
    this.#end = end;
  }

  /** Starts one. */
  static async start(): Promise<SilentServer> {
    const server = createServer();
    await within(new Promise<void>((resolve) => server.listen(0, hostname, resolve)), "the silent server");
    const silent = new SilentServer((server.address() as { port: number }).port, async () => {
      for (const socket of silent.open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    server.on("connection", (socket) => {
      silent.accepted++;
      silent.open.add(socket);
      socket.on("error", () => {});
      socket.resume();
      socket.on("close", () => silent.open.delete(socket));
    });
    return silent;
  }

  /** Ends it, and all connections. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}
