// SimulatedWorld: what a scenario is given: services, clients, time and a network of one simulation. Runtime neutral.

import { toError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { ConnectOptions } from "../../service/connector.ts";
import type { FaultEvent } from "../../service/observers.ts";
import type { NeedsData, TcpServiceOptions } from "../../service/service_options.ts";
import { TcpService } from "../../service/tcp_service.ts";
import type { Session } from "../../session/session.ts";
import type { Transport } from "../../transport/transport.ts";
import type { LinkConditions } from "./link_conditions.ts";
import { SeededRandom } from "./seeded_random.ts";
import { SimulatedClock } from "./simulated_clock.ts";
import { SimulatedNetwork } from "./simulated_network.ts";
import { Trace } from "./trace.ts";
import { Watch } from "./watch.ts";

/** Which generator is for what, beside the seed. */
const FOR_NETWORK = 1;
const FOR_TRAITS = 2;
const FOR_SERVICES = 3;

/** What a world is made with. */
export interface WorldOptions {
  readonly seed: number;
  /** What is not drawn by lot of each connection. */
  readonly conditions: Partial<LinkConditions>;
  /** Which faults are no failure of the simulation. */
  readonly mayFail: (event: FaultEvent) => boolean;
}

/** What a service in a simulation is made of. */
export type SimulatedParts = Pick<TcpServiceOptions, "clock" | "transport" | "logger" | "random" | "observers">;

/** What a scenario lives in. Whatever is made here has its time, its network and its random numbers from the simulation. */
export class SimulatedWorld {
  /** The time. */
  readonly clock: SimulatedClock = new SimulatedClock();
  /** The network, with what can go wrong on it. */
  readonly network: SimulatedNetwork;
  /** What happened. */
  readonly trace: Trace = new Trace(this.clock);
  /** What must hold of every service. */
  readonly watch: Watch;
  /** The first failure; undefined while all is well. */
  failure: Error | undefined = undefined;
  readonly #options: WorldOptions;
  readonly #random: SeededRandom;
  /** The last step that was taken, and the dials since. */
  #step = -1;
  #dialsOfStep = 0;
  readonly #services: TcpService<never>[] = [];
  #made = 0;
  readonly #logger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

  /** Makes a world without anybody. */
  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed, FOR_SERVICES);
    const random = new SeededRandom(options.seed, FOR_TRAITS);
    const onFail = (error: Error) => this.fail(error);
    const { clock, trace } = this;
    this.network = new SimulatedNetwork({
      clock,
      trace,
      makeRandom: () => new SeededRandom(options.seed, FOR_NETWORK, this.#step, this.#dialsOfStep++),
      traits: { batchedReads: random.chance(0.5), asyncWrites: random.chance(0.3) },
      conditions: options.conditions,
      onFail,
    });
    this.watch = new Watch({ clock, trace, network: this.network, onFail });
  }

  /** Listens and dials on the simulated network. */
  get transport(): Transport {
    return this.network.transport;
  }

  /** Says which step comes: its connections are the same, whatever other steps are left out. */
  beginStep(step: number): void {
    this.#step = step;
    this.#dialsOfStep = 0;
  }

  /** Writes a line into the trace. */
  log(line: string): void {
    this.trace.add(line);
  }

  /**
   * Fails the simulation; the first failure counts.
   *
   * @param error Why.
   */
  fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = toError(error);
    this.trace.add(`FAILED ${this.failure.message}`);
  }

  /**
   * What a service needs to live in the simulation, for one that your own code makes: give it these options, and then to `adopt()`.
   */
  parts(): SimulatedParts {
    const name = `service ${++this.#made}`;
    return {
      clock: this.clock,
      transport: this.transport,
      logger: this.#logger,
      random: this.#random.next,
      observers: [this.watch.observer(name, this.#options.mayFail)],
    };
  }

  /**
   * Has a service looked at, and stopped at the end.
   *
   * @param service One that was made with `parts()`.
   */
  adopt<Data>(service: TcpService<Data>): void {
    this.#services.push(service as unknown as TcpService<never>);
    this.watch.add(`service ${this.#made}`, service);
  }

  /**
   * Makes a service that lives in the simulation; it is stopped at the end.
   *
   * @param options As those of `TcpService`; its clock, transport and observers are the simulation's, with yours behind them.
   */
  service<Data = undefined>(options: TcpServiceOptions<Data> & NeedsData<Data>): TcpService<Data> {
    const { observers, clock, transport, ...parts } = this.parts();
    const all = [...observers ?? [], ...options.observers ?? []];
    const service = new TcpService<Data>({ ...parts, ...options, clock, transport, observers: all });
    this.adopt(service);
    return service;
  }

  /**
   * Dials, with a service of its own.
   *
   * @param dial Where to; the host is `"127.0.0.1"` if none is given.
   * @param options As those of `service()`.
   * @returns The session.
   * @throws {ConnectError} if it does not come about, as happens in a bad network.
   */
  async connect<Data = undefined>(
    dial: ConnectOptions,
    options: TcpServiceOptions<Data> & NeedsData<Data> = {} as TcpServiceOptions<Data> & NeedsData<Data>,
  ): Promise<Session<Data>> {
    const service = this.service<Data>(options);
    await service.start();
    return await service.connect(dial);
  }

  /**
   * Waits in simulated time.
   *
   * @param durationMs How long.
   */
  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.clock.schedule(resolve, durationMs));
  }

  /** Stops all services. */
  async stop(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.stop()));
  }
}
