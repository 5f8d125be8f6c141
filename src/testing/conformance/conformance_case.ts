// ConformanceCase: a test as data, for any test runner. Types only. Runtime neutral.

/** One case of a conformance suite. */
export interface ConformanceCase {
  /** What the case is about, such as `"flow"`: cases of one group come one behind the other. */
  readonly group: string;
  /** The behaviour that is checked; no two cases of a group have the same. */
  readonly name: string;
  /** Why it cannot run here; absent if it can. */
  readonly skip?: string;
  /**
   * Runs it, with objects of its own; may be called again.
   *
   * @returns A promise that resolves if the behaviour is there, and else rejects with an Error that says what is wrong.
   */
  readonly run: () => Promise<void>;
}
