// What an adapter does on a runtime with what the system has, where that differs: each field says why it is needed. Runtime
// neutral.

/** What an adapter does on a runtime. */
export interface SystemTraits {
  /** What becomes of a listener when the process has no descriptor left for the next connection. */
  readonly outOfFiles: OutOfFiles;
  /**
   * The silence after which the system asks the peer for a sign of life. Deno takes no times:
   * there it is Linux' two hours, and two more minutes and a half until the connection is given up.
   */
  readonly keepAliveMs: number;
  /** Whether it has `afterPoll`. */
  readonly hasAfterPoll: boolean;
}

/** What becomes of a listener when the process has no descriptor left. */
export type OutOfFiles =
  /** `onAcceptError` says so, and accepting goes on afterwards. */
  | "reported"
  /** Accepting goes on afterwards; meanwhile connections wait, or are closed, and nobody is told. */
  | "silent"
  /** It never accepts again. */
  | "fatal";
