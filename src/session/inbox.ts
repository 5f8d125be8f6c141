// Inbox: takes the chunks of one session, cuts them into frames, and hands the frames to the application one after the
// other, with a budget a turn. Knows nothing of sending or closing. Runtime neutral.

import type { Frame, FrameDecoder } from "../codec/codec.ts";
import type { BufferPool } from "../buffer/buffer_pool.ts";
import { FrameCutter } from "../codec/frame_cutter.ts";
import type { Clock } from "../clock.ts";
import { FrameError, PoolError } from "../errors.ts";
import { type CloseReason, reasonOfFrame } from "./close_reason.ts";
import type { FlushScheduler } from "./flush_scheduler.ts";

/** So many bytes of a heavy talker, and light ones get a turn, if there are any: two 64 KiB frames take 60 us. */
const BYTES_PER_TURN = 131_072;
/** A chunk below this is a light talker's, which makes way for nobody. */
const LIGHT_BYTES = 16_384;
/** Past the end of any chunk. */
const NEVER = 2 ** 31 - 1;
/** So often a heavy talker makes way for nobody until it stops doing so. A turn of the loop may pass without a look at sockets. */
const MOST_IDLE_WAYS = 4;

/** What an inbox shares with the others of its service. */
export interface InboxContext {
  /** Yields to the event loop. */
  readonly clock: Clock;
  /** Where unfinished frames are kept. */
  readonly pool: BufferPool;
  /** Flushes what the handlers of a turn send. */
  readonly scheduler: FlushScheduler;
  /** The record that all decoders of the service use. */
  readonly frame: Frame;
  /** The budget of a turn. */
  readonly limits: { readonly framesPerTurn: number };
  /** Counts the chunks of light talkers. */
  readonly traffic: { lightChunks: number };
}

/** A handler that is given a range of an array. */
export type DirectHandler<Face> = (session: Face, buffer: Uint8Array, offset: number, length: number) => unknown;

/** The session behind an inbox. */
export interface InboxOwner<Face> {
  /** What the application knows the session as. */
  readonly session: Face;
  /** Hands a payload to the application; gives what its handler returned. */
  consume(buffer: Uint8Array, offset: number, length: number): unknown;
  /** The handler that takes payloads without the detour by `consume`; undefined if none does at the moment. */
  directHandler(): DirectHandler<Face> | undefined;
  /** Whether messages are still wanted. */
  isReceiving(): boolean;
  /** Something was wrong with the bytes or with the handler. */
  handleFault(reason: CloseReason, error: unknown): void;
  /** The inbox takes no more until `resumeInput()`. */
  pauseInput(): void;
  /** The inbox takes more. */
  resumeInput(): void;
  /** A handler that held the inbox, or a turn, has ended. */
  handleIdle(): void;
}

/**
 * The incoming side of a session.
 *
 * Invariant: while `#isHeld` (a handler or a loop has not finished with the last message) or `#isYielding` (the turn's
 * budget is used up) it keeps the chunk, and the input is paused; held by a loop it is paused once there is a chunk.
 */
export class Inbox<Face> extends FrameCutter {
  // What each chunk touches comes first: with thousands of sessions the time goes into fetching their memory.
  readonly #context: InboxContext;
  readonly #owner: InboxOwner<Face>;
  /** Frames handed over so far. */
  frames = 0;
  /** The turn ends once so many frames are handed over. */
  #lastFrame = 0;
  /** Others get a turn once the chunk is cut up to here. */
  #lastPosition = NEVER;
  #isInHandler = false;
  /** Whether something happened in a handler that may end the turn. */
  #isInterrupted = false;
  /** Whether there is a loop over the messages: then it, and not the handler that may run it, sets the pace. */
  #isStreaming = false;
  /** Whether the promise of a handler is open. */
  #isHandlerHeld = false;
  #isClosed = false;
  /** Resolves once the loop asks for the next message; undefined if it does. */
  #streamHold: PromiseLike<unknown> | undefined = undefined;
  #isYielding = false;
  /** Where others get a turn, from the end of the last heavy chunk on: a runtime may hand over many in a row. */
  #bytesLeft = BYTES_PER_TURN;
  /** The light chunks of all sessions when the bytes were used up last. */
  #lightChunks = 0;
  /** How often in a row it made way, and nobody came. */
  #idleWays = 0;

  /** Makes an inbox. */
  constructor(context: InboxContext, owner: InboxOwner<Face>, decoder: FrameDecoder) {
    super(decoder, context.pool, context.frame);
    this.#context = context;
    this.#owner = owner;
  }

  /** Whether a handler runs, or has a promise open. */
  get isBusy(): boolean {
    return this.#isInHandler || this.#isHandlerHeld;
  }

