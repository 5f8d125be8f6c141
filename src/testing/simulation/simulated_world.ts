// SimulatedWorld: what a scenario is given. Types only. Runtime neutral.

import type { Clock } from "../../clock.ts";
import type { ConnectOptions } from "../../service/connector.ts";
import type { NeedsData, TcpServiceOptions } from "../../service/service_options.ts";
import type { TcpService } from "../../service/tcp_service.ts";
import type { Session } from "../../session/session.ts";
import type { Transport } from "../../transport/transport.ts";

/** What a service in a simulation is made of. */
export type SimulatedParts = Pick<TcpServiceOptions, "clock" | "transport" | "logger" | "random" | "observers">;

/** What a scenario lives in. Whatever is made here has its time, its network and its random numbers from the simulation. */
export interface SimulatedWorld {
  /** The time. */
  readonly clock: Clock;
  /** Listens and dials on the simulated network. */
  readonly transport: Transport;
  /**
   * Waits in simulated time.
   *
   * @param durationMs How long.
   */
  sleep(durationMs: number): Promise<void>;
  /** Writes a line into the trace. */
  log(line: string): void;
  /** Counts that something was reached, for `SimulationReport.reached`. */
  reach(what: string): void;
  /**
   * Fails the simulation; the first failure counts.
   *
   * @param error Why.
   */
  fail(error: unknown): void;
  /**
   * Makes a service that lives in the simulation; it is stopped at the end.
   *
   * @param options As those of `TcpService`; its clock, transport and observers are the simulation's, with yours behind them.
   */
  service<Data = undefined>(options: TcpServiceOptions<Data> & NeedsData<Data>): TcpService<Data>;
  /**
   * What a service needs to live in the simulation, for one that your own code makes: give it these options, and then to
   * `adopt()`.
   */
  parts(): SimulatedParts;
  /**
   * Has a service looked at, and stopped at the end.
   *
   * @param service One that was made with `parts()`.
   */
  adopt<Data>(service: TcpService<Data>): void;
  /**
   * Dials, with a service of its own.
   *
   * @param dial Where to; the host is `"127.0.0.1"` if none is given.
   * @param options As those of `service()`.
   * @returns The session.
   * @throws {ConnectError} if it does not come about, as happens in a bad network.
   */
  connect<Data = undefined>(
    dial: ConnectOptions,
    options?: TcpServiceOptions<Data> & NeedsData<Data>,
  ): Promise<Session<Data>>;
}
