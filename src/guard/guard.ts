// guard(): all parts of the guard in one call, with the defaults that suit a server on the open internet. Runtime neutral.

import type { Clock } from "../clock.ts";
import { checkKeys, describeValue, orDefault, requireFunction } from "../options.ts";
import type { Admission } from "../service/admission.ts";
import type { ServiceObserver } from "../service/observers.ts";
import type { Session } from "../session/session.ts";
import { AddressFilter, type AddressRules, copyRules } from "./address_filter.ts";
import { ConnectionLimits, type ConnectionLimitsOptions } from "./connection_limits.ts";
import { LoadShedding, type LoadSheddingOptions } from "./load_shedding.ts";
import { type MessageHandler, MessageLimits, type MessageLimitsOptions } from "./message_limits.ts";
import { MessageValidator, type MessageValidatorOptions, type Validate } from "./message_validator.ts";
import { payloadOf } from "./payload_of.ts";
import { SlowPeers, type SlowPeersOptions } from "./slow_peers.ts";

/** Options of {@linkcode guard}: those of each part, or false to leave it out. */
export interface GuardOptions {
  /** Which addresses may connect; see {@linkcode AddressFilter}. */
  readonly addresses?: AddressRules | undefined;
  /** How many connections; see {@linkcode ConnectionLimits}. */
  readonly connections?: ConnectionLimitsOptions | false | undefined;
  /** How much load; see {@linkcode LoadShedding}. */
  readonly load?: LoadSheddingOptions | false | undefined;
  /** How slow a peer may be; see {@linkcode SlowPeers}. */
  readonly slowPeers?: SlowPeersOptions | false | undefined;
  /** How many messages; see {@linkcode MessageLimits}. */
  readonly messages?: MessageLimitsOptions | false | undefined;
  /** Scores and bans; see {@linkcode MessageValidator}. */
  readonly validator?: MessageValidatorOptions | undefined;
  /**
   * Where time comes from, for all parts that have no clock of their own.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}

const NAMES: Record<keyof GuardOptions, true> = {
  addresses: true,
  connections: true,
  load: true,
  slowPeers: true,
  messages: true,
  validator: true,
  clock: true,
};

/** The parts of a guard; made by {@linkcode guard}. */
export class Guard {
  /** Which addresses may connect; they may be changed while the service runs. */
  readonly addresses: AddressFilter;
  /** How many connections; undefined if left out. */
  readonly connections: ConnectionLimits | undefined;
  /** How much load; undefined if left out. */
  readonly load: LoadShedding | undefined;
  /** How slow a peer may be; undefined if left out. */
  readonly slowPeers: SlowPeers | undefined;
  /** How many messages; undefined if left out. */
  readonly messages: MessageLimits | undefined;
  /** Scores and bans. */
  readonly validator: MessageValidator;
  /** The lists that were given last, as a text. */
  #givenRules: string;

  /** Makes the parts; `guard()` calls this. Throws a `RangeError` or `TypeError` if an option is wrong. */
  constructor(options: GuardOptions) {
    checkParts(options);
    const { addresses = {}, connections = {}, load = {}, slowPeers = {}, messages = {}, validator = {}, clock } =
      options;
    const timed = <Part extends { readonly clock?: Clock | undefined }>(part: Part): Part => ({
      ...part,
      clock: orDefault(part.clock, clock),
    });
    const rules = copyRules(addresses);
    this.addresses = new AddressFilter(rules);
    this.#givenRules = textOf(rules);
    this.connections = connections === false ? undefined : new ConnectionLimits(timed(connections));
    this.load = load === false ? undefined : new LoadShedding(timed(load));
    this.slowPeers = slowPeers === false ? undefined : new SlowPeers(timed(slowPeers));
    this.messages = messages === false ? undefined : new MessageLimits(timed(messages));
    this.validator = new MessageValidator(timed(validator));
  }

