// PositionBots: players that walk about, send their positions, and check the positions that they receive. Used by the position
// sync example.

import { lengthPrefixed, type Session, TcpService } from "@laster/net";
import { ByteReader, ByteWriter } from "@laster/net/buffer";

/**
 * A message: the position of a player, and nothing else.
 *
 * ```text
 *  0         4         8         12
 * +---------+---------+---------+
 * | id      | x       | y       |
 * | u32 LE  | f32 LE  | f32 LE  |
 * +---------+---------+---------+
 * ```
 *
 * The whole parts of `x` and `y` say where. Their fractions, 13 bits each, count the player's steps, which is all that the
 * check needs: a receiver knows from the step where the player must have been, and whether the step is newer than the last.
 */
export const POSITION_BYTES = 12;
/** Coordinates are below this: with 13 bits of fraction they fit in the 24 bits that a 32-bit float has. */
export const WORLD_SIZE = 1_024;
const STEPS_PER_UNIT = 8_192;

/** A slow bot reads for `READ_MS`, then does not for `STALL_MS`. */
const READ_MS = 1_500;
const STALL_MS = 1_500;
/** When the first slow bot stalls, and how much later each of the others. */
const FIRST_STALL_MS = 400;
const STALL_SPREAD_MS = 230;
/** How often bots are looked at in the time of a step. */
const LOOKS_PER_STEP = 4;

/** What to do. */
export interface PositionBotsOptions {
  readonly hostname: string;
  readonly port: number;
  readonly bots: number;
  /** How many stop reading now and then: those that dial first. */
  readonly slow: number;
  /** Steps a second. */
  readonly rate: number;
}

/** One player. */
interface Bot {
  readonly id: number;
  readonly isSlow: boolean;
  /** The last step that was sent; 0 before the first. */
  step: number;
  stepAtMs: number;
  stallAtMs: number;
  /** Ends the stall, if it is in one. */
  wake: (() => void) | undefined;
  /** The last step that was heard of each player. */
  readonly heard: Float64Array;
}

/** All the players, on one service. */
export class PositionBots {
  /** Messages with a position that cannot be. */
  wrong = 0;
  /** Messages that were no newer than one before. */
  outOfOrder = 0;
  /** Sends that were refused, and sessions that ended by themselves. */
  failures = 0;
  /** The most steps that a position was behind its player when it reached a bot that is not slow. */
  worstAge = 0;
  readonly #options: PositionBotsOptions;
  readonly #service: TcpService<Bot>;
  readonly #bots: Bot[] = [];
  readonly #reader = new ByteReader(new Uint8Array(POSITION_BYTES));
  readonly #writer = new ByteWriter(new Uint8Array(POSITION_BYTES));
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #isStopping = false;

