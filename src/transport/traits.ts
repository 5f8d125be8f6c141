// TransportTraits: how a transport behaves, for services that adapt to it. Types only. Runtime neutral.

import type { Clock } from "../clock.ts";

/** How a transport behaves, where a service does better if it knows. A transport around another one passes it on whole. */
export interface TransportTraits {
  /**
   * Whether connections that become ready together hand over their chunks one after the other, before any microtask that is
   * queued meanwhile. The service then sends after the last chunk what all of them caused, broadcasts too: one write for each
   * receiver.
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
   * Calls back after the poll phase of the event loop, when all connections that were ready together have handed over their
   * chunks, perhaps with microtasks in between. Small answers to several of them are then sent together.
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
