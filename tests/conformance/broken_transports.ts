// Transports that break their contract, each in one way: around the one in memory, which keeps it. Runtime neutral.

import { type MemoryConnection, memoryTransport } from "@laster/net/testing";
import type { Connection, ConnectionEnd, ConnectionHandler, Transport } from "@laster/net/transport";

/** A transport that breaks its contract. */
export interface BrokenTransport {
  /** The case that must find it: group and name. */
  readonly foundBy: string;
  /** What the error of that case says. */
  readonly fault: string;
  /** How long the case waits, in milliseconds; 1,000 if undefined. */
  readonly timeoutMs?: number;
  readonly makeTransport: () => Transport;
}

/** What breaks them, by what is wrong. */
export const BROKEN_TRANSPORTS: Readonly<Record<string, BrokenTransport>> = {
  "loses the last byte of a write": {
    foundBy: "data: sends bytes both ways (accepted, tcp)",
    fault: "this must come within 1000 ms: 10 bytes",
    makeTransport: withConnections((inner) => ({
      write: (bytes, offset, length) => inner.write(bytes, offset, Math.max(0, length - 1)),
    })),
  },
  "sends the whole array for a part of it": {
    foundBy: "data: sends the part of the array that was named (dialled, tcp)",
    fault: "bytes received must be 30",
    makeTransport: withConnections((inner) => ({ write: (bytes) => inner.write(bytes, 0, bytes.length) })),
  },
  "calls the handler from inside of write()": {
    foundBy: "data: sends bytes both ways (accepted, tcp)",
    fault: "onDrain came from inside write()",
    makeTransport: withConnections((inner, handlerOf) => ({
      write(bytes, offset, length) {
        if (!inner.write(bytes, offset, length)) return false;
        handlerOf()?.onDrain();
        return false;
      },
    })),
  },
  "ignores pause()": {
    foundBy: "flow: holds bytes and end back while paused (accepted, tcp)",
    fault: "onData came while paused",
    makeTransport: withConnections(() => ({ pause: () => {} })),
  },
  "reads on into the array that is on loan": {
    foundBy: "flow: keeps a small chunk intact while paused, whatever others send (dialled, tcp)",
    fault: "the chunk has changed",
    makeTransport() {
      const shared = new Uint8Array(65_536);
      return withHandlers((handler) => ({
        onData(buffer, length) {
          shared.set(buffer.subarray(0, length));
          handler.onData(shared, length);
        },
      }))();
    },
  },
  "reads on into the array that is kept": {
    foundBy: "flow: leaves chunks of 1000 bytes intact for good at keepChunk() (accepted, tcp)",
    fault: "a chunk that was kept has changed",
    makeTransport() {
      const lent = new Map<ConnectionHandler, Uint8Array>();
      return withHandlers((handler) => ({
        onData(buffer, length) {
          const own = lent.get(handler) ?? new Uint8Array(65_536);
          lent.set(handler, own);
          own.set(buffer.subarray(0, length));
          handler.onData(own, length);
        },
      }))();
    },
  },
  "delivers after close()": {
    foundBy: "close: drops what is written after close() (accepted, tcp)",
    fault: "onData came after close()",
    makeTransport: withConnections((inner, handlerOf) => ({
      close() {
        handlerOf()?.onData(new Uint8Array(1), 1);
        inner.close();
      },
    })),
  },
  "calls onClose twice": {
    foundBy: "close: closes in order without an error (accepted, tcp)",
    fault: "onClose came after onClose",
    makeTransport: withHandlers((handler) => ({
      onClose(end) {
        handler.onClose(end);
        handler.onClose(end);
      },
    })),
  },
  "calls onClose from inside of abort()": {
    foundBy: "reentrancy: takes abort() inside onData (accepted, tcp)",
    fault: "onClose came from inside abort()",
    makeTransport: withWrapped((inner) => {
      let handler: ConnectionHandler | undefined;
      const tell = (end: ConnectionEnd) => {
        handler?.onClose(end);
        handler = undefined;
      };
      return {
        start(given) {
          handler = given;
          inner.start({ ...passTo(given), onClose: tell });
        },
        abort() {
          inner.abort();
          tell({});
        },
      };
    }),
  },
  "calls onDrain after close()": {
    foundBy: "close: closes though a write is under way (accepted, tcp)",
    fault: "onDrain came after close() or abort()",
    makeTransport: withConnections((inner, handlerOf) => ({
      close() {
        queueMicrotask(() => handlerOf()?.onDrain());
        inner.close();
      },
    })),
  },
  "tells of no end": {
    foundBy: "close: closes in order without an error (dialled, tcp)",
    fault: "this must come within 1000 ms: the peer's end",
    makeTransport: withHandlers(() => ({ onEnd: () => {} })),
  },
  "tells a reset as an end in order": {
    foundBy: "break: reports a reset while idle (accepted, tcp)",
    fault: 'the code of the error in onClose must be "reset": current value is undefined',
    makeTransport: withHandlers((handler) => ({ onClose: () => handler.onClose({}) })),
  },
  "never finds the peer's end by a look": {
    foundBy: "watch: finds the peer's end while paused, and hands it over once (accepted, tcp)",
    fault: "looks at the peer",
    makeTransport: withConnections(() => ({ probe: () => false })),
  },
  "goes on listening after close()": {
    foundBy: "listen: refuses dials after close, while its connections live on (tcp)",
    fault: "it must fail with ConnectError: it does not fail",
    makeTransport: around((transport) => ({
      async listen(address, handler, options) {
        const listener = await transport.listen(address, handler, options);
        return { address: listener.address, close: () => Promise.resolve() };
      },
    })),
  },
  "fails with an error of its own": {
    foundBy: "dial: refuses where nobody listens (tcp)",
    fault: "it must fail with ConnectError: current value is TypeError: nobody there",
    makeTransport: around((transport) => ({
      connect: (address, options) =>
        transport.connect(address, options).catch(() => {
          throw new TypeError("nobody there");
        }),
    })),
  },
  "never answers a refused dial": {
    foundBy: "dial: refuses where nobody listens (tcp)",
    fault: "this must come within 50 ms: the dial",
    timeoutMs: 50,
    makeTransport: around((transport) => ({
      connect: (address, options) => transport.connect(address, options).catch(() => new Promise<never>(() => {})),
    })),
  },
  "never ends close() of a listener": {
    foundBy: "data: sends bytes both ways (accepted, tcp)",
    fault: "this must come within 50 ms: close() of the listener",
    timeoutMs: 50,
    makeTransport: around((transport) => ({
      async listen(address, handler, options) {
        const listener = await transport.listen(address, handler, options);
        return { address: listener.address, close: () => listener.close().then(() => new Promise<never>(() => {})) };
      },
    })),
  },
  "ignores the options that it lacks": {
    foundBy: "options: refuses the options that its capabilities lack, and no other",
    fault: "it must fail with ListenError: it does not fail",
    makeTransport: around((transport) => ({ listen: (address, handler) => transport.listen(address, handler) })),
  },
};

