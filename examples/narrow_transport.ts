// narrowTransport(): TCP with little room between the two ends, which must be in one process. On loopback the system takes
// some 4 MB before a writer feels that nobody reads, for segments are 64 KiB there; over a network it is a hundredth or so.

import {
  type Address,
  type Connection,
  type ConnectionHandler,
  defaultTransport,
  type Transport,
} from "@laster/net/transport";

/** What is on its way to one dialled connection. */
class Flight {
  bytes = 0;
  /** Whether nobody will take anything any more: then there is room for all. */
  isOver = false;
  /** Called when there may be room again. */
  onRoom: (() => void) | undefined = undefined;

  /** The dialled end took bytes. */
  take(bytes: number): void {
    this.bytes -= bytes;
    this.onRoom?.();
  }

  /** The dialled end takes no more. */
  end(): void {
    this.isOver = true;
    this.onRoom?.();
  }
}

/**
 * Wraps the runtime's transport: an accepted connection has no more than `windowBytes` on the way to the one that dialled it,
 * or one write if that is longer. The other direction is as it was.
 */
export function narrowTransport(windowBytes: number): Transport {
  const inner = defaultTransport();
  const flights = new Map<number, Flight>();
  /** Gives what the two ends of a connection share, by the port at the dialled end. */
  const flightOf = (address: Address): Flight => {
    const port = address.kind === "tcp" ? address.port : 0;
    const flight = flights.get(port) ?? new Flight();
    flights.set(port, flight);
    return flight;
  };
  return {
    name: `narrow ${inner.name}`,
    traits: inner.traits,
    capabilities: inner.capabilities,
    listen: (address, handler, options) =>
      inner.listen(address, {
        onConnection: (connection) =>
          handler.onConnection(new NarrowConnection(connection, flightOf(connection.remoteAddress), windowBytes)),
        onAcceptError: (error) => handler.onAcceptError(error),
      }, options),
    connect: async (address, options) => {
      const connection = await inner.connect(address, options);
      return watchConnection(connection, flightOf(connection.localAddress));
    },
  };
}

/** The accepted end: a write waits until there is room on the way. */
class NarrowConnection implements Connection {
  readonly #inner: Connection;
  readonly #flight: Flight;
  readonly #windowBytes: number;
  #handler: ConnectionHandler | undefined = undefined;
  /** Bytes of the write that waits for room. */
  #waitingBytes = 0;

  constructor(inner: Connection, flight: Flight, windowBytes: number) {
    this.#inner = inner;
    this.#flight = flight;
    this.#windowBytes = windowBytes;
  }

  get localAddress(): Address {
    return this.#inner.localAddress;
  }

  get remoteAddress(): Address {
    return this.#inner.remoteAddress;
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#inner.start({
      onData: (buffer, length) => handler.onData(buffer, length),
      onDiscard: (length) => handler.onDiscard?.(length),
      onEnd: () => handler.onEnd(),
      onDrain: () => handler.onDrain(),
      onClose: (end) => {
        this.#flight.onRoom = undefined;
        handler.onClose(end);
      },
    });
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#hasRoom(length)) return this.#pass(bytes, offset, length);
    this.#waitingBytes = length;
    this.#flight.onRoom = () => {
      if (!this.#hasRoom(length)) return;
      this.#flight.onRoom = undefined;
      this.#waitingBytes = 0;
      if (this.#pass(bytes, offset, length)) this.#handler?.onDrain();
    };
    return false;
  }

  get pendingBytes(): number {
    return this.#waitingBytes + this.#inner.pendingBytes;
  }

  get heldBytes(): number {
    return this.#inner.heldBytes;
  }

  probe(mayRead: boolean): boolean {
    return this.#inner.probe(mayRead);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  discardInput(): void {
    this.#inner.discardInput();
  }

  shutdown(): void {
    this.#inner.shutdown();
  }

  close(): void {
    this.#flight.onRoom = undefined;
    this.#inner.close();
  }

  abort(): void {
    this.#flight.onRoom = undefined;
    this.#inner.abort();
  }

  #hasRoom(length: number): boolean {
    const { bytes, isOver } = this.#flight;
    return isOver || bytes <= 0 || bytes + length <= this.#windowBytes;
  }

  #pass(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#flight.bytes += length;
    return this.#inner.write(bytes, offset, length);
  }
}

/** The dialled end: says what it takes. */
function watchConnection(inner: Connection, flight: Flight): Connection {
  return {
    localAddress: inner.localAddress,
    remoteAddress: inner.remoteAddress,
    start: (handler) =>
      inner.start({
        onData: (buffer, length) => {
          handler.onData(buffer, length);
          flight.take(length);
        },
        onDiscard: (length) => handler.onDiscard?.(length),
        onEnd: () => handler.onEnd(),
        onDrain: () => handler.onDrain(),
        onClose: (end) => {
          flight.end();
          handler.onClose(end);
        },
      }),
    get pendingBytes() {
      return inner.pendingBytes;
    },
    get heldBytes() {
      return inner.heldBytes;
    },
    write: (bytes, offset, length) => inner.write(bytes, offset, length),
    probe: (mayRead) => inner.probe(mayRead),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    discardInput: () => {
      flight.end();
      inner.discardInput();
    },
    shutdown: () => inner.shutdown(),
    close: () => inner.close(),
    abort: () => inner.abort(),
  };
}
