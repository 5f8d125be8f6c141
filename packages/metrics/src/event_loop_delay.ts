// EventLoopDelay: how late the event loop is. Uses a timer of its own, as Deno's `monitorEventLoopDelay` always says 0. Runtime
// neutral.

const INTERVAL_MS = 100;

/** Measures how late a timer comes, ten times a second. */
export class EventLoopDelay {
  readonly #observe: (seconds: number) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #dueMs = performance.now() + INTERVAL_MS;

  /** Begins; `observe` is told each delay, in seconds. Does not keep the process alive. */
  constructor(observe: (seconds: number) => void) {
    this.#observe = observe;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Ends. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    this.#observe(Math.max(0, nowMs - this.#dueMs) / 1_000);
    this.#dueMs = nowMs + INTERVAL_MS;
  }
}
