// Inbox: takes the chunks of one session, cuts them into frames, and hands the frames to the application one by one, within
// a budget per turn. Knows nothing of sending or closing. Runtime neutral.

import type { Frame, FrameDecoder } from "../codec/codec.ts";
import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { RentedBuffer } from "../buffer/rented_buffer.ts";
import { FrameCutter } from "../codec/frame_cutter.ts";
import { toError } from "../errors.ts";
import { type CloseReason, reasonOfFrame, toFrameError } from "./close_reason.ts";
import type { FlushScheduler } from "../outbound/flush_scheduler.ts";
import type { SendResult } from "../outbound/send_result.ts";
import { isThenable, whenSettled } from "./handler_result.ts";
import { TimeoutEntry, type TimeoutOwner, type TimeoutQueue } from "./timeout_queue.ts";
import type { TurnQueue } from "./turn_queue.ts";
import type { TurnTaker } from "../waiting_line.ts";

/** After this many bytes of large chunks a session yields to light talkers: two 64 KiB frames take 60 us. */
const BYTES_PER_TURN = 131_072;
/** Chunks shorter than this make a session a light talker, which does not yield by bytes. */
const LIGHT_BYTES = 16_384;
/** A position past the end of any chunk. */
const NEVER = 2 ** 31 - 1;
/** After this many yields in a row that let nobody else run, a busy session stops yielding. */
const MOST_IDLE_WAYS = 4;
/** Most frames between two checks of a turn's budget while frames expand (decompression). */
const MOST_EXPANDED_FRAMES = 4;
/** A turn of fewer frames does not read the clock: most chunks of games hold one message. */
const FIRST_LOOK_FRAMES = 2;

/** What an inbox shares with the others of its service. */
export interface InboxContext {
  /** The sessions that continue in the next turn of the event loop, and the length of a turn. */
  readonly turns: TurnQueue;
  /** Where unfinished frames are kept. */
  readonly pool: BufferPool;
  /** Flushes what the handlers of a turn send. */
  readonly scheduler: FlushScheduler;
  /** The record that all decoders of the service share. */
  readonly frame: Frame;
  /** The budget of a turn, and how long a handler's promise may be open. */
  readonly limits: { readonly framesPerTurn: number; readonly handlerTimeoutMs: number };
  /** The timeouts of handlers. */
  readonly handlerTimeouts: TimeoutQueue;
  /** Counts the chunks of light talkers. */
  readonly traffic: { lightChunks: number };
}

/** A handler that is given a range of an array. */
export type DirectHandler<Face> = (session: Face, buffer: Uint8Array, offset: number, length: number) => unknown;

/** The session behind an inbox. Only `consume` and the handler that `directHandler` returns may throw. */
export interface InboxOwner<Face> {
  /** What the application knows the session as. */
  readonly session: Face;
  /** Hands a payload to the application; gives what its handler returned. */
  consume(buffer: Uint8Array, offset: number, length: number): unknown;
  /** The handler to call directly instead of `consume`; undefined if there is none at the moment. */
  directHandler(): DirectHandler<Face> | undefined;
  /** Sends an encoded frame; a reply of the codec to a frame of the peer is sent later if there is no room for it. */
  sendEncoded(frame: Uint8Array, isReply: boolean): SendResult;
  /** The peer has answered a ping. */
  handleAnswer(): void;
  /** The queue has no room for answers to the peer: stops reading from it until the queue has shrunk. */
  waitForReader(): void;
  /** Whether messages are still wanted. */
  isReceiving(): boolean;
  /** Something was wrong with the bytes or with the handler. */
  handleFault(reason: CloseReason, error: unknown): void;
  /** The chunk that came last stays valid for good. */
  keepChunk(): void;
  /** The inbox takes no more until `resumeInput()`. */
  pauseInput(): void;
  /** The inbox takes more. */
  resumeInput(): void;
  /** A handler that held the inbox, or a turn, has ended. */
  handleIdle(): void;
  /** Ends the session in order: a handler's promise has been open for too long. */
  close(reason: "handler-timeout"): void;
}

/**
 * The incoming side of a session.
 *
 * Invariant: while `#isHeld` (a handler or a loop has not finished with the last message) or `#isYielding` (the turn's budget is
 * used up) the inbox keeps the chunk and the input is paused; for a loop it is paused only once there is a chunk.
 */
