// sleep(): waits on a `Clock`, and can be aborted. Runtime neutral.

import type { Clock } from "./clock.ts";
import { LARGEST_TIMER_MS } from "./options.ts";

/** Waits for `delayMs`, at most 2^31 - 1, or until the signal aborts; resolves in both cases. */
export async function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onEnd = () => resolve();
  const timer = clock.setTimer(onEnd, Math.min(delayMs, LARGEST_TIMER_MS));
  signal?.addEventListener("abort", onEnd, { once: true });
  await promise;
  clock.clearTimer(timer);
  signal?.removeEventListener("abort", onEnd);
}
