// LateKeepAlive: switches TCP keep-alive on for accepted connections once they have lived for a second. Runtime neutral.

const DELAY_MS = 1_000;
/** It takes four calls to the system, some 10 us: after a storm of connections others come in between. */
const MOST_AT_ONCE = 64;
const PAUSE_MS = 10;

/** A connection that can switch it on. */
export interface KeepsAlive {
  /** Switches keep-alive on. */
  keepAlive(): void;
}

/**
 * Those calls were a third of the time that accepting took on Bun. Under a storm of connections that leave at once nobody needs
 * them, and honest clients then waited for 300 ms.
 */
export class LateKeepAlive {
  /** Those that came since the last change of generations, and those that came before. */
  #young = new Set<KeepsAlive>();
  #old = new Set<KeepsAlive>();
  #isArmed = false;
  readonly #run = () => this.#handleTimer();

  /** A connection came. */
  add(connection: KeepsAlive): void {
    this.#young.add(connection);
    if (!this.#isArmed) this.#arm(DELAY_MS);
  }

  /** It has gone. */
  remove(connection: KeepsAlive): void {
    if (!this.#young.delete(connection)) this.#old.delete(connection);
  }

  #arm(delayMs: number): void {
    this.#isArmed = true;
    const timer = setTimeout(this.#run, delayMs) as unknown as { unref?: () => void };
    timer.unref?.(); // Keeps no process alive.
  }

  #handleTimer(): void {
    this.#isArmed = false;
    let left = MOST_AT_ONCE;
    for (const connection of this.#old) {
      if (left-- === 0) return this.#arm(PAUSE_MS);
      this.#old.delete(connection);
      connection.keepAlive();
    }
    [this.#old, this.#young] = [this.#young, this.#old];
    if (this.#old.size > 0) this.#arm(DELAY_MS);
  }
}