export class Inbox<Face> extends FrameCutter implements TurnTaker, TimeoutOwner {
  // Fields that each chunk touches come first, to share cache lines: with thousands of sessions, cache misses dominate.
  readonly #context: InboxContext;
  readonly #owner: InboxOwner<Face>;
  /** Frames received so far, including control frames. */
  frames = 0;
  /** The turn ends when `frames` reaches this. */
  #lastFrame = 0;
  /** The clock is read when `frames` reaches this: at `#lastFrame` at the latest. */
  #lookFrame = 0;
  /** `frames` when the clock was last read. */
  #lookedFrame = 0;
  #isTimed = false;
  /** Position in the chunk from which on the session yields to light talkers. */
  #lastPosition = NEVER;
  #isInHandler = false;
  /** Whether something happened in a handler that may end the turn. */
  #isInterrupted = false;
  /** Whether a loop reads the messages: it sets the pace then, even if it runs inside a handler. */
  #isStreaming = false;
  /** How many promises of handlers are open: `onEnd` may run beside a handler with a loop. */
  #openHandlers = 0;
  /** Control frames among the frames received. */
  controlFrames = 0;
  /** Whether the peer is not read from until the queue has shrunk. */
  #isDrainHeld = false;
  #isClosed = false;
  /** One for each handler that was open at the same time as others; undefined before the first. */
  #timeouts: TimeoutEntry[] | undefined = undefined;
  /** What keeps a running handler's payload valid while a loop or a `receive()` goes on: its memory, or the connection. */
  #kept: RentedBuffer | "by connection" | undefined = undefined;
  /** Resolves when the loop asks for the next message; undefined while the loop waits for one. */
  #streamHold: PromiseLike<unknown> | undefined = undefined;
  #isYielding = false;
  /** Bytes left before the next yield, counted across large chunks: a runtime may hand over many in a row. */
  #bytesLeft = BYTES_PER_TURN;
  /** `traffic.lightChunks` when the bytes were last used up. */
  #lightChunks = 0;
  /** How often in a row the bytes were used up without a light chunk in between. */
  #idleWays = 0;

  /** Makes an inbox. */
  constructor(context: InboxContext, owner: InboxOwner<Face>, decoder: FrameDecoder) {
    super(decoder, context.pool, context.frame);
    this.#context = context;
    this.#owner = owner;
  }

  /** Whether a handler runs, or has a promise open. */
  get isBusy(): boolean {
    return this.#isInHandler || this.#openHandlers > 0;
  }

