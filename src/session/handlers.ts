// The handlers of a service: what an application does when something happens. Types only. Runtime neutral.

import type { SendResult, SentEvent } from "../outbound/send_result.ts";
import type { CloseEvent } from "./close_reason.ts";
import type { Session } from "./session.ts";

/**
 * What an application does when something happens to a session.
 *
 * Handlers are serial per session: while one that returned a promise has not finished, the next message waits and the
 * socket is not read. One that throws or rejects is logged and ends its own session with `"handler-error"`; no other
 * session notices.
 *
 * A payload is valid until its handler returns, or until the promise that it returned settles (at the longest until
 * `onClose`). Copy it (`payload.slice()`) to keep it longer.
 */
export interface SessionHandlers<Data> {
  /** The session is open. Messages wait until it returns, or its promise settles. */
  readonly onOpen?: ((session: Session<Data>) => unknown) | undefined;
  /** A message came. Give this or `onMessageRange`, not both. */
  readonly onMessage?: ((session: Session<Data>, payload: Uint8Array) => unknown) | undefined;
  /**
   * A message came, as a range of an array: this form allocates no view. The payload is `buffer[offset]` up to
   * `buffer[offset + length - 1]`. The array may be a Buffer on Node and Bun, whose `slice()` does
   * not copy.
   */
  readonly onMessageRange?:
    | ((session: Session<Data>, buffer: Uint8Array, offset: number, length: number) => unknown)
    | undefined;
  /** Bytes came, as read from the socket, before decoding; valid during the call. For observing, not for answering. */
  readonly onChunk?: ((session: Session<Data>, chunk: Uint8Array) => void) | undefined;
  /** The system took bytes; called at most once per turn and session, even while a message handler's promise is open. */
  readonly onSend?: ((session: Session<Data>, sent: SentEvent) => void) | undefined;
  /**
   * A session refused a broadcast; called after the broadcast, with the result that `send` would have returned. The payload is
   * valid during the call.
   */
  readonly onRefused?: ((session: Session<Data>, payload: Uint8Array, result: SendResult) => unknown) | undefined;
  /** The peer has ended its side, under `allowHalfOpen`: no more messages come, but sending still works. */
  readonly onEnd?: ((session: Session<Data>) => unknown) | undefined;
  /** The session is over: called exactly once for each session that opened, and no handler after it. */
  readonly onClose?: ((session: Session<Data>, event: CloseEvent) => unknown) | undefined;
}
