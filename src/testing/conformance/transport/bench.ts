// Bench: the listeners and pairs of probes of one case. At the end it closes all of them, and checks that nothing is left and
// that no probe saw the contract broken. Runtime neutral.

import { equals, holds } from "../check.ts";
import { turn, Waiting, withTimeout } from "../waiting.ts";
import { patternBytes } from "./pattern.ts";
import { Probe } from "./probe.ts";
import type { ListenError } from "../../../errors.ts";
import type { Address } from "../../../transport/address.ts";
import type { DialOptions, ListenOptions } from "../../../transport/socket_options.ts";
import type { Connection, Transport, TransportListener } from "../../../transport/transport.ts";
import type { Network, SocketFolder, TransportSettings } from "./settings.ts";

/** A port of the system's choice. */
export const ANY_PORT: Address = { kind: "tcp", hostname: "127.0.0.1", port: 0 };

/** Round trips after which what was sent before has crossed the loopback and the event loop. */
const SETTLE_ROUNDS = 6;

/** More than any runtime reads ahead while a connection is paused (64 KiB), less than a Unix socket holds (208 KiB). */
export const UNREAD_BYTES = 163_840;

/** A listener of a case, and what it took in. */
export class BenchListener {
  readonly accepted: Probe[] = [];
  readonly acceptErrors: ListenError[] = [];
  /** Set by `Bench.listen()`, before anything is dialled. */
  listener!: TransportListener;
  /** What a case does inside `onConnection`. */
  onConnection: (probe: Probe) => void = () => {};
  readonly #waiting: Waiting;

  constructor(timeoutMs: number) {
    this.#waiting = new Waiting(timeoutMs);
  }

  /** Records a connection. */
  add(probe: Probe): void {
    this.accepted.push(probe);
    this.onConnection(probe);
    this.#waiting.look();
  }

  /** Waits until `count` connections came in all, and gives the last of them. */
  async accept(count: number = 1): Promise<Probe> {
    await this.#waiting.until(`connection ${count}`, () => this.accepted.length >= count);
    return this.accepted[count - 1];
  }
}

/** Which transports the ends of a pair come from; by default the one under test. */
export interface PairOptions {
  readonly listener?: Transport;
  readonly dialler?: Transport;
}

/** What one case works on. */
export class Bench {
  readonly transport: Transport;
  readonly settings: TransportSettings;
  readonly #probes: Probe[] = [];
  readonly #listeners: BenchListener[] = [];
  #folder: SocketFolder | undefined = undefined;
  #pathCount = 0;
  #control: readonly [Probe, Probe] | undefined = undefined;

  constructor(settings: TransportSettings) {
    this.settings = settings;
    this.transport = settings.makeTransport();
  }

  /** Makes an address to listen on. */
  address(network: Network): Address {
    if (network === "tcp") return ANY_PORT;
    this.#folder ??= this.settings.makeFolder?.();
    holds(this.#folder !== undefined, "Unix sockets need a folder");
    return { kind: "unix", path: `${this.#folder.path}/${this.#pathCount++}.sock` };
  }

  /** Listens. */
  async listen(
    address: Address = ANY_PORT,
    options: ListenOptions = {},
    transport: Transport = this.transport,
  ): Promise<BenchListener> {
    const { timeoutMs } = this.settings;
    const listening = new BenchListener(timeoutMs);
    const opening = transport.listen(address, {
      onConnection: (connection) => listening.add(this.#add(connection)),
      onAcceptError: (error) => listening.acceptErrors.push(error),
    }, options);
    listening.listener = await openListener(opening, timeoutMs);
    this.#listeners.push(listening);
    return listening;
  }

  /** Dials. */
  async dial(address: Address, options: DialOptions = {}, transport: Transport = this.transport): Promise<Probe> {
    return this.#add(await withTimeout(transport.connect(address, options), "the dial", this.settings.timeoutMs));
  }

  /** Makes two connected ends, not started. */
  async pair(network: Network, options: PairOptions = {}): Promise<readonly [accepted: Probe, dialled: Probe]> {
    const { listener = this.transport, dialler = this.transport } = options;
    const listening = await this.listen(this.address(network), {}, listener);
    const dialled = await this.dial(listening.listener.address, {}, dialler);
    return [await listening.accept(), dialled];
  }

  /**
   * Waits until what was sent before must have arrived, to check that something does not happen. Does not sleep: messages go to
   * and fro on another connection, which the system and the runtime serve later.
   */
  async settle(): Promise<void> {
    this.#control ??= await this.#openControl();
    const [one, other] = this.#control;
    for (let round = 1; round <= SETTLE_ROUNDS; round++) {
      await one.send(patternBytes(1, one.receivedBytes));
      await other.received(one.receivedBytes + 1);
      await other.send(patternBytes(1, one.receivedBytes));
      await one.received(other.receivedBytes);
      await turn();
    }
  }

  /**
   * Lets `peer`, which is not started, reset the connection: over TCP by `abort()`, which sends a reset at every
   * peer of a `breakCase`; over a Unix socket by closing with unread input, as there is no other way.
   */
  async reset(peer: Probe, subject: Probe): Promise<void> {
    if (this.settings.isSystem && peer.connection.localAddress.kind === "unix") {
      subject.write(patternBytes(UNREAD_BYTES));
      await this.settle();
    }
    peer.abort();
  }

  /** Ends everything, and checks that it did. */
  async end(): Promise<void> {
    using _folder = this.#folder;
    for (const probe of this.#probes) {
      if (!probe.isStarted) probe.start();
      if (probe.closes === 0) probe.abort();
    }
    try {
      await Promise.all(this.#probes.map((probe) => probe.closed()));
    } finally {
      await Promise.all(this.#listeners.map(({ listener }) => listener.close()));
    }
    await turn();
    equals(this.#probes.flatMap((probe) => probe.violations), [], "violations of the contract");
    equals(this.#probes.filter((probe) => probe.closes !== 1).length, 0, "connections not closed exactly once");
  }

  async #openControl(): Promise<readonly [Probe, Probe]> {
    const [one, other] = await this.pair("tcp");
    return [one.start(), other.start()];
  }

  #add(connection: Connection): Probe {
    const probe = new Probe(connection, this.settings.timeoutMs);
    this.#probes.push(probe);
    return probe;
  }
}

/** Opens a listener; fails if that, or its `close()`, takes too long. */
export async function openListener(opening: Promise<TransportListener>, timeoutMs: number): Promise<TransportListener> {
  const listener = await withTimeout(opening, "the listener", timeoutMs);
  const close = () => withTimeout(listener.close(), "close() of the listener", timeoutMs);
  return { address: listener.address, close };
}