  /** Takes a chunk, the first `length` bytes of `buffer`: valid during the call, and as long as the input is paused by it. */
  receive(buffer: Uint8Array, length: number): void {
    this.feed(buffer, length);
    if (length < LIGHT_BYTES) {
      this.#context.traffic.lightChunks++;
      this.#lastPosition = NEVER;
    } else {
      this.#lastPosition = this.#bytesLeft;
      this.#bytesLeft -= length;
    }
    this.#beginTurn();
    if (this.#isHeld || this.#isYielding) return this.#owner.pauseInput();
    // Other sessions are waiting for a turn: a heavy talker goes behind them.
    if (length >= LIGHT_BYTES && this.#context.turns.count > 0) return this.#yieldTurn();
    this.#runTurn();
  }

  /** Continues in a new turn. */
  handleTurn(): void {
    this.#isYielding = false;
    this.#beginTurn();
    this.#continue();
  }

  /** Holds all messages back until the promise of a handler settles. */
  holdForHandler(promise: PromiseLike<unknown>): void {
    this.#openHandlers++;
    this.#isInterrupted = true;
    if (this.#isHeld) this.#owner.pauseInput();
    const timeout = this.#armTimeout();
    whenSettled(promise, () => this.#releaseHandler(timeout), (fault) => {
      this.#owner.handleFault("handler-error", fault);
      this.#releaseHandler(timeout);
    });
  }

  /** Holds all messages back until the promise of `whenDrained()` resolves: the queue has shrunk. */
  holdForDrain(whenDrained: () => Promise<void>): void {
    if (this.#isDrainHeld) return;
    this.#isDrainHeld = true;
    this.#isInterrupted = true;
    this.#owner.pauseInput();
    whenDrained().then(() => {
      this.#isDrainHeld = false;
      this.#continue();
    }, () => {}); // The session has closed.
  }

  /** The promise of a handler has been open for too long. */
  handleTimeout(): void {
    this.#owner.close("handler-timeout");
  }

  /** Holds all messages back until a loop asks for the next one. The socket is read until there is a chunk to hold. */
  holdForStream(taken: PromiseLike<unknown>): void {
    this.#streamHold = taken;
    this.#isInterrupted = true;
    if (this.hasInput) this.#owner.pauseInput();
    taken.then(() => {
      // The loop may have taken another message since.
      if (this.#streamHold !== taken) return;
      this.#streamHold = undefined;
      this.#continue();
    });
  }

  /** Sets whether a loop over the messages runs; a handler that waits for the loop does not hold it up. */
  setStreaming(isStreaming: boolean): void {
    if (isStreaming && this.isBusy && this.#kept === undefined) {
      this.#owner.keepChunk();
      this.#kept = this.takeSpentTail() ?? "by connection";
    }
    this.#isStreaming = isStreaming;
    this.#isInterrupted = true;
    // With no input to hold back, a loop leaves the socket reading, to see the peer's end at once.
    if (this.#isHeld && (!isStreaming || this.hasInput)) this.#owner.pauseInput();
    else if (!this.#isHeld && this.#isInHandler) queueMicrotask(() => this.#continue()); // A handler beside it may be waiting.
    else if (!this.#isHeld) this.#continue();
  }

  /** Cuts the frames that follow with another decoder. The rest of the chunk is handled in a microtask at the latest. */
  override switchDecoder(decoder: FrameDecoder): void {
    super.switchDecoder(decoder);
    if (this.hasInput) queueMicrotask(() => this.#continue());
  }

  /** The session takes no more messages: the turn ends after the one at hand. */
  stop(): void {
    this.#isInterrupted = true;
    for (const timeout of this.#timeouts ?? []) timeout.queue?.disarm(timeout);
  }

  /** Gives the memory back. */
  override close(): void {
    this.#isInterrupted = true;
    this.#isClosed = true;
    this.#releasePayload();
    super.close();
  }

  /** Runs code that must not be re-entered: a frame that comes in meanwhile waits. */
  guard<Result>(run: () => Result): Result {
    const wasInHandler = this.#isInHandler;
    this.#isInHandler = true;
    try {
      return run();
    } finally {
      this.#isInHandler = wasInHandler;
      if (this.#kept !== undefined && !this.isBusy) this.#releasePayload();
    }
  }

  get #isHeld(): boolean {
    return this.#isDrainHeld || (this.#isStreaming ? this.#streamHold !== undefined : this.#openHandlers > 0);
  }

  #armTimeout(): TimeoutEntry | undefined {
    const { handlerTimeouts, limits } = this.#context;
    if (limits.handlerTimeoutMs === 0 || !this.#owner.isReceiving()) return undefined;
    const timeouts = this.#timeouts ??= [];
    let timeout = timeouts.find(({ queue }) => queue === undefined);
    if (timeout === undefined) timeouts.push(timeout = new TimeoutEntry(this));
    handlerTimeouts.arm(timeout);
    return timeout;
  }

  #releasePayload(): void {
    if (typeof this.#kept === "object") this.#kept.release();
    this.#kept = undefined;
  }

  #releaseHandler(timeout: TimeoutEntry | undefined): void {
    timeout?.queue?.disarm(timeout);
    if (--this.#openHandlers > 0) return;
    this.#releasePayload();
    this.#context.scheduler.inTurn(() => { // What the handler has sent leaves at its end.
      this.#owner.handleIdle();
      this.#continue();
    });
  }

  /** Goes on where a hold or the end of a turn left off. */
  #continue(): void {
    if (this.#isYielding || this.#isInHandler || this.#isClosed || !this.#owner.isReceiving()) return;
    if (!this.#isHeld) {
      if (!this.hasInput) this.endFrame();
      else if (this.#isTurnOver()) return this.#yieldTurn();
      else this.#runTurn();
    }
    // For a loop the socket is read until there is a chunk to hold.
    const mayRead = !this.#isHeld || (this.#isStreaming && !this.#isDrainHeld && !this.hasInput);
    if (mayRead && !this.#isYielding && !this.#isClosed) this.#owner.resumeInput();
  }

  #runTurn(): void {
    const { scheduler } = this.#context;
    scheduler.enterTurn();
    try {
      this.#dispatch();
    } finally {
      scheduler.leaveTurn();
    }
    if (!this.#isClosed && !this.#owner.isReceiving()) this.#owner.handleIdle();
  }

  #dispatch(): void {
    const owner = this.#owner;
    const { frame } = this;
    let onMessageRange = owner.directHandler();
    try {
      while (this.next()) {
        this.frames++;
        this.#isInHandler = true;
        const result = frame.length < 0
          ? this.#takeReply()
          : onMessageRange === undefined
          ? owner.consume(frame.buffer, frame.offset, frame.length)
          : onMessageRange(owner.session, frame.buffer, frame.offset, frame.length);
        this.#isInHandler = false;
        const hasBudget = this.frames < this.#lookFrame && this.position < this.#lastPosition;
        if (hasBudget && result === undefined && !this.#isInterrupted) continue;
        if (result !== undefined) this.#takeResult(result);
        if (this.#kept !== undefined && this.#openHandlers === 0) this.#releasePayload();
        if (this.#isHeld) return;
        this.#isInterrupted = false;
        if (!owner.isReceiving()) return;
        if (this.hasInput && this.#isTurnOver()) return this.#yieldTurn();
        if (this.position >= this.#lastPosition && this.#mustMakeWay()) return this.#yieldTurn();
        onMessageRange = owner.directHandler();
      }
    } catch (fault) {
      const isHandlerFault = this.#isInHandler;
      this.#isInHandler = false;
      if (isHandlerFault) return owner.handleFault("handler-error", fault);
      const error = toFrameError(toError(fault));
      owner.handleFault(reasonOfFrame(error), error);
    }
  }

  /** The frame was a control frame: sends the codec's reply, if there is one. */
  #takeReply(): undefined {
    this.controlFrames++;
    const { reply, isAnswer } = this.frame;
    if (isAnswer) this.#owner.handleAnswer();
    if (reply === undefined) return;
    const result = this.#owner.sendEncoded(reply, true);
    if (result === "congested" || result === "full") this.#owner.waitForReader();
  }

  /** Looks at what a handler returned. */
  #takeResult(result: unknown): void {
    this.#isInHandler = true; // A `then` getter is code of the handler.
    const isPromise = isThenable(result);
    this.#isInHandler = false;
    if (isPromise) this.holdForHandler(result);
  }

  #beginTurn(): void {
    const { framesPerTurn } = this.#context.limits;
    this.#lookedFrame = this.frames;
    this.#lastFrame = this.frames + framesPerTurn;
    this.#lookFrame = this.frames + Math.min(framesPerTurn, FIRST_LOOK_FRAMES);
    this.#isTimed = false;
    this.frame.expandedBytes = 0;
  }

  /** Whether the turn has used up its frames, its time or its expanded bytes. Reads the clock only every few frames. */
  #isTurnOver(): boolean {
    const { frames, frame } = this;
    if (frames >= this.#lastFrame) return true;
    if (frames < this.#lookFrame) return false;
    let step = this.#context.turns.look(this, !this.#isTimed, frames - this.#lookedFrame);
    if (frame.expandedBytes > 0) step = Math.min(step, MOST_EXPANDED_FRAMES);
    if (frame.expandedBytes > BYTES_PER_TURN) step = 0;
    this.#isTimed = true;
    this.#lookedFrame = frames;
    this.#lookFrame = Math.min(this.#lastFrame, frames + step);
    return step === 0;
  }

  /**
   * Whether to yield, called when the bytes are used up: yes while light chunks keep coming, and always if sessions wait for a
   * turn.
   */
  #mustMakeWay(): boolean {
    const { lightChunks } = this.#context.traffic;
    this.#lastPosition = this.position + BYTES_PER_TURN;
    this.#bytesLeft = this.#lastPosition - this.end;
    this.#idleWays = lightChunks === this.#lightChunks ? this.#idleWays + 1 : 0;
    this.#lightChunks = lightChunks;
    return this.#idleWays < MOST_IDLE_WAYS || this.#context.turns.count > 0;
  }

  #yieldTurn(): void {
    this.#isYielding = true;
    this.#owner.pauseInput();
    this.#context.turns.add(this);
  }
}
