// The scenario of `deno task sim`: a server with two listeners, players, groups, and everything that a session can be asked for,
// in whatever order the seed decides. Runtime neutral.

import { assert, assertEquals } from "@std/assert";
import { type AnySession, ConnectError, type TcpService } from "@laster/net";
import { MessageLedger, type Scenario, type SeededRandom, type SimulatedWorld } from "@laster/net/testing";
import {
  drawMessage,
  drawOptions,
  type GameOptions,
  HANDLER_TIMEOUT_MS,
  isOpen,
  KIND,
  LONGEST_BYTES,
  mostQueuedBytes,
  mostQueuedFrames,
} from "./game_options.ts";

const PLAIN_PORT = 1;
const TLS_PORT = 2;
const GROUPS = ["red", "blue"] as const;
const KEYS = ["x", "y", undefined] as const;
const LONGEST_INTRUSION_MS = 60_000;
const TICK_MS = 500;
const TROUBLE = [KIND.throws, KIND.hangs, KIND.close, KIND.cannotBeEncoded, KIND.isRefused];
const PLANNED = "as planned";

/** A game that runs. */
export interface Game {
  readonly options: GameOptions;
  readonly ledger: MessageLedger;
  readonly server: TcpService;
  /** The sessions of the players, of this side's view. */
  readonly players: Set<AnySession>;
  /** Connections that the admission has let in and not heard the end of. */
  readonly admitted: { count: number };
  /** Counts that something was reached. */
  readonly reach: (what: string) => void;
}

type Action = (world: SimulatedWorld, game: Game, random: SeededRandom) => unknown;

/** The scenario. */
export const GAME: Scenario<Game> = {
  start: startGame,
  actions: {
    join: async (world, game, random) => void await join(world, game, random),
    joinAgain: async (world, game, random) => void await join(world, game, random),
    joinAndLoop: async (world, game, random) => {
      const session = await join(world, game, random, false);
      if (session !== undefined) await readAll(game, session);
    },
    playerTalks: (_world, game, random) => talk(game, random, [...game.players]),
    playerTalksMuch: (_world, game, random) => talk(game, random, [...game.players], 40),
    serverTalks: (_world, game, random) => talk(game, random, [...game.server.sessions()]),
    serverTalksMuch: (_world, game, random) => talk(game, random, [...game.server.sessions()], 40),
    broadcast,
    broadcastMuch: (world, game, random) => {
      for (let count = 20; count > 0; count--) broadcast(world, game, random);
    },
    group: (_world, { server }, random) => {
      const [session, group] = [pickOpen([...server.sessions()], random), server.group(random.pick(GROUPS))];
      if (session !== undefined) group.has(session) ? group.leave(session) : group.join(session);
    },
    askForTrouble: (_world, game, random) => {
      const session = pickOpen([...game.players], random);
      if (session === undefined) return;
      const message = random.chance(0.2)
        ? new Uint8Array(LONGEST_BYTES + 1)
        : drawMessage(random, random.pick(TROUBLE));
      sendOne(game, session, message, random);
    },
    playerCloses: (_world, { players }, random) => void pickOpen([...players], random)?.close(),
    serverCloses: (_world, { server }, random) =>
      void pickOpen([...server.sessions()], random)?.close({ detail: "kicked" }),
    playerAborts: (_world, { players }, random) => pickOpen([...players], random)?.abort(),
    flush: (_world, game, random) =>
      random.chance(0.5) ? game.server.flush() : pickOpen([...game.players], random)?.flush(),
    drained: (_world, { server }, random) => {
      const waits = random.chance(0.5) ? server : pickOpen([...server.sessions()], random);
      waits?.drained().catch(() => {}); // It may end first.
    },
    lookAround: (_world, { server }) => {
      const stats = server.stats();
      assertEquals(server.stats(), stats, "reading changes nothing");
    },
    reconfigure: async (_world, { server, options }, random) => {
      await server.reconfigure({ maxConnections: random.integer(2, options.maxConnections) });
    },
    restart: async (_world, { server }, random) => {
      if (!random.chance(0.1)) return;
      await server.stop(random.chance(0.5) ? {} : { timeoutMs: random.integer(0, 1_000) });
      await server.start();
    },
    intrude,
  },
  check: (_world, { server, options, admitted }) => {
    assert(server.sessionCount <= options.maxConnections, "more connections than there may be");
    assert(admitted.count >= 0, "an admission was told of an end twice");
    const [mostBytes, mostFrames] = [mostQueuedBytes(options), mostQueuedFrames(options)];
    for (const session of server.sessions()) {
      const { queuedBytes, queuedFrames } = session.stats;
      assert(queuedBytes <= mostBytes, "more is queued than may be");
      assert(queuedFrames <= mostFrames, "more messages are queued than may be");
    }
  },
  stopped: (_world, { admitted }) => assertEquals(admitted.count, 0, "an admission was not told of each end"),
  end: (_world, game) => {
    assertEquals(game.ledger.openCount, 0, "messages that were accepted have not come");
  },
  mayFail: ({ properties: { error } }) => error instanceof Error && error.message === PLANNED,
};

