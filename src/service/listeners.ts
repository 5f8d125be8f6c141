// Listeners: the open ports of a service, and how they are changed while it runs. Runtime neutral.

import { ServiceStateError } from "../errors.ts";
import type { SessionContext } from "../session/session_context.ts";
import { type Address, formatAddress, resolveAddress } from "../transport/address.ts";
import { checkTlsListen } from "../transport/tls_contexts.ts";
import type { TlsListenOptions } from "../transport/tls_options.ts";
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
import { isSame } from "./is_same.ts";
import type { Observers } from "./observers.ts";
import { encodeLastWord } from "./refusals.ts";
import type { TcpServiceOptions } from "./service_options.ts";
import type { ContextMaker, Followers, ServiceSettings } from "./service_settings.ts";
import type { SessionKeeper } from "./session_keeper.ts";
import { SETTING_NAMES } from "./session_settings.ts";

/** What the listeners of a service need of it. */
export interface ListenersOptions<Data> {
  /** How to listen, unless a listener says. */
  readonly transport: Transport;
  /** The options of the service: what refused peers are told, and the listeners that it begins with. */
  readonly service: Pick<TcpServiceOptions<Data>, "refusalMessage" | "listeners">;
  /** Takes the connections that come in. */
  readonly acceptor: Acceptor;
  /** Opens sessions. */
  readonly keeper: SessionKeeper<Data>;
  /** Observers that hear of listeners. */
  readonly observers: Observers | undefined;
  /** Makes what the sessions of a listener share. */
  readonly settings: Pick<ServiceSettings<Data>, "contextFor" | "refresh">;
}

/** An open port. */
interface OpenPort<Data> {
  options: ListenerOptions;
  /** What its next sessions share. */
  context: SessionContext<Data>;
}

/** A port that had to make way for another listener. */
interface ClosedPort<Data> {
  /** The key of its listener. */
  readonly key: string;
  readonly port: OpenPort<Data>;
  /** Where it was, with the real port. */
  readonly address: Address;
}

/** The open ports of a service. */
export class Listeners<Data> implements Iterable<Listener>, Followers<Data> {
  readonly #options: ListenersOptions<Data>;
  readonly #open = new Map<Listener, OpenPort<Data>>();
  /** Resolve once a listener is closed that was open. */
  readonly #closing = new Set<Promise<void>>();
  /** Listeners that the options ask for, by their keys; others were opened by `listen()`. */
  #declared = new Map<string, Listener>();
  /** Whether the service has stopped: what is still being opened is closed then. */
  #isOver = false;

  /**
   * Makes a service's ports, none of them open.
   *
   * @throws {TypeError | RangeError} if the limits of a listener contradict each other, or its codec does not take the refusal
   * message.
   */
  constructor(options: ListenersOptions<Data>) {
    this.#options = options;
    const { service, settings } = options;
    for (const own of service.listeners ?? []) this.#lastWordOf(settings.contextFor(own)); // Checks its limits and its codec.
  }

  [Symbol.iterator](): Iterator<Listener> {
    return this.#open.keys();
  }

  /** Opens one, with the limits of the moment at which it is open; throws as `openListener()` does. */
  async open(options: ListenerOptions): Promise<Listener> {
    const { settings } = this.#options;
    const port: OpenPort<Data> = { options, context: settings.contextFor(options) };
    const listener = await this.#openPort(port, options);
    port.context = settings.refresh(options, port.context);
    return listener;
  }

