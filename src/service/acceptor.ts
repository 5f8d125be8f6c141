// Acceptor: what comes in through the listeners of a service: which connections become sessions, and which are refused.
// Runtime neutral.

import type { Clock } from "../clock.ts";
import { type ListenError, messageOf, toError } from "../errors.ts";
import type { FaultLog } from "../session/fault_log.ts";
import type { AcceptHandler, Connection } from "../transport/transport.ts";
import { OpenFilesBound } from "./open_files.ts";
import { Refusals, type RefusalsOptions } from "./refusals.ts";

/** For how long errors are reported without their stacks once file descriptors have run out. */
const STACKLESS_MS = 60_000;

/** What an acceptor needs of its service. */
export interface AcceptorOptions extends RefusalsOptions {
  /** Whose time counts. */
  readonly clock: Clock;
  /** Where faults are reported. */
  readonly faults: FaultLog;
  /** Sessions that there may be. */
  readonly maxConnections: number;
  /** Files that the process may open; undefined if the runtime does not say. */
  readonly maxOpenFiles: number | undefined;
  /** Sessions that there are. */
  readonly countSessions: () => number;
  /** Whether the service takes new ones. */
  readonly isAccepting: () => boolean;
  /** Makes a session of a connection. */
  readonly open: (connection: Connection) => void;
}

/** Takes the connections of all listeners of a service. */
export class Acceptor implements AcceptHandler {
  /** Accepts that failed. */
  errors = 0;
  /** Connections that were refused. */
  readonly refusals: Refusals;
  readonly #options: AcceptorOptions;
  readonly #openFiles: OpenFilesBound;

  /** Makes it. */
  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.refusals = new Refusals(options);
    this.#openFiles = new OpenFilesBound(options.clock, options.maxOpenFiles);
  }

  /** Says so if there will be fewer sessions than the options allow. */
  warnOfFewFiles(): void {
    const { maxOpenFiles, sessions } = this.#openFiles;
    const { faults, maxConnections } = this.#options;
    if (maxOpenFiles === undefined || sessions >= maxConnections) return;
    const message = "At most {sessions} sessions, not {maxConnections}, as the process may open {maxOpenFiles} files";
    faults.report(message, "warn", message, { sessions, maxConnections, maxOpenFiles });
  }

  onConnection(connection: Connection): void {
    const { countSessions, faults, isAccepting, maxConnections, open } = this.#options;
    if (!isAccepting()) return this.refusals.refuse(connection, "not-running");
    if (countSessions() >= maxConnections) return this.refusals.refuse(connection, "max-connections");
    if (countSessions() >= this.#openFiles.sessions) return this.refusals.refuse(connection, "open-files");
    try {
      open(connection);
    } catch (fault) {
      const message = "Opening a session failed: {error}";
      faults.report(message, "error", message, { error: toError(fault) });
    }
  }

  onAcceptError(error: ListenError): void {
    this.errors++;
    if (error.code === "too-many-files") {
      this.#openFiles.handleExhausted(this.#options.countSessions());
      this.#options.faults.withholdStacks(STACKLESS_MS);
    }
    this.#options.faults.report("accept", "warn", "Accepting failed: {error}", { error: messageOf(error) });
  }
}
