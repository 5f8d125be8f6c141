// Watch: checks what must hold of every service in a simulation, whatever the scenario. Runtime neutral.

import { messageOf, toError } from "../../errors.ts";
import { fillIn } from "../../logger.ts";
import { describeValue } from "../../options.ts";
import type { FaultEvent, ServiceObserver } from "../../service/observers.ts";
import type { TcpService } from "../../service/tcp_service.ts";
import type { CloseEvent } from "../../session/close_reason.ts";
import { coreOf, type Session } from "../../session/session.ts";
import { STRANGE_TIME } from "./runner.ts";
import type { SimulatedClock } from "./simulated_clock.ts";
import type { SimulatedConnection } from "./simulated_connection.ts";
import type { SimulatedNetwork } from "./simulated_network.ts";
import type { Trace } from "./trace.ts";

/** What a watch needs. */
export interface WatchParts {
  readonly clock: SimulatedClock;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  /** Hears of what does not hold. */
  readonly onFail: (error: Error) => void;
}

/** A session, and its connection in the network. */
interface Watched {
  readonly name: string;
  readonly session: Session<unknown>;
  readonly connection: SimulatedConnection;
  /** Bytes that had moved in both directions at the last mark. */
  movedBytes: number;
}

/** Watches all services of a simulation. */
export class Watch {
  /** How often each thing was reached, by name: reasons of closes, answers, states. */
  readonly reached: Map<string, number> = new Map();
  readonly #parts: WatchParts;
  readonly #services: { readonly name: string; readonly service: Pick<TcpService<never>, "stats"> }[] = [];
  readonly #open = new Map<Session<unknown>, Watched>();
  /** Sessions that were closed while a handler of theirs waited. */
  readonly #handling = new Set<Watched>();

  /** Makes a watch over nothing. */
  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Counts that something was reached. */
  reach(what: string): void {
    this.reached.set(what, (this.reached.get(what) ?? 0) + 1);
  }

  /** Watches a service. */
  add(name: string, service: Pick<TcpService<never>, "stats">): void {
    this.#services.push({ name, service });
  }

  /** Makes the observer that a service must have to be watched. */
  observer(name: string, mayFail: (event: FaultEvent) => boolean): ServiceObserver {
    return {
      onOpened: (session) => this.#handleOpened(name, session),
      onClosed: (session, event) => this.#handleClosed(session, event),
      onBackpressure: (_session, isCongested) => this.reach(isCongested ? "queue: congested" : "queue: drained"),
      onDropped: (_session, reason) => this.reach(`dropped: ${reason}`),
      onConnectionRefused: ({ reason }) => this.reach(`refused: ${reason}`),
      onConnectFailed: ({ error }) => this.reach(`dial failed: ${error.code}`),
      onFault: (event) => this.#handleFault(name, event, mayFail),
    };
  }

  /** Checks every invariant of every session. */
  checkInvariants(): void {
    for (const { session } of this.#open.values()) {
      const { state, queue } = coreOf(session);
      if (state !== "closed") queue.checkInvariants();
    }
  }

  /** Checks the figures of every session against what the network has seen. */
  checkFigures(): void {
    for (const { name, session, connection } of this.#open.values()) {
      const { receivedBytes, sentBytes, queuedBytes } = session.stats;
      const { out, peer } = connection;
      if (session.state !== "open") continue; // What comes behind the end is dropped, and not counted.
      if (receivedBytes !== peer.out.readBytes) {
        this.#fail(`${name} counts ${receivedBytes} bytes received, and ${peer.out.readBytes} were`);
      }
      if (sentBytes > out.takenBytes) this.#fail(`${name} counts ${sentBytes} bytes sent, and ${out.takenBytes} were`);
      if (sentBytes + queuedBytes < out.takenBytes) {
        this.#fail(`${name} counts ${sentBytes} bytes sent and ${queuedBytes} queued, and ${out.takenBytes} were sent`);
      }
    }
  }