async function startGame(world: SimulatedWorld, random: SeededRandom): Promise<Game> {
  const options = drawOptions(random);
  const ledger = new MessageLedger(options.whenFull);
  const admitted = { count: 0 };
  const own = new SimulatedHandlers(world, ledger, random);
  const server = world.service({
    ...own.handlers(),
    ...options.limits,
    codec: options.codec,
    maxConnections: options.maxConnections,
    pool: { maxBytes: options.poolBytes },
    listeners: [
      { port: PLAIN_PORT, name: "plain" },
      { port: TLS_PORT, name: "tls", tls: { cert: "", key: "" } },
    ],
    admission: [{
      admit() {
        if (!random.chance(0.95)) return "unlucky";
        admitted.count++;
        return undefined;
      },
      release: () => void admitted.count--,
    }],
    observers: options.isObserved ? [{ onMessageStart: () => world.reach("observed") }] : [],
  });
  await server.start();
  const reach = (what: string) => world.reach(what);
  reach(`flush: ${options.limits.flush ?? (options.limits.flushIntervalMs === undefined ? "turn" : "interval")}`);
  const game = { options, ledger, server, admitted, players: new Set<AnySession>(), reach };
  if (options.limits.flush === "manual") void flushNowAndThen(world, game);
  return game;
}

/** The ticks of both sides. */
async function flushNowAndThen(world: SimulatedWorld, { server, players }: Game): Promise<void> {
  while (true) {
    await world.sleep(TICK_MS);
    server.flush();
    for (const player of players) player.flush();
  }
}

/** What both sides do with what comes. */
class SimulatedHandlers {
  readonly #world: SimulatedWorld;
  readonly #ledger: MessageLedger;
  readonly #random: SeededRandom;
  /** Whose handler runs, or has its promise open. */
  readonly #busy = new Set<AnySession>();

  constructor(world: SimulatedWorld, ledger: MessageLedger, random: SeededRandom) {
    [this.#world, this.#ledger, this.#random] = [world, ledger, random];
  }

  handlers() {
    return {
      onMessage: (session: AnySession, payload: Uint8Array) => this.#handleSerially(session, payload),
      onClose: (...end: Parameters<MessageLedger["close"]>) => this.#ledger.close(...end),
      onEnd: (session: AnySession) => {
        this.#world.reach("half open");
        this.#ledger.send(session, drawMessage(this.#random));
        void session.close();
      },
    };
  }

  #handleSerially(session: AnySession, payload: Uint8Array): unknown {
    assert(!this.#busy.has(session), "a handler is called while the one before is under way");
    this.#busy.add(session);
    let result: unknown;
    try {
      result = this.#handle(session, payload);
      return result instanceof Promise ? result.finally(() => this.#busy.delete(session)) : result;
    } finally {
      if (!(result instanceof Promise)) this.#busy.delete(session);
    }
  }

  #handle(session: AnySession, payload: Uint8Array): unknown {
    this.#ledger.receive(session, payload);
    switch (payload[0]) {
      case KIND.echo:
        return void this.#ledger.send(session, drawMessage(this.#random));
      case KIND.slowEcho:
        return this.#world.sleep(this.#random.next() * HANDLER_TIMEOUT_MS / 2).then(() =>
          void this.#ledger.send(session, drawMessage(this.#random))
        );
      case KIND.throws:
        throw new Error(PLANNED);
      case KIND.hangs:
        return this.#world.sleep(2 * HANDLER_TIMEOUT_MS);
      case KIND.close:
        return void session.close({ detail: "asked to" });
      default:
        return undefined;
    }
  }
}

