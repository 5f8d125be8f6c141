// The return values of an application's handlers: a promise, or any other value, whose getters may throw. Runtime neutral.

/**
 * Says whether a handler returned a promise, or what behaves as one.
 *
 * @param value What it returned.
 * @throws whatever the getter of `then` throws: call this where faults of the handler are caught.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/**
 * Waits for a promise of the application. Exactly one of the callbacks is called, once and asynchronously, whatever the
 * promise's `then` does.
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
    // A promise may have a `then` of its own, which may be hostile.
    Promise.prototype.then.call(settled, onFulfilled, onRejected);
  } catch (fault) {
    queueMicrotask(() => onRejected(fault)); // A promise whose `constructor` throws.
  }
}

/**
 * Calls application code whose result nobody waits for.
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