  /**
   * Changes lists, bounds, deadlines and rates while the service runs. A part that is not named stays as it is; an option that
   * is left out of a named part has its default. A part that the guard was made without stays out, and one that it has cannot
   * be left out any more, as a service has it already. Clocks, `maxAddresses` and `measureMemory` stay. What `addresses.deny()`
   * and `undeny()` did stays too, unless the lists differ from those that the guard was given last.
   *
   * @param options Those of the parts.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: Omit<GuardOptions, "clock">): void {
    checkParts(options);
    for (const name of ["connections", "load", "slowPeers", "messages"] as const) {
      if (options[name] !== false || this[name] === undefined) continue;
      throw new TypeError(`Cannot change guard as ${name} cannot be left out of a guard that has it`);
    }
    const addresses = options.addresses === undefined ? undefined : copyRules(options.addresses);
    guard({ ...options, addresses }); // Refuses what is wrong before anything changes.
    const { connections, load, slowPeers, messages, validator } = options;
    if (addresses !== undefined && textOf(addresses) !== this.#givenRules) {
      this.addresses.change(addresses);
      this.#givenRules = textOf(addresses);
    }
    if (connections) this.connections?.change(connections);
    if (load) this.load?.change(load);
    if (slowPeers) this.slowPeers?.change(slowPeers);
    if (messages) this.messages?.change(messages);
    if (validator !== undefined) this.validator.change(validator);
  }

  /** For `admission` of a service or a listener. */
  get admission(): readonly Admission[] {
    const { addresses, validator, load, connections, slowPeers } = this;
    return [addresses, validator, load, connections, slowPeers].filter((part) => part !== undefined);
  }

  /** For `observers` of a service. */
  get observers(): readonly ServiceObserver[] {
    return [this.validator, this.load, this.slowPeers].filter((part) => part !== undefined);
  }

  /**
   * Wraps a message handler in the limits of messages, and in the validator if `validate` is given; for `onMessage` or
   * `onMessageRange`, whose range `handler` gets a view of. Messages that it takes by a loop or `receive()` pass both: give each to
   * `take()`.
   *
   * @param handler Handles messages that are within the limits, and sound.
   * @param validate Judges a message before it is handled.
   * @throws {TypeError} if one is no function.
   */
  protect<Data>(handler: MessageHandler<Data>, validate?: Validate<Data>): MessageHandler<Data> {
    requireFunction("protect handler", "handler", handler);
    const validated = validate === undefined ? handler : this.validator.wrap(validate, handler);
    if (this.messages !== undefined) return this.messages.wrap(validated);
    return (session: Session<Data>, bytes: Uint8Array, offset?: number, length?: number) =>
      validated(session, payloadOf(bytes, offset, length));
  }

  /**
   * Does for a message that a loop or `receive()` has taken what `protect()` does for those of a handler. Await it before the next
   * message is asked for.
   *
   * @param session Whose message it is.
   * @param payload The message.
   * @param validate Judges it, if it is within the limits; what it throws rejects the promise.
   * @returns Whether to handle the message: false if it is dropped or bad, or the session is not open any more.
   */
  async take<Data>(session: Session<Data>, payload: Uint8Array, validate?: Validate<Data>): Promise<boolean> {
    if (this.messages !== undefined && !await this.messages.take(session, payload)) return false;
    return validate === undefined || this.validator.take(session, payload, validate);
  }
}

/**
 * Makes a guard: an address filter, bounds of connections and load, deadlines for slow peers, rates of messages, and a
 * validator.
 *
 * @param options Those of the parts.
 * @returns The parts, for the options of a service.
 * @throws {RangeError | TypeError} if an option is wrong.
 *
 * @example A server on the open internet
 * ```ts
 * import { serve } from "@laster/net";
 * import { guard } from "@laster/net/guard";
 *
 * const guarded = guard({ addresses: { deny: ["192.0.2.0/24"] }, messages: { messagesPerSecond: 60 } });
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   admission: guarded.admission,
 *   observers: guarded.observers,
 *   onMessage: guarded.protect((session, payload) => session.send(payload)),
 * });
 * ```
 */
export function guard(options: GuardOptions = {}): Guard {
  return new Guard(options);
}

/** Writes copied lists as a text, to compare them. */
function textOf({ allow, deny = [] }: AddressRules): string {
  return JSON.stringify([allow, deny]);
}

/** Refuses unknown names, and parts that are neither options nor, where that is allowed, false. */
function checkParts(options: GuardOptions): void {
  checkKeys("guard", options, NAMES);
  for (const name of ["connections", "load", "slowPeers", "messages", "validator"] as const) {
    const value: unknown = options[name];
    const canBeFalse = name !== "validator";
    if (value === undefined || (canBeFalse && value === false)) continue;
    if (typeof value === "object" && value !== null) continue;
    const rule = canBeFalse ? "an object or false" : "an object";
    throw new TypeError(`Cannot create guard as ${name} must be ${rule}: current value is ${describeValue(value)}`);
  }
}