  constructor(options: PositionBotsOptions) {
    this.#options = options;
    this.#service = new TcpService<Bot>({
      codec: lengthPrefixed({ maxPayloadBytes: POSITION_BYTES, controlFrames: true }), // Answers the server's pings.
      createData: () => this.#makeBot(),
      onMessageRange: (session, buffer, offset, length) => this.#handleFrame(session.data, buffer, offset, length),
      onClose: () => {
        if (!this.#isStopping) this.failures++;
      },
    });
  }

  /** How many do not read at the moment. */
  get stalled(): number {
    return this.#bots.filter(({ wake }) => wake !== undefined).length;
  }

  /** Whether a player does not read at the moment. */
  isStalled(id: number): boolean {
    return this.#bots[id]?.wake !== undefined;
  }

  /** Dials, then begins to walk; throws the first `ConnectError`. */
  async start(): Promise<void> {
    await this.#service.start();
    const { hostname, port, bots, rate } = this.#options;
    for (let count = 0; count < bots; count++) await this.#service.connect({ hostname, port, retries: 3 });
    const stepMs = 1_000 / rate;
    const startMs = performance.now();
    for (const bot of this.#bots) {
      bot.stepAtMs = startMs + (bot.id / bots) * stepMs;
      bot.stallAtMs = startMs + FIRST_STALL_MS + bot.id * STALL_SPREAD_MS;
    }
    this.#timer = setInterval(() => this.#walk(stepMs), stepMs / LOOKS_PER_STEP);
  }

  /** Takes no further step, and has everybody read. */
  finish(): void {
    clearInterval(this.#timer);
    for (const bot of this.#bots) {
      bot.stallAtMs = Infinity;
      bot.wake?.();
    }
  }

  /** Counts the pairs of players of which one has not received the other's last step. */
  countBehind(isSlow: boolean): number {
    let behind = 0;
    for (const bot of this.#bots) {
      if (bot.isSlow !== isSlow) continue;
      for (const other of this.#bots) if (bot.heard[other.id] !== other.step) behind++;
    }
    return behind;
  }

  /** Closes all sessions in order. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#service.stop();
  }

  /** The sessions dial one after the other, so the number of a bot is its place. */
  #makeBot(): Bot {
    const id = this.#bots.length;
    const heard = new Float64Array(this.#options.bots);
    const isSlow = id < this.#options.slow;
    const bot = { id, isSlow, step: 0, stepAtMs: 0, stallAtMs: Infinity, wake: undefined, heard };
    this.#bots.push(bot);
    return bot;
  }

  /** Has each bot whose step is due take one, however late it is. */
  #walk(stepMs: number): void {
    const nowMs = performance.now();
    for (const session of this.#service.sessions()) {
      const bot = session.data;
      if (nowMs < bot.stepAtMs) continue;
      bot.stepAtMs = Math.max(bot.stepAtMs + stepMs, nowMs);
      this.#sendStep(session, bot);
    }
  }

  #sendStep(session: Session<Bot>, bot: Bot): void {
    const step = bot.step + 1;
    this.#writer.reset();
    this.#writer.writeUint32LE(bot.id);
    this.#writer.writeFloat32LE(placeOf(bot.id, step, "x") + (step % STEPS_PER_UNIT) / STEPS_PER_UNIT);
    this.#writer.writeFloat32LE(placeOf(bot.id, step, "y") + Math.floor(step / STEPS_PER_UNIT) / STEPS_PER_UNIT);
    const result = session.send(this.#writer.written);
    if (result === "sent" || result === "queued" || result === "congested") bot.step = step;
    else this.failures++;
  }

  #handleFrame(bot: Bot, buffer: Uint8Array, offset: number, length: number): Promise<void> | undefined {
    this.#reader.reset(buffer, offset, length);
    const id = this.#reader.readUint32LE();
    const x = this.#reader.readFloat32LE();
    const y = this.#reader.readFloat32LE();
    const step = ((x % 1) + (y % 1) * STEPS_PER_UNIT) * STEPS_PER_UNIT;
    const sender = this.#bots[id];
    const isSound = sender !== undefined && step <= sender.step && Math.floor(x) === placeOf(id, step, "x") &&
      Math.floor(y) === placeOf(id, step, "y");
    if (!isSound) {
      this.wrong++;
      return;
    }
    if (step <= bot.heard[id]) this.outOfOrder++;
    bot.heard[id] = step;
    if (bot.isSlow) return this.#stallIfDue(bot);
    this.worstAge = Math.max(this.worstAge, sender.step - step);
  }

  /** If a stall is due, gives a promise that holds back the next message, and so the socket. */
  #stallIfDue(bot: Bot): Promise<void> | undefined {
    if (performance.now() < bot.stallAtMs) return;
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        if (bot.stallAtMs !== Infinity) bot.stallAtMs = performance.now() + READ_MS;
        bot.wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, STALL_MS);
      bot.wake = wake;
    });
  }
}

/** Where a player is after a number of steps: it goes straight on, to and fro between the edges of the world. */
function placeOf(id: number, step: number, axis: "x" | "y"): number {
  const span = WORLD_SIZE - 1;
  const speed = axis === "x" ? 1.5 + (id % 7) / 2 : 1 + (id % 5) / 2;
  const start = id * (axis === "x" ? 619 : 757);
  const way = (start + speed * step) % (2 * span);
  return Math.floor(way < span ? way : 2 * span - way);
}
