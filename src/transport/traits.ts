// What is told of a transport beside its methods. Types only. Runtime neutral.

import type { Clock } from "../clock.ts";

/** How a transport behaves, where a service does better if it knows. A transport around another one passes it on whole. */
export interface TransportTraits {
  /**
   * Whether connections that become ready together hand their chunks over one behind the other, before any microtask that is
   * queued meanwhile. Broadcasts then leave together behind the last one, as one write for each receiver, and so does what a
   * turn sends to more than one session.
   *
   * @default {false}
   */
  readonly batchedReads?: boolean;
  /**
   * Whether `write` answers false even when the peer keeps up, as on Deno, where every write is over a moment later.
   *
   * @default {false}
   */
  readonly asyncWrites?: boolean;
  /**
   * Calls back behind the poll phase of the event loop: once all connections that were ready together have handed their chunks
   * over, where there may be microtasks between them. Small answers to several of them then leave together.
   *
   * @default {undefined}
   */
  readonly afterPoll?: (callback: () => void) => void;
  /**
   * How many files the process may have open, if the runtime lets it be known; a socket is a file.
   *
   * @default {undefined, which is not known}
   */
  readonly maxOpenFiles?: number | undefined;
}

/** What the transports of a runtime are made with. */
export interface TransportOptions {
  /**
   * Where their timers come from: late keep-alive, the pause after an accept that failed.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}