/** Puts methods in the place of those of a transport. */
function around(change: (transport: Transport) => Partial<Transport>): () => Transport {
  return () => {
    const transport = memoryTransport();
    return { ...transport, ...change(transport) };
  };
}

/** Puts methods in the place of those of each connection. */
function withConnections(
  change: (inner: Connection, handlerOf: () => ConnectionHandler | undefined) => Partial<Connection>,
): () => Transport {
  return withWrapped((inner) => {
    let handler: ConnectionHandler | undefined;
    const start = (given: ConnectionHandler) => {
      handler = given;
      inner.start(given);
    };
    return { start, ...change(inner, () => handler) };
  });
}

/** Puts methods in the place of those of the handler of each connection. */
export function withHandlers(change: (handler: ConnectionHandler) => Partial<ConnectionHandler>): () => Transport {
  return withWrapped((inner) => ({
    start: (handler) => inner.start({ ...passTo(handler), ...change(handler) }),
  }));
}

/** Makes a handler that passes on every call. */
function passTo(handler: ConnectionHandler): ConnectionHandler {
  return {
    onData: (buffer, length) => handler.onData(buffer, length),
    onDiscard: (length) => handler.onDiscard?.(length),
    onEnd: () => handler.onEnd(),
    onDrain: () => handler.onDrain(),
    onClose: (end) => handler.onClose(end),
  };
}

function withWrapped(change: (inner: Connection) => Partial<Connection>): () => Transport {
  const wrap = (inner: Connection): Connection => {
    const changed = change(inner);
    // A method of the connection is called on the connection, whose fields are private.
    return new Proxy(inner as MemoryConnection, {
      get(target, name) {
        const value: unknown = Reflect.get(name in changed ? changed : target, name, target);
        return typeof value === "function" && !(name in changed) ? value.bind(target) : value;
      },
    });
  };
  return around((transport) => ({
    listen: (address, handler, options) =>
      transport.listen(
        address,
        { ...handler, onConnection: (connection) => handler.onConnection(wrap(connection)) },
        options,
      ),
    connect: async (address, options) => wrap(await transport.connect(address, options)),
  }));
}