  /** Takes a chunk, the first `length` bytes of `buffer`, valid until the inbox lets the connection go on. */
  receive(buffer: Uint8Array, length: number): void {
    this.feed(buffer, length);
    if (length < LIGHT_BYTES) {
      this.#context.traffic.lightChunks++;
      this.#lastPosition = NEVER;
    } else {
      this.#lastPosition = this.#bytesLeft;
      this.#bytesLeft -= length;
    }
    this.#lastFrame = this.frames + this.#context.limits.framesPerTurn;
    if (this.#isHeld) return this.#owner.pauseInput();
    this.#runTurn();
  }

  /** Holds all messages back until the promise of a handler settles. */
  holdForHandler(promise: PromiseLike<unknown>): void {
    this.#isHandlerHeld = true;
    this.#isInterrupted = true;
    if (this.#isHeld) this.#owner.pauseInput();
    // Not every thenable calls back later, and once.
    Promise.resolve(promise).then(() => this.#releaseHandler(), (error: unknown) => {
      this.#owner.handleFault("handler-error", error);
      this.#releaseHandler();
    });
  }

  /** Holds all messages back until a loop asks for the next one. The socket is read on until there is something to hold. */
  holdForStream(taken: PromiseLike<unknown>): void {
    this.#streamHold = taken;
    this.#isInterrupted = true;
    if (this.hasInput) this.#owner.pauseInput();
    taken.then(() => {
      // Another message may wait by now.
      if (this.#streamHold !== taken) return;
      this.#streamHold = undefined;
      this.#continue();
    });
  }

  /** Says whether a loop over the messages runs; a handler that waits for it does not hold it up. */
  setStreaming(isStreaming: boolean): void {
    this.#isStreaming = isStreaming;
    this.#isInterrupted = true;
    if (this.#isHeld) this.#owner.pauseInput();
    else if (!this.#isInHandler) this.#continue();
  }

  /** Has what comes next cut by another decoder; what is left of the chunk is seen to in a microtask, if nobody does before. */
  override switchDecoder(decoder: FrameDecoder): void {
    super.switchDecoder(decoder);
    if (this.hasInput) queueMicrotask(() => this.#continue());
  }

  /** The session takes no more messages: the turn ends after the one at hand. */
  stop(): void {
    this.#isInterrupted = true;
  }

  /** Gives the memory back. */
  override close(): void {
    this.#isInterrupted = true;
    this.#isClosed = true;
    super.close();
  }

  /** Runs what must not be re-entered: a frame that comes in meanwhile waits. */
  guard<Result>(run: () => Result): Result {
    const wasInHandler = this.#isInHandler;
    this.#isInHandler = true;
    try {
      return run();
    } finally {
      this.#isInHandler = wasInHandler;
    }
  }

  get #isHeld(): boolean {
    return this.#isStreaming ? this.#streamHold !== undefined : this.#isHandlerHeld;
  }

  #releaseHandler(): void {
    this.#isHandlerHeld = false;
    this.#owner.handleIdle();
    this.#continue();
  }

  /** Goes on where a hold or the end of a turn left off. */
  #continue(): void {
    if (this.#isHeld || this.#isYielding || this.#isClosed || !this.#owner.isReceiving()) return;
    if (this.hasInput) {
      if (this.frames >= this.#lastFrame) return this.#yieldTurn();
      this.#runTurn();
    }
    if (!this.#isHeld && !this.#isYielding && !this.#isClosed) this.#owner.resumeInput();
  }

  #runTurn(): void {
    const { scheduler } = this.#context;
    scheduler.enterTurn();
    this.#dispatch();
    scheduler.leaveTurn();
    if (!this.#isClosed && !this.#owner.isReceiving()) this.#owner.handleIdle();
  }

  #dispatch(): void {
    const owner = this.#owner;
    const { frame } = this;
    let onFrame = owner.directHandler();
    try {
      while (this.next()) {
        this.frames++;
        this.#isInHandler = true;
        const result = onFrame === undefined
          ? owner.consume(frame.buffer, frame.offset, frame.length)
          : onFrame(owner.session, frame.buffer, frame.offset, frame.length);
        this.#isInHandler = false;
        const hasBudget = this.frames < this.#lastFrame && this.position < this.#lastPosition;
        if (hasBudget && result === undefined && !this.#isInterrupted) continue;
        if (isThenable(result)) this.holdForHandler(result);
        if (this.#isHeld) return;
        this.#isInterrupted = false;
        if (!owner.isReceiving()) return;
        if (this.frames >= this.#lastFrame && this.hasInput) return this.#yieldTurn();
        if (this.position >= this.#lastPosition && this.#mustMakeWay()) return this.#yieldTurn();
        onFrame = owner.directHandler();
      }
    } catch (error) {
      const isHandlerFault = this.#isInHandler;
      this.#isInHandler = false;
      if (isHandlerFault) return owner.handleFault("handler-error", error);
      const fault = error instanceof FrameError || error instanceof PoolError ? error : toFrameError(error);
      owner.handleFault(reasonOfFrame(fault), fault);
    }
  }

  /** The bytes of the turn are used up: light talkers go first, unless none said anything for a while. */
  #mustMakeWay(): boolean {
    const { lightChunks } = this.#context.traffic;
    this.#lastPosition = this.position + BYTES_PER_TURN;
    this.#bytesLeft = this.#lastPosition - this.end;
    this.#idleWays = lightChunks === this.#lightChunks ? this.#idleWays + 1 : 0;
    this.#lightChunks = lightChunks;
    return this.#idleWays < MOST_IDLE_WAYS;
  }

  #yieldTurn(): void {
    this.#isYielding = true;
    this.#owner.pauseInput();
    this.#context.clock.defer(() => {
      this.#isYielding = false;
      this.#lastFrame = this.frames + this.#context.limits.framesPerTurn;
      this.#continue();
    });
  }
}

/** Says whether a handler returned a promise. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function toFrameError(cause: unknown): FrameError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new FrameError("codec-fault", `Cannot decode frame as the decoder failed: ${text}`, { cause });
}
