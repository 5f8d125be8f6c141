// The options of transportCases(), and what the suite makes of them. Runtime neutral.

import { checkKeys, requireInteger } from "../../../options.ts";
import { DEFAULT_TIMEOUT_MS } from "../waiting.ts";
import type { Address } from "../../../transport/address.ts";
import type { TransportCapabilities } from "../../../transport/capabilities.ts";
import type { Transport } from "../../../transport/transport.ts";

/** The kinds of socket that a case runs over. */
export type Network = Address["kind"];

/** The longest delay of a timer on all runtimes. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Options of {@linkcode transportCases}. */
export interface TransportCasesOptions {
  /**
   * Makes the transport under test. Each case asks for its own, and listens on port 0 of `127.0.0.1` and, where it is a socket
   * of the system, of `0.0.0.0`, `localhost`, `::1` and `::`.
   */
  readonly makeTransport: () => Transport;
  /**
   * Makes a transport that reaches the one under test, and whose `abort()` sends a reset over TCP, to break connections from
   * the other end: `nodeTransport()` for sockets.
   *
   * @default {makeTransport, if its `capabilities.reset` is not "missing"; else the cases of the group "break" are skipped}
   */
  readonly makePeer?: (() => Transport) | undefined;
  /**
   * Makes an empty folder for the Unix sockets of one case, disposed of at the end of the case: `mkdtempDisposableSync()` of
   * `node:fs` makes one. For a transport in memory any path will do.
   *
   * @default {undefined: cases over Unix sockets are skipped}
   */
  readonly makeFolder?: (() => SocketFolder) | undefined;
  /**
   * The kinds of socket that cases run over. `"tcp"` must be among them.
   *
   * @default {["tcp", "unix"]}
   */
  readonly networks?: readonly Address["kind"][] | undefined;
  /**
   * Whether the connections are sockets of the operating system. Those have host names, paths that may be wrong, and buffers of
   * some hundred kilobytes, and `heldBytes` counts what `probe()` reads ahead; connections in memory have none of these.
   *
   * @default {true}
   */
  readonly isSystem?: boolean | undefined;
  /**
   * The networks on which the peer sees a reset, not an end, after `abort()`.
   *
   * @default {[] if `capabilities.reset` is "missing", else ["tcp"], or all of `networks` if `isSystem` is false}
   */
  readonly abortResets?: readonly Address["kind"][] | undefined;
  /**
   * Whether a reset may show as an end first, as with TLS.
   *
   * @default {false}
   */
  readonly mayEndFirst?: boolean | undefined;
  /**
   * How long a case waits for what must come, in milliseconds, 1 to 2^31 - 1. Only a failure waits so long.
   *
   * @default {30000}
   */
  readonly timeoutMs?: number | undefined;
}

/** A folder that is gone when it is disposed of. */
export interface SocketFolder extends Disposable {
  /** Where it is. */
  readonly path: string;
}

/** The options, all of them. */
export interface TransportSettings {
  readonly makeTransport: () => Transport;
  readonly makePeer: (() => Transport) | undefined;
  readonly makeFolder: (() => SocketFolder) | undefined;
  readonly networks: readonly Network[];
  readonly isSystem: boolean;
  readonly abortResets: readonly Network[];
  readonly mayEndFirst: boolean;
  readonly timeoutMs: number;
  /** What the transport says of itself. */
  readonly capabilities: TransportCapabilities | undefined;
}

const NAMES: Record<keyof TransportCasesOptions, true> = {
  makeTransport: true,
  makePeer: true,
  makeFolder: true,
  networks: true,
  isSystem: true,
  abortResets: true,
  mayEndFirst: true,
  timeoutMs: true,
};

/** Fills the options in. */
export function resolveSettings(options: TransportCasesOptions): TransportSettings {
  checkKeys("transport cases", options, NAMES);
  const { makeTransport, makeFolder, networks = ["tcp", "unix"], isSystem = true, mayEndFirst = false } = options;
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  requireInteger("create transport cases", "timeoutMs", timeoutMs, 1, LONGEST_TIMEOUT_MS);
  if (!networks.includes("tcp")) {
    throw new TypeError(`Cannot create transport cases as networks must have "tcp": current value is ${networks}`);
  }
  const { capabilities } = makeTransport();
  const hasReset = capabilities !== undefined && capabilities.reset !== "missing";
  const resets: readonly Network[] = isSystem ? ["tcp"] : networks; // A system's Unix sockets know no reset.
  const abortResets = options.abortResets ?? (hasReset ? resets : []);
  const makePeer = options.makePeer ?? (hasReset ? makeTransport : undefined);
  return { makeTransport, makePeer, makeFolder, networks, isSystem, abortResets, mayEndFirst, timeoutMs, capabilities };
}
