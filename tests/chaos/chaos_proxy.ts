// ChaosProxy: a TCP proxy on this machine that delays, splits, merges, stalls, cuts and resets what goes through it, by a seed. It
// passes an end on as an end and a reset as a reset. Runtime neutral; on `node:net`, and on nothing that is under test.

import { connect, createServer, type Server, type Socket } from "node:net";
import { SeededRandom } from "@laster/net/testing";
import { Lane } from "./lane.ts";

/** How bad a connection is. */
export interface ChaosOptions {
  readonly seed: number;
  /** Of all connections, so many are cut or reset at a byte: 0 to 1. @default {0.2} */
  readonly endings?: number;
  /** The byte lies below this. @default {200000} */
  readonly longestBytes?: number;
}

/** What the proxy does to a connection at a byte of one direction: an end for the receiver and a reset for the sender, or two resets. */
export type Ending = "cut" | "reset";

/** A connection through the proxy. */
export interface ChaosLink {
  /** What the proxy has done to it by itself; undefined for nothing so far. */
  ending: Ending | undefined;
  /** Who was told of an end that the other side has not made. */
  deceived: "client" | "server" | undefined;
  /** What the client sends, and what it gets. */
  readonly lanes: Lane[];
}

/** Connections at the same time: others are refused. */
const MOST_LINKS = 256;

/** A proxy that listens on a port of 127.0.0.1. */
export class ChaosProxy implements AsyncDisposable {
  /** Where it dials; 0 for nowhere: connections are reset. */
  targetPort = 0;
  /** Bytes that went through, both ways. */
  forwardedBytes = 0;
  readonly #options: ChaosOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #links = new Map<number, ChaosLink>();
  #count = 0;

  private constructor(options: ChaosOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Starts one on a free port. */
  static async start(options: ChaosOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    });
    return proxy;
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen");
    return address.port;
  }

  /** The connection that was dialled from a port; undefined if none was, or another one since then. */
  linkOf(clientPort: number): ChaosLink | undefined {
    return this.#links.get(clientPort);
  }

  /** Sockets that are open. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Ends everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(near: Socket): void {
    const { seed, endings = 0.2, longestBytes = 200_000 } = this.#options;
    this.#keep(near);
    near.on("error", () => {}); // "close" follows.
    if (this.targetPort === 0 || this.#sockets.size > 2 * MOST_LINKS) return void near.resetAndDestroy();
    const far = connect({ host: "127.0.0.1", port: this.targetPort, allowHalfOpen: true, noDelay: true });
    this.#keep(far);
    const link: ChaosLink = { ending: undefined, deceived: undefined, lanes: [] };
    this.#links.set(near.remotePort ?? 0, link);
    const random = new SeededRandom(seed, this.#count++);
    const ending = random.chance(endings) ? random.pick<Ending>(["cut", "reset"]) : undefined;
    const endsAtByte = random.integer(0, longestBytes);
    const isOutward = random.chance(0.5);
    const onBytes = (count: number) => this.forwardedBytes += count;
    const onEnding = (kind: Ending) => {
      link.ending = kind;
      if (kind === "cut") link.deceived = isOutward ? "server" : "client";
    };
    for (const [from, to, isFirst] of [[near, far, true], [far, near, false]] as const) {
      const lane = new Lane({
        from,
        to,
        random: new SeededRandom(seed, this.#count, Number(isFirst)),
        ending: isFirst === isOutward ? ending : undefined,
        endsAtByte,
        onBytes,
        onEnding,
      });
      link.lanes.push(lane);
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
