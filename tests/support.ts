// What the tests of services share: a deadline for every wait, services that are checked for leaks, and the transports
// that this runtime has.

import { assertEquals } from "@std/assert";
import {
  type CloseEvent,
  type NeedsData,
  type Session,
  silentLogger,
  simpleBinary,
  TcpService,
  type TcpServiceOptions,
  type Transport,
} from "@laster/net";
import { defaultTransport, memoryTransport, nodeTransport } from "@laster/net/transport";
import { oneOf } from "./share.ts";

/** No wait of a sound run takes a tenth of this, on a loaded machine either. */
const DEADLINE_MS = 20_000;

/** What `pattern()` copies from: some tests ask for thousands of the same. */
const PERIOD = makePattern(65_536, 0);

/** Waits for a promise, but not for ever. */
export async function within<Result>(
  promise: Promise<Result>,
  what: string,
  deadlineMs = DEADLINE_MS,
): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`waited ${deadlineMs} ms for ${what}`)), deadlineMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `check` at every turn of the event loop until it says true. */
export async function until(check: () => boolean, what: string, deadlineMs = DEADLINE_MS): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms until ${what}`);
    await turn();
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * The transports that this runtime has: its own, Node's, and memory. Where several runtimes are run, its own and one of the others: that
 * all of them work the same on each is what the conformance suite shows.
 */
export function transportsHere(): readonly { readonly name: string; readonly make: () => Transport }[] {
  const own = { name: defaultTransport().name, make: defaultTransport };
  const others = [{ name: "node", make: nodeTransport }, { name: "memory", make: () => memoryTransport() }];
  return [own, ...oneOf(others.filter(({ name }) => name !== own.name))];
}

/** The sockets of this runtime, without memory. */
export function socketTransportsHere(): ReturnType<typeof transportsHere> {
  return transportsHere().filter(({ name }) => name !== "memory");
}

/** A server and a client over one transport, the server listening. */
export interface Pair<ServerData = undefined, ClientData = undefined> extends AsyncDisposable {
  readonly server: TcpService<ServerData>;
  readonly client: TcpService<ClientData>;
  readonly port: number;
  /** Opens a session and gives its two ends. */
  connect(): Promise<{ readonly near: Session<ClientData>; readonly far: Session<ServerData> }>;
}

/** Starts a server and a client; when disposed of, stops both and checks that nothing is left. */
export async function startPair<ServerData = undefined, ClientData = undefined>(
  transport: Transport,
  serverOptions: TcpServiceOptions<ServerData> = {},
  clientOptions: TcpServiceOptions<ClientData> = {},
): Promise<Pair<ServerData, ClientData>> {
  const common = { transport, codec: simpleBinary(), logger: silentLogger() };
  const server = new TcpService<ServerData>(
    { ...common, ...serverOptions } as TcpServiceOptions<ServerData> & NeedsData<ServerData>,
  );
  const client = new TcpService<ClientData>(
    { ...common, ...clientOptions } as TcpServiceOptions<ClientData> & NeedsData<ClientData>,
  );
  await server.start();
  await client.start();
  const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });
  const port = address.kind === "tcp" ? address.port : 0;
  return {
    server,
    client,
    port,
    async connect() {
      const before = server.stats().openedSessions;
      const near = await within(client.connect({ port }), "a dial");
      await until(() => server.stats().openedSessions > before, "the server has the session");
      const far = [...server.sessions()].at(-1);
      if (far === undefined) throw new Error("the server's session is over already");
      return { near, far };
    },
    async [Symbol.asyncDispose]() {
      await within(Promise.all([client.stop(), server.stop()]), "both services to stop");
      assertNothingLeft(server);
      assertNothingLeft(client);
    },
  };
}

/** Checks that a stopped service holds nothing. */
export function assertNothingLeft<Data>(service: TcpService<Data>): void {
  const { sessions, openedSessions, closedSessions, dials, listeners, pool } = service.stats();
  const closed = Object.values(closedSessions).reduce((sum, count) => sum + count, 0);
  assertEquals(
    { sessions, dials, listeners: listeners.length, outstanding: pool.outstanding, unclosed: openedSessions - closed },
    { sessions: 0, dials: 0, listeners: 0, outstanding: 0, unclosed: 0 },
  );
}

/** Text as a payload. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A payload as text. */
export function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

/** Bytes that are a function of their place, so that a loss or a swap shows. */
export function pattern(length: number, seed = 0): Uint8Array {
  if (seed === 0 && length <= PERIOD.length) return PERIOD.slice(0, length);
  return makePattern(length, seed);
}

function makePattern(length: number, seed: number): Uint8Array {
  const payload = new Uint8Array(length);
  for (let index = 0; index < length; index++) payload[index] = (index * 31 + (index >>> 8) * 7 + seed) & 0xff;
  return payload;
}

/** Collects what closes, and hands it out to who waits. */
export class CloseLog {
  readonly events: CloseEvent[] = [];
  readonly #first = Promise.withResolvers<CloseEvent>();

  /** Resolves with the first event. */
  get first(): Promise<CloseEvent> {
    return this.#first.promise;
  }

  /** Use as `onClose`. */
  readonly onClose = (_session: unknown, event: CloseEvent): void => {
    this.events.push(event);
    this.#first.resolve(event);
  };
}
