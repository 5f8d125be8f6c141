// Listeners: the open ports of a service, and how they are changed while it runs. Runtime neutral.

import type { SessionContext } from "../session/session_context.ts";
import { formatAddress, resolveAddress } from "../transport/address.ts";
import { resolveTlsListen } from "../transport/tls_identity.ts";
import type { Connection, Transport } from "../transport/transport.ts";
import type { Acceptor } from "./acceptor.ts";
import {
  checkListenerOptions,
  DEFAULT_HOSTNAME,
  type Listener,
  LISTENER_NAMES,
  type ListenerOptions,
  openListener,
} from "./listener.ts";
import type { Observers } from "./observers.ts";
import { encodeLastWord } from "./refusals.ts";
import type { SessionKeeper } from "./session_keeper.ts";
import { type SessionSettings, SETTING_NAMES } from "./session_settings.ts";

/** What the listeners of a service need of it. */
export interface ListenersOptions<Data> {
  /** How to listen, unless a listener says. */
  readonly transport: Transport;
  /** What refused peers are told. */
  readonly refusalMessage: Uint8Array | undefined;
  /** Takes the connections that come in. */
  readonly acceptor: Acceptor;
  /** Opens sessions. */
  readonly keeper: SessionKeeper<Data>;
  /** Observers that hear of listeners. */
  readonly observers: Observers | undefined;
  /** Makes what the sessions of a listener share. */
  readonly contextFor: (settings: SessionSettings) => SessionContext<Data>;
}

/** An open port. */
interface OpenPort<Data> {
  options: ListenerOptions;
  /** What its next sessions share. */
  context: SessionContext<Data>;
}

/** The open ports of a service. */
export class Listeners<Data> implements Iterable<Listener> {
  readonly #options: ListenersOptions<Data>;
  readonly #open = new Map<Listener, OpenPort<Data>>();
  /** Listeners that the options ask for, by their keys; others were opened by `listen()`. */
  #declared = new Map<string, Listener>();

  /** Makes it, without any. */
  constructor(options: ListenersOptions<Data>) {
    this.#options = options;
  }

  [Symbol.iterator](): Iterator<Listener> {
    return this.#open.keys();
  }

