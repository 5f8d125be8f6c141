// Observers: parts beside the application that hear of a service, as metrics, traces and a guard do. Runtime neutral.

import { toError } from "../errors.ts";
import type { SentEvent } from "../outbound/send_result.ts";
import type { CloseEvent } from "../session/close_reason.ts";
import type { FaultLog } from "../session/fault_log.ts";
import { isThenable, whenSettled } from "../session/handler_result.ts";
import { type DropReason, PressureWatch } from "../session/pressure_watch.ts";
import type { Session } from "../session/session.ts";
import type { RegistryListener } from "../session/session_registry.ts";
import type { Address } from "../transport/address.ts";
import type { ConnectFailedEvent } from "./dialler.ts";
import type { RefusedEvent } from "./refusals.ts";

/** A listener is open. */
export interface ListenerEvent {
  /** What the listener is called, if it has a name. */
  readonly name: string | undefined;
  /** Where it listens. */
  readonly address: Address;
}

/** A connection was let in; its session comes next. */
export interface AcceptedEvent {
  /** The peer. */
  readonly remoteAddress: Address;
  /** Where it came in. */
  readonly listener: Address;
}

/** A dial begins. */
export interface ConnectingEvent {
  /** Where to. */
  readonly address: Address;
  /** What the dial was given as `token`. */
  readonly token: unknown;
}

/** A fault. The logger is told of each kind once a second, observers each time. */
export interface FaultEvent {
  /** How serious it is, by the name of the logger's method. */
  readonly level: string;
  /** A sentence with placeholders. */
  readonly message: string;
  /** Their values. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * What hears of a service beside the application's handlers. Give what is of interest: what is not given costs nothing. A
 * method that throws, or whose promise is rejected, is reported, and disturbs neither the session nor other observers; nobody
 * waits for it.
 */
export interface ServiceObserver {
  /** A listener is open. */
  onListening?(event: ListenerEvent): unknown;
  /** A connection was let in. */
  onAccepted?(event: AcceptedEvent): unknown;
  /** A connection was refused. */
  onConnectionRefused?(event: RefusedEvent): unknown;
  /** A session begins. It cannot be sent to before the application's `onOpen`, which comes next; if it is closed here, it ends then. */
  onOpened?(session: Session<unknown>): unknown;
  /** A session is over; called after the application's `onClose`. */
  onClosed?(session: Session<unknown>, event: CloseEvent): unknown;
  /** A dial begins. */
  onConnecting?(event: ConnectingEvent): unknown;
  /** A dial failed for good. */
  onConnectFailed?(event: ConnectFailedEvent): unknown;
  /** Something failed. */
  onFault?(event: FaultEvent): unknown;
  /** A session's queue is above a high-water mark, or down at the low-water marks again. */
  onBackpressure?(session: Session<unknown>, isCongested: boolean): unknown;
  /** Messages to a session, `count` of them, were refused, or dropped by the policy of `whenFull`. */
  onDropped?(session: Session<unknown>, reason: DropReason, count: number): unknown;
  /** A message goes to the application's handler, `onMessage` or `onMessageRange`; `bytes` is the length of its payload. */
  onMessageStart?(session: Session<unknown>, bytes: number): unknown;
  /** The handler is done, its promise too; or it has failed. */
  onMessageEnd?(session: Session<unknown>): unknown;
  /** The system took bytes; called at most once per turn and session. */
  onSent?(session: Session<unknown>, event: SentEvent): unknown;
}

type EventName = keyof ServiceObserver;

/** Takes the type of its data off a session: observers have no use for it. */
export function anySession<Data>(session: Session<Data>): Session<unknown> {
  return session as unknown as Session<unknown>;
}

/** Calls one method of one observer; never throws. */
export type Listener<Name extends EventName> = (...event: Parameters<NonNullable<ServiceObserver[Name]>>) => void;

/** The observers of a service. */
export class Observers {
  readonly #observers: readonly ServiceObserver[];
  readonly #faults: FaultLog;
  readonly #listeners = new Map<EventName, readonly Listener<EventName>[]>();

  /** Makes it; faults of observers are told to `faults`. */
  constructor(observers: readonly ServiceObserver[], faults: FaultLog) {
    this.#observers = observers;
    this.#faults = faults;
    if (!this.wants("onFault")) return;
    faults.observe((level, message, properties) => this.tell("onFault", { level, message, properties }));
  }

  /** Whether anybody wants to hear of one of these. */
  wants(...names: EventName[]): boolean {
    return names.some((name) => this.listeners(name).length > 0);
  }

  /** The methods of observers for an event, always in the same array: for events that come with each message. */
  listeners<Name extends EventName>(name: Name): readonly Listener<Name>[] {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = this.#observers.flatMap((observer) => {
        const method = observer[name] as Method | undefined;
        return method === undefined ? [] : guarded(observer, method, (fault) => this.#reportFault(name, fault));
      });
      this.#listeners.set(name, listeners);
    }
    return listeners;
  }

  /** Tells observers of sessions that begin and end; undefined if none wants to hear of it. */
  sessions<Data>(): RegistryListener<Data> | undefined {
    if (!this.wants("onOpened", "onClosed")) return undefined;
    return {
      handleOpened: (session) => this.tell("onOpened", anySession(session)),
      handleClosed: (session, event) => this.tell("onClosed", anySession(session), event),
    };
  }

  /** Tells observers of full queues, in a microtask as queues fill inside of `send()`; undefined if none wants to hear of it. */
  pressure<Data>(): PressureWatch<Data> | undefined {
    if (!this.wants("onBackpressure", "onDropped")) return undefined;
    return new PressureWatch({
      handlePressure: ({ session }, isCongested) =>
        queueMicrotask(() => this.tell("onBackpressure", anySession(session), isCongested)),
      handleDropped: ({ session }, reason, count) =>
        queueMicrotask(() => this.tell("onDropped", anySession(session), reason, count)),
    });
  }

  /** Tells all who want to hear of it. */
  tell<Name extends EventName>(name: Name, ...event: Parameters<NonNullable<ServiceObserver[Name]>>): void {
    for (const listener of this.listeners(name)) listener(...event);
  }

  #reportFault(name: EventName, fault: unknown): void {
    const message = `The ${name} method of an observer failed: {error}`;
    this.#faults.report("observer", "error", message, { error: toError(fault) });
  }
}

type Method = (...event: unknown[]) => unknown;

/** Makes what calls a method of an observer, and reports what it throws, or what its promise is rejected with. */
function guarded(
  observer: ServiceObserver,
  method: Method,
  onFault: (fault: unknown) => void,
): (...event: unknown[]) => void {
  return (...event) => {
    try {
      const result = method.apply(observer, event);
      if (isThenable(result)) whenSettled(result, () => {}, onFault);
    } catch (fault) {
      onFault(fault);
    }
  };
}
