// Reads the PROXY header in front of a TLS handshake, from the socket below. Runs on Node, Bun and Deno.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { ConnectionError } from "../errors.ts";
import type { TcpAddress } from "./address.ts";
import { ProxyHeaderReader } from "./proxy_header.ts";

/**
 * Reads the header of a socket that nobody has read from; the bytes behind the header can still be read from the socket.
 *
 * @param raw The socket.
 * @param clock Where time comes from.
 * @param timeoutMs How long the header may take, in milliseconds.
 * @returns The client's address; undefined if the connection is the proxy's own, or the proxy does not know the client.
 * @throws {ConnectionError} if the header is invalid or does not come in time, or the connection breaks.
 */
export async function readRawProxyHeader(
  raw: Socket,
  clock: Clock,
  timeoutMs: number,
): Promise<TcpAddress | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<TcpAddress | undefined>();
  const reader = new ProxyHeaderReader();
  const onReadable = () => {
    try {
      for (let chunk = raw.read(); chunk !== null; chunk = raw.read()) {
        const header = reader.read(chunk);
        if (header === undefined) continue;
        raw.off("readable", onReadable);
        if (header.rest.length > 0) raw.unshift(Buffer.from(header.rest));
        return resolve(header.source);
      }
    } catch (error) {
      reject(error);
    }
  };
  const onEnd = () => reject(new ConnectionError("proxy-header-invalid"));
  const onClose = () => reject(new ConnectionError("reset"));
  const timer = clock.setTimer(() => reject(new ConnectionError("proxy-header-timeout")), timeoutMs);
  raw.on("readable", onReadable).on("end", onEnd).on("close", onClose);
  try {
    return await promise;
  } finally {
    clock.clearTimer(timer);
    raw.off("readable", onReadable).off("end", onEnd).off("close", onClose);
  }
}