  async #openPort(port: OpenPort<Data>, options: ListenerOptions): Promise<Listener> {
    if (this.#isOver) throw new ServiceStateError("listen", "stopped");
    const { transport, acceptor, keeper, observers } = this.#options;
    const lastWord = this.#lastWordOf(port.context);
    const listener = await openListener(transport, options, (place) => {
      const origin = { kind: "accepted", listener: place } as const;
      const open = (connection: Connection, onOver?: () => void) =>
        void keeper.open(connection, { context: port.context, origin }, onOver);
      const { admission = [], proxyProtocol } = options;
      return acceptor.forListener({ place, admission, proxyProtocol, lastWord, open });
    }, (gone, closed) => this.#forget(gone, closed));
    if (this.#isOver) {
      await listener.close();
      throw new ServiceStateError("listen", "stopped");
    }
    this.#open.set(listener, port);
    observers?.tell("onListening", { name: listener.name, address: listener.address });
    return listener;
  }

  /** What refused peers are told, as a frame of a listener's codec. Throws a `RangeError` if that does not take it. */
  #lastWordOf({ codec }: SessionContext<Data>): Uint8Array | undefined {
    return encodeLastWord(codec.createEncoder(), this.#options.service.refusalMessage);
  }

  /** Opens those that the options of a service ask for. */
  async openDeclared(wanted: readonly ListenerOptions[]): Promise<void> {
    this.#declared = new Map();
    this.#isOver = false;
    for (const [key, options] of keysOf(wanted)) this.#declared.set(key, await this.open(options));
  }

  /** Closes all; the sessions live on. Gives promises, which do not reject, of all that are not closed yet. */
  closeAll(): Promise<void>[] {
    this.#isOver = true;
    for (const listener of [...this.#open.keys()]) listener.close().catch(() => {}); // An application's transport may fail.
    return [...this.#closing];
  }

  #forget(listener: Listener, closed: Promise<void>): void {
    this.#open.delete(listener);
    const over: Promise<void> = closed.catch(() => {}).then(() => void this.#closing.delete(over));
    this.#closing.add(over);
  }

  /**
   * Makes the declared listeners those that the options ask for.
   *
   * @param wanted The listeners that the options ask for; undefined to leave them as they are.
   * @param isRunning Whether the service takes connections.
   * @param contextFor Makes contexts as the options are to be.
   * @throws {TypeError | RangeError} if an option is wrong; nothing has changed then.
   * @throws {ListenError} if one cannot be opened; all are as before then, but for one that cannot be opened again.
   */
  async follow(
    wanted: readonly ListenerOptions[] | undefined,
    isRunning: boolean,
    contextFor: ContextMaker<Data>,
  ): Promise<void> {
    for (const options of wanted ?? []) {
      checkListenerOptions(options, this.#options.transport);
      this.#lastWordOf(contextFor(options)); // Checks its limits and its codec.
      if (options.tls !== undefined) checkTlsListen(options.tls);
    }
    const changing = new Set(wanted === undefined ? [] : this.#declared.values()); // Were checked as they are to be.
    for (const [listener, port] of this.#open) if (!changing.has(listener)) contextFor(port.options);
    if (wanted !== undefined && isRunning) await this.#replace(wanted, contextFor);
  }

  /** Gives new sessions the current limits. */
  refresh(): void {
    for (const port of this.#open.values()) port.context = this.#options.settings.refresh(port.options, port.context);
  }

  /**
   * Opens, changes and closes listeners until they are those of `wanted`. A listener is identified by its name, or by its
   * address if it has none. One that is in the way of another is closed first, and opened again if that cannot be opened.
   */
  async #replace(wanted: readonly ListenerOptions[], contextFor: ContextMaker<Data>): Promise<void> {
    const after = new Map<string, Listener>();
    const stays = new Map<Listener, ListenerOptions>();
    const missing: [key: string, options: ListenerOptions][] = [];
    for (const [key, options] of keysOf(wanted)) {
      const listener = this.#declared.get(key);
      const port = listener === undefined ? undefined : this.#open.get(listener);
      if (listener === undefined || port === undefined || !canChange(port.options, options)) {
        missing.push([key, options]);
      } else stays.set(setIn(after, key, listener), options);
    }
    const gone = [...this.#declared].filter(([, listener]) => !stays.has(listener));
    const isFree = ([, options]: typeof missing[0]) => !gone.some(([, { address }]) => isSamePlace(address, options));
    const opened: Listener[] = [];
    const closed: ClosedPort<Data>[] = [];
    const renewed: [listener: Listener, before: TlsListenOptions][] = [];
    const open = async (key: string, options: ListenerOptions) =>
      void opened.push(setIn(after, key, await this.#openPort({ options, context: contextFor(options) }, options)));
    try {
      for (const [key, options] of missing.filter(isFree)) await open(key, options);
      for (const [key, options] of missing.filter((one) => !isFree(one))) {
        for (const [goneKey, listener] of gone) {
          const port = this.#open.get(listener);
          if (port === undefined || !isSamePlace(listener.address, options)) continue;
          closed.push({ key: goneKey, port, address: listener.address });
          await listener.close();
        }
        await open(key, options);
      }
      for (const [listener, { tls }] of stays) {
        const before = this.#open.get(listener)?.options.tls;
        if (tls === undefined || before === undefined || isSame(before, tls)) continue;
        listener.setCertificates(identitiesOf(tls));
        renewed.push([listener, before]);
      }
    } catch (error) {
      // An application's transport may fail to close: then the opening fails.
      for (const listener of opened) await listener.close().catch(() => {});
      const fault = await this.#reopen(closed) ?? error;
      for (const [listener, before] of renewed) listener.setCertificates(identitiesOf(before));
      throw fault;
    }
    for (const [listener, options] of stays) {
      const port = this.#open.get(listener);
      if (port !== undefined) port.options = options; // `refresh()` makes its limits of them.
    }
    this.#declared = after;
    for (const [, listener] of gone) await listener.close().catch(() => {}); // An application's transport may fail.
  }

  /** Opens listeners again, at their ports and with their limits of before. Tries all; returns the first error. */
  async #reopen(closed: readonly ClosedPort<Data>[]): Promise<unknown> {
    let fault: unknown = undefined;
    for (const { key, port, address } of closed) {
      const { options } = port; // Its port may be 0, for which the system chose another.
      const place = address.kind === "tcp" ? { ...options, port: address.port } : options;
      try {
        this.#declared.set(key, await this.#openPort(port, place));
      } catch (error) {
        fault ??= error;
      }
    }
    return fault;
  }
}

/** What of the options of TLS can change while a listener is open. */
function identitiesOf({ cert, key, serverNames }: TlsListenOptions): Parameters<Listener["setCertificates"]>[0] {
  return { cert, key, serverNames };
}

/** Whether a listener has the port or the path that another is to have. Port 0, for which the system chooses one, never is the same. */
function isSamePlace(address: Address, options: ListenerOptions): boolean {
  const wanted = resolveAddress(options, DEFAULT_HOSTNAME);
  if (address.kind === "unix" || wanted.kind === "unix") return formatAddress(address) === formatAddress(wanted);
  return address.port === wanted.port;
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
