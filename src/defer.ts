// deferTurn(): the one yield of the package to the event loop, for the clock and the transports. Runtime neutral.

import { isRuntime } from "./runtime_name.ts";

/** Deno looks at its sockets after this long at the latest, whatever defers. */
const LOOK_MS = 4;
/** While something is always ready, Deno looks for other sockets every 61 turns of its loop. An empty turn takes 2 us. */
const LOOK_TURNS = 64;
/** If so many turns take longer, as others are busy, a timer is cheaper. It takes 2 ms. */
const LOOK_LIMIT_MS = 1;

type Callback = () => void;

let ofRuntime: ((callback: Callback) => void) | undefined = undefined;

/**
 * Calls back in a later turn of the event loop, which has looked at sockets and timers in between a few milliseconds ago at
 * most, however much is deferred. What throws does not keep the others from being called.
 *
 * @param callback What to call.
 */
export function deferTurn(callback: Callback): void {
  ofRuntime ??= isRuntime("Deno") ? deferOnDeno() : immediately();
  ofRuntime(callback);
}

/**
 * Calls back in the next turn of the event loop, which on Deno may come without a look at sockets: for work that waits for
 * sockets itself, and so cannot go on for ever without one.
 *
 * @param callback What to call.
 */
export function nextTurn(callback: Callback): void {
  immediately()(callback);
}

/** Bun and Node poll for I/O in each turn. */
function immediately(): (callback: Callback) => void {
  // No type library of the web platform declares `setImmediate`.
  return (globalThis as unknown as { setImmediate: (callback: Callback) => void }).setImmediate;
}

function deferOnDeno(): (callback: Callback) => void {
  const queue = new DeferQueue(immediately());
  return (callback) => queue.add(callback);
}

/**
 * Deno polls for I/O only when its loop has nothing to do, or after many turns, so whoever always defers would keep it from
 * it. All that is deferred waits in one queue, which stands still for that long every few milliseconds.
 */
export class DeferQueue {
  readonly #nextTurn: (callback: Callback) => void;
  #waiting: Callback[] = [];
  /** Whether `#run` is at work, or will be. */
  #isDue = false;
  #lookedMs = -Infinity;
  #turnsLeft = 0;
  #limitMs = 0;
  readonly #run = () => this.#handleTurn();
  readonly #look = () => this.#handleLook();
  readonly #endLook = () => this.#handleLookEnd();

  /** Makes a queue that waits for turns of the event loop by `nextTurn`. */
  constructor(nextTurn: (callback: Callback) => void) {
    this.#nextTurn = nextTurn;
  }

  /** Calls back in a later turn. */
  add(callback: Callback): void {
    this.#waiting.push(callback);
    if (!this.#isDue) this.#schedule();
  }

  #schedule(): void {
    this.#isDue = true;
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs < LOOK_MS) return this.#nextTurn(this.#run);
    this.#turnsLeft = LOOK_TURNS;
    this.#limitMs = nowMs + LOOK_LIMIT_MS;
    this.#nextTurn(this.#look);
  }

  #handleLook(): void {
    if (--this.#turnsLeft === 0) this.#handleLookEnd();
    else if (performance.now() < this.#limitMs) this.#nextTurn(this.#look);
    else setTimeout(this.#endLook, 0);
  }

  #handleLookEnd(): void {
    this.#lookedMs = performance.now();
    this.#handleTurn();
  }

  #handleTurn(): void {
    const callbacks = this.#waiting;
    this.#waiting = [];
    let count = 0;
    try {
      while (count < callbacks.length) callbacks[count++]();
    } finally {
      // One threw: behind it are those that were deferred before what is deferred now.
      if (count < callbacks.length) this.#waiting = callbacks.slice(count).concat(this.#waiting);
      this.#isDue = false;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}