async function join(
  world: SimulatedWorld,
  { options, ledger, players }: Game,
  random: SeededRandom,
  hasHandler: boolean = true,
): Promise<AnySession | undefined> {
  const isTls = random.chance(0.3);
  const { onMessage, ...others } = new SimulatedHandlers(world, ledger, random).handlers();
  try {
    const session: AnySession = await world.connect(
      {
        port: isTls ? TLS_PORT : PLAIN_PORT,
        ...(isTls ? { tls: {} } : {}),
        timeoutMs: random.pick([50, 5_000]),
        retries: random.pick([0, 3]),
      },
      // Two sides that stop reading while their queues are full may wait for each other.
      {
        ...others,
        ...(hasHandler ? { onMessage } : {}),
        ...options.limits,
        pauseWhenFull: false,
        codec: options.codec,
      },
    );
    players.add(session);
    session.closed.then(() => players.delete(session));
    return session;
  } catch (error) {
    if (error instanceof ConnectError) return undefined; // The network is as bad as that.
    throw error;
  }
}

async function readAll({ ledger }: Game, session: AnySession): Promise<void> {
  try {
    for await (const payload of session) ledger.receive(session, payload);
  } catch (error) {
    if (!(error instanceof Error && error.name === "SessionClosedError")) throw error;
  }
}

function talk(game: Game, random: SeededRandom, sessions: readonly AnySession[], most: number = 3): void {
  const session = pickOpen(sessions, random);
  if (session === undefined) return;
  for (let count = random.integer(1, most); count > 0; count--) {
    sendOne(
      game,
      session,
      drawMessage(random, random.pick([KIND.plain, KIND.plain, KIND.echo, KIND.slowEcho])),
      random,
    );
  }
}

function sendOne(
  { ledger, options, reach }: Game,
  session: AnySession,
  message: Uint8Array,
  random: SeededRandom,
): void {
  const whenFull = random.chance(0.2)
    ? random.pick(["refuse", "drop-oldest", "latest-per-key"] as const)
    : options.whenFull;
  const { queuedBytes, stats: { sentBytes } } = session;
  const result = ledger.send(session, message, {
    key: random.pick(KEYS),
    whenFull,
    ...(random.chance(0.1) ? { flush: "now" } : {}),
  });
  reach(`policy: ${whenFull}`);
  reach(`send: ${result}`);
  reach(`state: ${session.state}`);
  const isWaiting = session.queuedBytes > queuedBytes && session.stats.sentBytes === sentBytes;
  if (isWaiting && result === "queued" && options.limits.maxInFlightBytes !== undefined) {
    reach("send: waits for the peer to read");
  }
}

function broadcast(_world: SimulatedWorld, { server, ledger }: Game, random: SeededRandom): void {
  const all = [...server.sessions()];
  const group = random.chance(0.5) ? server.group(random.pick(GROUPS)) : undefined;
  const except = all.filter(() => random.chance(0.2));
  const audience = all.filter((session) => group?.has(session) !== false && !except.includes(session));
  ledger.broadcast(
    audience,
    drawMessage(random),
    (payload, options) => (group ?? server).broadcast(payload, options),
    { except, key: random.pick(KEYS) },
  );
}

/** A peer that does not keep to the codec: sends nothing, nonsense, half a frame, or hangs up. */
async function intrude(world: SimulatedWorld, _game: Game, random: SeededRandom): Promise<void> {
  const connection = await world.transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: PLAIN_PORT })
    .catch(() => undefined);
  if (connection === undefined) return;
  const ignore = () => {};
  connection.start({ onData: ignore, onEnd: () => connection.close(), onDrain: ignore, onClose: ignore });
  const nonsense = random.bytes(random.integer(4, LONGEST_BYTES));
  nonsense.set([0xfe, 0xff, 0xff, 0x7f]); // A length that no codec of the game takes.
  const half = new Uint8Array([100, 0, 0, 0, 1, 2, 3]);
  switch (random.integer(0, 3)) {
    case 0:
      connection.write(nonsense, 0, nonsense.length);
      break;
    case 1:
      if (connection.write(half, 0, half.length)) connection.shutdown();
      break;
    case 2:
      return connection.close();
  }
  await world.sleep(random.integer(1, LONGEST_INTRUSION_MS));
  connection.abort();
}

function pickOpen(sessions: readonly AnySession[], random: SeededRandom): AnySession | undefined {
  const open = sessions.filter(isOpen);
  return open.length === 0 ? undefined : random.pick(open);
}
