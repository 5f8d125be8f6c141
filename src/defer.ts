// deferTurn(): the one yield of the package to the event loop, for the clock and the transports. Runtime neutral.

import { isRuntime } from "./runtime_name.ts";

/** Milliseconds after which Deno is made to poll its sockets, however much is deferred. */
const LOOK_MS = 4;
/** Empty turns that make Deno poll its sockets: a busy loop polls every 61 turns. An empty turn takes 2 us. */
const LOOK_TURNS = 64;
/** If the empty turns take longer than this, as other code runs in them, a timer is cheaper. It takes 2 ms. */
const LOOK_LIMIT_MS = 1;

type Callback = () => void;

let ofRuntime: ((callback: Callback) => void) | undefined = undefined;

/**
 * Calls back in a later turn of the event loop. However much is deferred, the loop polls sockets and timers every few
 * milliseconds. A callback that throws does not keep the others from being called.
 *
 * @param callback What to call.
 */
export function deferTurn(callback: Callback): void {
  ofRuntime ??= isRuntime("Deno") ? deferOnDeno() : immediately();
  ofRuntime(callback);
}

/**
 * Calls back in the next turn of the event loop, which on Deno may come without a poll of the sockets. For work that waits for
 * sockets itself, and so cannot starve them.
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
 * Deno polls for I/O only when its loop is idle, or after many turns, so code that keeps deferring would starve its sockets.
 * All deferred callbacks wait in one queue, which pauses every few milliseconds until Deno has polled.
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

  /** Makes a queue; `nextTurn` calls back in the next turn of the event loop. */
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
      // One threw: the callbacks behind it go in front of those that were deferred meanwhile.
      if (count < callbacks.length) this.#waiting = callbacks.slice(count).concat(this.#waiting);
      this.#isDue = false;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}
