// observeHandlers(): wraps the application's handlers so that observers hear of messages. Runtime neutral.

import { isThenable, whenSettled } from "../session/handler_result.ts";
import type { SessionHandlers } from "../session/handlers.ts";
import type { Session } from "../session/session.ts";
import { anySession, type Observers } from "./observers.ts";

/**
 * Wraps handlers in calls of the observers that want to hear of messages. Without such observers they stay as they are.
 *
 * @param handlers The application's.
 * @param observers Who is told.
 * @returns The handlers to call.
 */
export function observeHandlers<Data>(handlers: SessionHandlers<Data>, observers: Observers): SessionHandlers<Data> {
  const { onMessage, onMessageRange, onSend } = handlers;
  const starts = observers.listeners("onMessageStart");
  const ends = observers.listeners("onMessageEnd");
  const begin = (session: Session<Data>, bytes: number) => {
    for (const tell of starts) tell(anySession(session), bytes);
  };
  const end = (session: Session<Data>) => {
    for (const tell of ends) tell(anySession(session));
  };
  /** Tells of the end now, or once the handler's promise has settled. */
  const finish = (session: Session<Data>, result: unknown) => {
    if (!isThenable(result)) {
      end(session);
      return result;
    }
    const promise = Promise.resolve(result); // Calls a foreign `then` only once.
    const endLater = () => end(session);
    whenSettled(promise, endLater, endLater);
    return promise;
  };
  let observed = handlers;
  if (starts.length > 0 || ends.length > 0) {
    observed = {
      ...observed,
      onMessage: onMessage && ((session, payload) => {
        begin(session, payload.length);
        try {
          return finish(session, onMessage(session, payload));
        } catch (fault) {
          end(session);
          throw fault;
        }
      }),
      onMessageRange: onMessageRange && ((session, buffer, offset, length) => {
        begin(session, length);
        try {
          return finish(session, onMessageRange(session, buffer, offset, length));
        } catch (fault) {
          end(session);
          throw fault;
        }
      }),
    };
  }
  const sent = observers.listeners("onSent");
  if (sent.length > 0) {
    observed = {
      ...observed,
      onSend(session, event) {
        for (const tell of sent) tell(anySession(session), event);
        return onSend?.(session, event);
      },
    };
  }
  return observed;
}
