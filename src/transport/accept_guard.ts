// guardAccepts(): keeps what an accept handler throws from ending a listener, or the process. Runtime neutral.

import type { AcceptHandler } from "./transport.ts";

/**
 * Wraps a handler that may throw, so that it never does. If `onConnection` throws, its connection is aborted; if `onPending`
 * throws, its connection is closed.
 *
 * @param handler The handler that may throw.
 * @returns The handler for an adapter.
 */
export function guardAccepts(handler: AcceptHandler): AcceptHandler {
  return {
    onConnection(connection) {
      try {
        handler.onConnection(connection);
      } catch {
        connection.abort(); // The error is dropped: an adapter has no logger, and the handler's owner reports its own faults.
      }
    },
    ...(handler.onPending === undefined ? {} : {
      onPending(pending) {
        try {
          handler.onPending?.(pending);
        } catch {
          pending.close();
        }
      },
    }),
    onAcceptError(error) {
      try {
        handler.onAcceptError(error);
      } catch {
        // As above: the listener goes on.
      }
    },
  };
}