  /** Opens one; throws as `openListener()` does. */
  async open(options: ListenerOptions): Promise<Listener> {
    const { transport, refusalMessage, acceptor, keeper, observers, contextFor } = this.#options;
    const context = contextFor(options);
    const lastWord = encodeLastWord(context.codec.createEncoder(), refusalMessage);
    const port: OpenPort<Data> = { options, context };
    const listener = await openListener(transport, options, (place) => {
      const origin = { kind: "accepted", listener: place } as const;
      const open = (connection: Connection, onOver?: () => void) =>
        void keeper.open(connection, { context: port.context, origin }, onOver);
      const { admission = [], proxyProtocol } = options;
      return acceptor.forListener({ place, admission, proxyProtocol, lastWord, open });
    }, (closed) => this.#open.delete(closed));
    this.#open.set(listener, port);
    observers?.tell("onListening", { name: listener.name, address: listener.address });
    return listener;
  }

  /** Opens those that the options of a service ask for. */
  async openDeclared(wanted: readonly ListenerOptions[]): Promise<void> {
    this.#declared = new Map();
    for (const [key, options] of keysOf(wanted)) this.#declared.set(key, await this.open(options));
  }

  /** Closes all; the sessions live on. */
  closeAll(): Promise<void>[] {
    return [...this.#open.keys()].map((listener) => listener.close());
  }

  /**
   * Follows a change of the service's options: gives new sessions the current limits, and makes the declared listeners those
   * that the options ask for.
   *
   * @param wanted The listeners that the options ask for; undefined to leave them as they are.
   * @param isRunning Whether the service takes connections.
   * @throws {TypeError | RangeError} if an option is wrong; nothing has changed then.
   * @throws {ListenError} if one cannot be opened.
   */
  async follow(wanted: readonly ListenerOptions[] | undefined, isRunning: boolean): Promise<void> {
    for (const options of wanted ?? []) {
      checkListenerOptions(options);
      this.#options.contextFor(options);
      if (options.tls !== undefined) resolveTlsListen(options.tls);
    }
    if (wanted !== undefined && isRunning) await this.#replace(wanted);
    for (const port of this.#open.values()) port.context = this.#options.contextFor(port.options);
  }

  /**
   * Opens, changes and closes listeners until they are those of `wanted`. A listener is identified by its name, or by its
   * address if it has none.
   */
  async #replace(wanted: readonly ListenerOptions[]): Promise<void> {
    const before = this.#declared;
    const after = new Map<string, Listener>();
    const opened: Listener[] = [];
    try {
      for (const [key, options] of keysOf(wanted)) {
        if (!before.has(key)) opened.push(setIn(after, key, await this.open(options)));
      }
    } catch (error) {
      for (const listener of opened) await listener.close();
      throw error;
    }
    const changed: [key: string, previous: ListenerOptions][] = [];
    const current = new Map(before);
    try {
      for (const [key, options] of keysOf(wanted)) {
        const listener = before.get(key);
        if (listener === undefined) continue;
        const previous = this.#open.get(listener)?.options ?? options;
        after.set(key, await this.#change(current, key, options));
        changed.push([key, previous]);
      }
    } catch (error) {
      for (const listener of opened) await listener.close();
      for (const [key, previous] of changed) await this.#change(current, key, previous);
      this.#declared = current;
      throw error;
    }
    for (const [key, listener] of before) if (!after.has(key)) await listener.close();
    this.#declared = after;
  }

  /** Changes one of `listeners`, or puts another in its place. If that cannot be opened, it listens as before. */
  async #change(listeners: Map<string, Listener>, key: string, options: ListenerOptions): Promise<Listener> {
    const listener = listeners.get(key);
    const port = listener === undefined ? undefined : this.#open.get(listener);
    if (listener === undefined || port === undefined) return setIn(listeners, key, await this.open(options));
    if (!canChange(port.options, options)) {
      const previous = port.options;
      await listener.close(); // First, as both may have the same address.
      try {
        return setIn(listeners, key, await this.open(options));
      } catch (error) {
        setIn(listeners, key, await this.open(previous));
        throw error;
      }
    }
    const { tls } = options;
    if (tls !== undefined && !isSame(port.options.tls, tls)) listener.setCertificates(tls);
    port.options = options;
    port.context = this.#options.contextFor(options);
    return listener;
  }
}

/** Whether an open listener can take the new options without being closed. */
function canChange(from: ListenerOptions, to: ListenerOptions): boolean {
  const names = Object.keys(LISTENER_NAMES) as (keyof ListenerOptions)[];
  const { cert: _cert, key: _key, serverNames: _names, ...fromTls } = from.tls ?? { cert: "", key: "" };
  const { cert: _toCert, key: _toKey, serverNames: _toNames, ...toTls } = to.tls ?? { cert: "", key: "" };
  if ((from.tls === undefined) !== (to.tls === undefined) || !isSame(fromTls, toTls)) return false;
  return names.every((name) => name === "tls" || isLimit(name) || isSame(from[name], to[name]));
}

function isLimit(name: string): boolean {
  return Object.hasOwn(SETTING_NAMES, name) && name !== "codec" && name !== "transport";
}

/** Whether two options say the same: values, and arrays and plain objects of them; anything else has to be the same object. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  const prototype: unknown = Object.getPrototypeOf(one);
  if (prototype !== Object.getPrototypeOf(other)) return false;
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) =>
    isSame((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name])
  );
}

/** The options with the key of each, name or address; a key that comes again gets a number. */
function keysOf(wanted: readonly ListenerOptions[]): [key: string, options: ListenerOptions][] {
  const counts = new Map<string, number>();
  return wanted.map((options) => {
    const name = options.name ?? formatAddress(resolveAddress(options, DEFAULT_HOSTNAME));
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return [`${name} ${count}`, options];
  });
}

function setIn<Value>(map: Map<string, Value>, key: string, value: Value): Value {
  map.set(key, value);
  return value;
}
