// What code of an application may throw or return, to the dismay of whoever looks at it. Runtime neutral.

/** Makes a value that is odd, anew each time. */
type Maker = () => unknown;

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function withGetter(target: object, name: PropertyKey): unknown {
  return Object.defineProperty(target, name, {
    get() {
      throw new Error(`${String(name)} refuses`);
    },
  });
}

/** A promise that nobody needs to handle, as its maker has done so. */
function handled(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => {});
  return promise;
}

/** Values to throw, or to reject with. */
export const ODD_FAULTS: Readonly<Record<string, Maker>> = {
  "an error": () => new Error("plain"),
  "undefined": () => undefined,
  "null": () => null,
  "a text": () => "text",
  "a symbol": () => Symbol("odd"),
  "a bigint": () => 1n,
  "an object without a prototype": () => Object.create(null),
  "a revoked proxy": () => revoked({}),
  "a revoked proxy of an error": () => revoked(new Error("plain")),
  "an error whose message throws": () => withGetter(new Error("plain"), "message"),
  "an error whose stack throws": () => withGetter(new Error("plain"), "stack"),
  "an error whose name throws": () => withGetter(new Error("plain"), "name"),
  "an error whose code throws": () => withGetter(new Error("plain"), "code"),
  "an object whose toString throws": () => withGetter({}, "toString"),
  "an object that is no primitive": () => ({ [Symbol.toPrimitive]: () => ({}) }),
};

/** Promises, and what behaves as such, that come to no good. */
export const ODD_PROMISES: Readonly<Record<string, Maker>> = {
  "a thenable that throws": () => ({
    then() {
      throw Object.create(null);
    },
  }),
  "a thenable whose then throws when read": () => withGetter({}, "then"),
  "a thenable that rejects with a symbol": () => ({
    then(_resolve: unknown, reject: (fault: unknown) => void) {
      reject(Symbol("odd"));
    },
  }),
  "a thenable that rejects twice, at once": () => ({
    then(resolve: (value: unknown) => void, reject: (fault: unknown) => void) {
      reject(Symbol("odd"));
      resolve(undefined);
      reject(Symbol("odd"));
      throw Symbol("odd");
    },
  }),
  "a promise rejected with an object without a prototype": () => Promise.reject(Object.create(null)),
  "a promise rejected with a revoked proxy": () => Promise.reject(revoked({})),
  "a promise whose constructor throws": () => withGetter(handled(Promise.reject(new Error("plain"))), "constructor"),
  "a promise whose own then throws": () =>
    Object.assign(Promise.reject(new Error("plain")), {
      then() {
        throw Symbol("odd");
      },
    }),
};

/** Values to return. */
export const ODD_RESULTS: Readonly<Record<string, Maker>> = {
  ...ODD_FAULTS,
  "a thenable that calls twice": () => ({
    then(resolve: (value: unknown) => void, reject: (fault: unknown) => void) {
      resolve(undefined);
      reject(Symbol("odd"));
      resolve(undefined);
    },
  }),
  "a function that is thenable": () => Object.assign(() => {}, { then: () => {} }),
  "NaN": () => NaN,
  "a negative number": () => -1,
};
