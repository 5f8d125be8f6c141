// serve() and connect(): a service, or one session of a client, in one call. Runtime neutral.

import { checkKeys, pick } from "../options.ts";
import type { Session } from "../session/session.ts";
import { CONNECT_NAMES, type ConnectOptions } from "./connector.ts";
import { LISTENER_NAMES, type ListenerOptions } from "./listener.ts";
import { type NeedsData, SERVICE_NAMES, type TcpServiceOptions } from "./service_options.ts";
import { SETTING_NAMES } from "./session_settings.ts";
import { TcpService } from "./tcp_service.ts";

/** Makes a service of options whose type has been checked by the caller: `createData` is there if `Data` needs it. */
export function makeService<Data>(options: TcpServiceOptions<Data>): TcpService<Data> {
  return new TcpService<Data>(options as TcpServiceOptions<Data> & NeedsData<Data>);
}

/** Where to listen, and all that a service takes. */
export type ServeOptions<Data = undefined> = Omit<TcpServiceOptions<Data>, "listeners"> & ListenerOptions;

/** Where to dial, and the options of a service that has one session. */
export type ConnectSessionOptions<Data = undefined> =
  & Omit<TcpServiceOptions<Data>, "listeners" | "dials" | "admission">
  & ConnectOptions;

const { listeners: _listeners, dials: _dials, admission: _admission, ...OF_SERVICE } = SERVICE_NAMES;
/** The options of `connect()`. */
export const SESSION_NAMES: Record<keyof ConnectSessionOptions, true> = { ...OF_SERVICE, ...CONNECT_NAMES };

/**
 * Makes a service that listens on one port, and starts it. More listeners can be opened by its `listen()`.
 *
 * @param options Where to listen, the handlers, and whatever else a service takes. The host is `"0.0.0.0"` if none is given.
 * @returns The service; it runs until its `stop()`.
 * @throws {ListenError} if the address cannot be listened on.
 * @throws {TypeError | RangeError} if an option is wrong.
 *
 * @example Echo
 * ```ts
 * import { connect, serve } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   onMessage: (session, payload) => session.send(payload),
 * });
 *
 * await using session = await connect({ port: service.port });
 * session.send(new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode(await session.receive()), "hello");
 * ```
 */
export async function serve<Data = undefined>(
  options: ServeOptions<Data> & NeedsData<Data>,
): Promise<TcpService<Data>> {
  checkKeys("service", options, { ...SERVICE_NAMES, ...LISTENER_NAMES });
  // An option that both take is given to the service; its only listener inherits it.
  const listener = pick(options, LISTENER_NAMES, SERVICE_NAMES) as ListenerOptions;
  const service = makeService<Data>({ ...pick(options, SERVICE_NAMES), listeners: [listener] });
  await service.start();
  return service;
}

/**
 * Dials, and opens one session, with a service of its own that is stopped once the session is over.
 *
 * @param options Where to, and whatever else a dial and a service take. The host is `"127.0.0.1"` if none is given. Without a
 * message handler the messages wait for a loop, or for `receive()`.
 * @returns The session, open.
 * @throws {ConnectError} if the dial fails.
 * @throws {TypeError | RangeError} if an option is wrong.
 *
 * @example Ask and close
 * ```ts
 * import { connect, serve } from "@laster/net";
 *
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, onMessage: (session) => session.send(new Uint8Array(1)) });
 * const session = await connect({ port: service.port, timeoutMs: 2_000 });
 * session.send(new Uint8Array([7]));
 * for await (const _payload of session) break;
 * await session.close();
 * ```
 */
export async function connect<Data = undefined>(
  options: ConnectSessionOptions<Data> & NeedsData<Data>,
): Promise<Session<Data>> {
  checkKeys("session", options, SESSION_NAMES);
  const service = makeService<Data>(pick(options, SERVICE_NAMES));
  await service.start();
  try {
    const session = await service.connect(pick(options, CONNECT_NAMES, SETTING_NAMES) as ConnectOptions);
    void session.closed.then(() => service.stop());
    return session;
  } catch (error) {
    await service.stop();
    throw error;
  }
}
