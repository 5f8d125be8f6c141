// observeHandlers(): the application's handlers, with observers told around them. Runtime neutral.

import { isThenable, whenSettled } from "../session/handler_result.ts";
import type { SessionHandlers } from "../session/handlers.ts";
import type { Session } from "../session/session.ts";
import { anySession, type Observers } from "./observers.ts";

/**
 * Puts observers around handlers, if they want to hear of messages: nothing is changed else.
 *
 * @param handlers The application's.
 * @param observers Who is told.
 * @returns The handlers to call.
 */
export function observeHandlers<Data>(handlers: SessionHandlers<Data>, observers: Observers): SessionHandlers<Data> {
  const { onMessage, onMessageRange, onSend } = handlers;
  const around = (session: Session<Data>, bytes: number, handle: () => unknown) => {
    const end = () => observers.tell("onMessageEnd", anySession(session));
    observers.tell("onMessageStart", anySession(session), bytes);
    try {
      const result = handle();
      if (!isThenable(result)) {
        end();
        return result;
      }
      const promise = Promise.resolve(result); // The `then` of whoever made it is called once.
      whenSettled(promise, end, end);
      return promise;
    } catch (fault) {
      end();
      throw fault;
    }
  };
  let observed = handlers;
  if (observers.wants("onMessageStart", "onMessageEnd")) {
    observed = {
      ...observed,
      onMessage: onMessage &&
        ((session, payload) => around(session, payload.length, () => onMessage(session, payload))),
      onMessageRange: onMessageRange &&
        ((session, buffer, offset, length) =>
          around(session, length, () => onMessageRange(session, buffer, offset, length))),
    };
  }
  if (observers.wants("onSent")) {
    observed = {
      ...observed,
      onSend(session, event) {
        observers.tell("onSent", anySession(session), event);
        return onSend?.(session, event);
      },
    };
  }
  return observed;
}