  /** Notes how many bytes each session has moved, for `checkArrived()`. */
  mark(): void {
    for (const watched of this.#open.values()) watched.movedBytes = movedBytes(watched);
  }

  /**
   * Checks that no session that has moved no byte since `mark()` still has something to send or receive. One that is paused may
   * leave bytes unread, but not if its peer does so too: then neither can go on.
   */
  checkArrived(): void {
    const still = new Set<SimulatedConnection>();
    for (const watched of this.#open.values()) {
      const { name, session, connection } = watched;
      const isLeft = connection.ended !== undefined || connection.peer.ended !== undefined;
      if (isLeft || session.state !== "open" || watched.movedBytes !== movedBytes(watched)) continue;
      if (connection.isReadable) this.#fail(`${name} has not read what came`);
      still.add(connection);
      const isStuck = connection.out.unreadBytes > 0 && connection.peer.out.unreadBytes > 0;
      if (isStuck && still.has(connection.peer)) {
        this.#fail(`${name} and its peer wait for each other, both with bytes unread`);
      }
      const isTaken = connection.peer.out.unreadBytes === 0 && connection.out.openBytes === 0;
      if (isTaken && session.queuedBytes > 0) {
        this.#fail(`${name} has ${session.queuedBytes} bytes queued though its peer reads`);
      }
    }
  }

  /** Checks that nothing is left once all services have stopped. */
  checkRest(): void {
    const { clock, network } = this.#parts;
    for (const { name } of this.#open.values()) this.#fail(`${name} was opened and not closed`);
    for (const { name, session } of this.#handling) {
      if (coreOf(session).inbox.isBusy) this.#fail(`a handler of ${name} has not settled: ${STRANGE_TIME}`);
    }
    for (const { name, service } of this.#services) {
      const { state, pool, openedSessions, closedSessions, sessions } = service.stats();
      if (state !== "stopped") this.#fail(`${name} is ${state}`);
      if (pool.outstanding > 0) this.#fail(`${name} has ${pool.outstanding} buffers out`);
      const closed = Object.values(closedSessions).reduce((sum, count) => sum + count, 0);
      if (sessions !== 0 || openedSessions !== closed) {
        this.#fail(`${name} counts ${openedSessions} sessions opened, ${closed} closed, ${sessions} there`);
      }
    }
    if (clock.timerCount > 0) this.#fail(`${clock.timerCount} timers are left`);
    network.sweep();
    for (const { name } of network.links) this.#fail(`${name} is left open`);
  }

  #handleFault(name: string, event: FaultEvent, mayFail: (event: FaultEvent) => boolean): void {
    try {
      const answer: unknown = event.level !== "error" || mayFail(event);
      if (answer === true) return;
      if (answer !== false) refuseAnswer(answer);
    } catch (fault) {
      return this.#parts.onFail(new Error(`scenario.mayFail failed: ${messageOf(toError(fault))}`, { cause: fault }));
    }
    const { message, properties } = event;
    const { error } = properties;
    const text = fillIn(message, {
      ...properties,
      error: error === undefined ? undefined : messageOf(toError(error)),
    });
    this.#parts.onFail(new Error(`${name}: ${text}`, { cause: error }));
  }

  #handleOpened(service: string, session: Session<unknown>): void {
    const connection = this.#parts.network.find(session.localAddress, session.remoteAddress);
    const name = `${service} session ${session.id}`;
    if (connection === undefined) {
      return this.#fail(
        `${name} is not on the simulated network: its transport is another one, or its listener has proxyProtocol, ` +
          "which a simulation cannot follow",
      );
    }
    this.#parts.trace.add(`${name} opens on ${connection.name}`);
    this.#open.set(session, { name, session, connection, movedBytes: -1 });
    this.reach(`opened: ${session.origin.kind}`);
  }

  #handleClosed(session: Session<unknown>, event: CloseEvent): void {
    const watched = this.#open.get(session);
    if (watched === undefined) return this.#fail(`session ${session.id} was closed twice, or not opened`);
    this.#open.delete(session);
    if (coreOf(session).inbox.isBusy) this.#handling.add(watched);
    const { name, connection } = watched;
    const { reason, detail, isConfirmed, unsentFrames } = event;
    this.#parts.trace.add(`${name} closed ${reason} ${detail ?? "-"} ${isConfirmed} ${unsentFrames}`);
    this.reach(`closed: ${reason}`);
    this.reach(`state: ${session.state}`);
    const { out, peer } = connection;
    if (connection.isClosedEarly) this.#fail(`${name} closed both ways before either side had ended`);
    if (isConfirmed && !connection.hasEndedFirst) this.#fail(`${name} is confirmed, and its peer ended first`);
    // Ends that cross look like an answer to each other: then `isConfirmed` may be wrong.
    if (isConfirmed && !peer.hasEndedFirst && (out.readBytes !== out.takenBytes || unsentFrames > 0)) {
      this.#fail(`${name} is confirmed, and ${out.takenBytes - out.readBytes} bytes were not read`);
    }
    const fault = findFault(event, connection);
    if (fault !== undefined) this.#fail(`${name} closed with ${reason}, and ${fault}`);
  }

  #fail(message: string): void {
    this.#parts.onFail(new Error(message));
  }
}

/** Refuses what is no answer, such as the promise of an async `mayFail`, which would excuse every fault. */
function refuseAnswer(answer: unknown): never {
  Promise.resolve(answer).catch(() => {}); // The refusal says more.
  throw new TypeError(`it must return true or false: current value is ${describeValue(answer)}`);
}

function movedBytes({ connection: { out, peer } }: Watched): number {
  return out.takenBytes + peer.out.readBytes;
}

/** Finds what contradicts the reason of a close; undefined if nothing does. */
function findFault({ reason, error }: CloseEvent, connection: SimulatedConnection): string | undefined {
  const code = connection.ended?.error?.code;
  switch (reason) {
    case "reset":
      return code === "reset" ? undefined : "no reset came";
    case "socket-error":
      return code === "timeout" || error !== undefined ? undefined : "the network did not give up";
    case "remote-closing":
    case "truncated":
      return connection.peer.out.hasEndArrived ? undefined : "no end came";
    default:
      return undefined;
  }
}
