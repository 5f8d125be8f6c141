// A transport around any other whose connections are recorded. Runtime neutral.

import type { Address } from "../transport/address.ts";
import type { AcceptHandler, Connection, PendingConnection, Transport } from "../transport/transport.ts";
import { RecordedConnection, type RecorderOfConnections } from "./recorded_connection.ts";

/** Told of each connection that is recorded. */
export type OnRecorded = (connection: RecordedConnection) => void;

/** Makes a transport whose connections are recorded, and which is as the other in all else. */
export function recordTransport(inner: Transport, recorder: RecorderOfConnections, onRecorded: OnRecorded): Transport {
  const record = (connection: Connection, origin: "accepted" | "connected"): Connection => {
    const recorded = new RecordedConnection(connection, origin, recorder);
    onRecorded(recorded);
    return recorded;
  };
  return {
    name: inner.name,
    ...(inner.traits === undefined ? {} : { traits: inner.traits }),
    ...(inner.capabilities === undefined ? {} : { capabilities: inner.capabilities }),
    listen: (address, handler, options) =>
      inner.listen(address, recordAccepts(handler, (connection) => record(connection, "accepted")), options),
    connect: async (address, options) => record(await inner.connect(address, options), "connected"),
  };
}

/** A handler that does not take pending connections leaves the handshakes to the transport. */
function recordAccepts(handler: AcceptHandler, record: (connection: Connection) => Connection): AcceptHandler {
  const accepts: AcceptHandler = {
    onConnection: (connection) => handler.onConnection(record(connection)),
    onAcceptError: (error) => handler.onAcceptError(error),
  };
  if (handler.onPending === undefined) return accepts;
  return { ...accepts, onPending: (pending) => handler.onPending?.(new RecordedPending(pending, record)) };
}

/** A connection before its handshake; what is recorded of it is what TLS makes readable. */
class RecordedPending implements PendingConnection {
  readonly #below: PendingConnection;
  readonly #record: (connection: Connection) => Connection;

  constructor(below: PendingConnection, record: (connection: Connection) => Connection) {
    this.#below = below;
    this.#record = record;
  }

  get remoteAddress(): Address {
    return this.#below.remoteAddress;
  }

  readProxyHeader(timeoutMs: number): Promise<void> {
    return this.#below.readProxyHeader(timeoutMs);
  }

  async secure(): Promise<Connection> {
    return this.#record(await this.#below.secure());
  }

  close(): void {
    this.#below.close();
  }
}
