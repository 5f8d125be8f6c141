// What handlers of an application return: a promise, or anything else, which may be hostile to whoever looks at it. Runtime
// neutral.

/**
 * Says whether a handler returned a promise, or what behaves as one.
 *
 * @param value What it returned.
 * @throws what the getter of `then` throws: call it where a fault of the handler is caught.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/**
 * Waits for a promise of an application's. Exactly one of the callbacks is called, once and later, whatever its `then` does.
 *
 * @param promise What a handler returned.
 * @param onFulfilled It was fulfilled.
 * @param onRejected It was rejected, or its `then` threw.
 */
export function whenSettled(
  promise: PromiseLike<unknown>,
  onFulfilled: () => void,
  onRejected: (fault: unknown) => void,
): void {
  let settled: Promise<unknown>;
  try {
    settled = Promise.resolve(promise);
    // Not the `then` of its own that a promise may have.
    Promise.prototype.then.call(settled, onFulfilled, onRejected);
  } catch (fault) {
    queueMicrotask(() => onRejected(fault)); // A promise whose `constructor` throws.
  }
}

/**
 * Calls code of an application that nothing waits for.
 *
 * @param call What to call.
 * @param onFault Told of what it throws, or what its promise is rejected with; must not throw.
 */
export function callGuarded(call: () => unknown, onFault: (fault: unknown) => void): void {
  try {
    const result = call();
    if (isThenable(result)) whenSettled(result, () => {}, onFault);
  } catch (fault) {
    onFault(fault);
  }
}
