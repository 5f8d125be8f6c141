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
  /** What it shares with others. */
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
  /** How frames are cut and made. */
  readonly codec: Codec;
  /** The application. */
  readonly handlers: SessionHandlers<Data>;
  /** Who finds silent peers. */
  readonly idleWatch: IdleWatch;
  /** Who asks peers for signs of life; undefined if nobody does. */
  readonly heartbeat: Heartbeat | undefined;
  /** Who finds peers that are gone while they are not listened to. */
  readonly inputWatch: InputWatch;
  /** Who slows down what is dropped. */
  readonly discardPacer: DiscardPacer;
  /** When the ends of sessions are looked at. */
  readonly closeLooks: TimeoutQueue;
  /** Who hears of queues that fill; undefined if nobody wants to. */
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
