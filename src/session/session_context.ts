// What the sessions of a service share: made once by the service. Types only. Runtime neutral.

import type { Codec } from "../codec/codec.ts";
import type { Clock } from "../clock.ts";
import type { CloseEvent } from "./close_reason.ts";
import type { DiscardPacer } from "./discard_pacer.ts";
import type { FaultLog } from "./fault_log.ts";
import type { SessionHandlers } from "./handlers.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { PressureWatch } from "./pressure_watch.ts";
import type { IdleWatch } from "./idle_watch.ts";
import type { InboxContext } from "./inbox.ts";
import type { InputWatch } from "./input_watch.ts";
import type { ResolvedSessionLimits } from "./limits.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import type { Address } from "../transport/address.ts";
import type { SessionOrigin } from "./session.ts";
import type { SessionCore } from "./session_core.ts";
import type { TimeoutQueue } from "./timeout_queue.ts";

/** What a session begins with. */
export interface Beginning<Data> {
  /** What it shares with the other sessions of the service. */
  readonly context: SessionContext<Data>;
  /** Where it comes from. */
  readonly origin: SessionOrigin;
}

/** What the sessions of a service share. */
export interface SessionContext<Data> extends InboxContext, SendQueueContext {
  /** The limits of each session. */
  readonly limits: ResolvedSessionLimits;
  /** Whose time counts. */
  readonly clock: Clock;
  /** Where faults are reported. */
  readonly faults: FaultLog;
  /** The codec of new sessions. */
  readonly codec: Codec;
  /** The application's handlers. */
  readonly handlers: SessionHandlers<Data>;
  /** Finds silent peers. */
  readonly idleWatch: IdleWatch;
  /** Pings peers; undefined without the option `heartbeat`. */
  readonly heartbeat: Heartbeat | undefined;
  /** Finds peers that are gone while the input is paused. */
  readonly inputWatch: InputWatch;
  /** Slows down the input of sessions that close. */
  readonly discardPacer: DiscardPacer;
  /** The periodic checks of sessions that close. */
  readonly closeLooks: TimeoutQueue;
  /** Reports queues that fill; undefined without a listener. */
  readonly pressure: PressureWatch<Data> | undefined;
  /** A session that is in groups begins to close. */
  readonly leaveGroups: (core: SessionCore<Data>) => void;
  /** Makes a session's data. */
  readonly createData: (origin: SessionOrigin, remoteAddress: Address) => Data;
  /** A session is over, and its `onClose` has been called; `done` is what that returned, if it was a promise. */
  readonly handleSessionOver: (
    core: SessionCore<Data>,
    event: CloseEvent,
    done: PromiseLike<unknown> | undefined,
  ) => void;
}
