// A wait by a clock that can be cut short. Runtime neutral.

import type { Clock } from "./clock.ts";

/** Waits for so many milliseconds, or until the signal aborts; rejects in neither case. */
export async function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onEnd = () => resolve();
  const timer = clock.setTimer(onEnd, delayMs);
  signal?.addEventListener("abort", onEnd, { once: true });
  await promise;
  clock.clearTimer(timer);
  signal?.removeEventListener("abort", onEnd);
}
