// World: services, clients, time and a network of one simulation; a scenario sees it as a SimulatedWorld. Runtime neutral.

import { toError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { describeValue } from "../../options.ts";
import type { ConnectOptions } from "../../service/connector.ts";
import type { FaultEvent } from "../../service/observers.ts";
import type { NeedsData, TcpServiceOptions } from "../../service/service_options.ts";
import { TcpService } from "../../service/tcp_service.ts";
import type { Session } from "../../session/session.ts";
import type { Transport } from "../../transport/transport.ts";
import type { LinkConditions } from "./link_conditions.ts";
import { SeededRandom } from "./seeded_random.ts";
import type { SimulatedParts, SimulatedWorld } from "./simulated_world.ts";
import { SimulatedClock } from "./simulated_clock.ts";
import { SimulatedNetwork } from "./simulated_network.ts";
import { Trace } from "./trace.ts";
import { Watch } from "./watch.ts";

/** The second seeds of the generators, one for each use. */
const FOR_NETWORK = 1;
const FOR_TRAITS = 2;
const FOR_SERVICES = 3;

/** What a world is made with. */
export interface WorldOptions {
  readonly seed: number;
  /** Conditions that are given; the others are drawn for each connection. */
  readonly conditions: Partial<LinkConditions>;
  /** Whether a fault is no failure of the simulation. */
  readonly mayFail: (event: FaultEvent) => boolean;
}

/** The world of one simulation. */
export class World implements SimulatedWorld {
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

  get transport(): Transport {
    return this.network.transport;
  }

  /** Begins a step. Its number seeds its connections, so they stay the same when other steps are left out. */
  beginStep(step: number): void {
    this.#step = step;
    this.#dialsOfStep = 0;
  }

  reach(what: string): void {
    this.watch.reach(what);
  }

  log(line: string): void {
    this.trace.add(line);
  }

  fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = toError(error);
    this.trace.add(`FAILED ${this.failure.message.split("\n", 1)[0]}`);
  }

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

  adopt<Data>(service: TcpService<Data>): void {
    this.#services.push(service as unknown as TcpService<never>);
    this.watch.add(`service ${this.#made}`, service);
  }

  service<Data = undefined>(options: TcpServiceOptions<Data> & NeedsData<Data>): TcpService<Data> {
    const { observers, clock, transport, ...parts } = this.parts();
    const all = [...observers ?? [], ...options.observers ?? []];
    const service = new TcpService<Data>({ ...parts, ...options, clock, transport, observers: all });
    this.adopt(service);
    return service;
  }

  async connect<Data = undefined>(
    dial: ConnectOptions,
    options: TcpServiceOptions<Data> & NeedsData<Data> = {} as TcpServiceOptions<Data> & NeedsData<Data>,
  ): Promise<Session<Data>> {
    const service = this.service<Data>(options);
    await service.start();
    return await service.connect(dial);
  }

  sleep(durationMs: number): Promise<void> {
    if (!(Number.isFinite(durationMs) && durationMs >= 0)) {
      throw new RangeError(
        `Cannot sleep as durationMs must be a number, 0 or more: current value is ${describeValue(durationMs)}`,
      );
    }
    return new Promise((resolve) => this.clock.schedule(resolve, durationMs));
  }

  /** Stops all services. */
  async stop(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.stop()));
  }
}
