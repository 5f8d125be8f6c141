// The yield of the transports to the event loop. Runtime neutral.

/** Calls back in the next turn of the event loop. */
export function deferTurn(callback: () => void): void {
  // No type library of the web platform declares `setImmediate`.
  const { setImmediate } = globalThis as unknown as { setImmediate: (callback: () => void) => void };
  setImmediate(callback);
}
