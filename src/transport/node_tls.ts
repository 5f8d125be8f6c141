// TLS for every transport: listens and dials through `node:net`, and speaks TLS through `node:tls`. Runs on Node, Bun and Deno.

import { connect as connectRaw, createServer as createRawServer, isIP, type Socket } from "node:net";
import {
  connect as connectTls,
  createServer as createTlsServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from "node:tls";
import type { Clock } from "../clock.ts";
import { ConnectError, ConnectionError, ListenError } from "../errors.ts";
import { isRuntime } from "../runtime_name.ts";
import { guardAccepts } from "./accept_guard.ts";
import { type Address, formatAddress, tcpAddress } from "./address.ts";
import { readCertificateNames } from "./certificate_names.ts";
import { DEFAULT_BACKLOG } from "./default_backlog.ts";
import { toCertificateError, toConnectError, toListenError, toTlsError } from "./error_codes.ts";
import { LateKeepAlive } from "./late_keep_alive.ts";
import { switchDelayOn } from "./node_delay.ts";
import { resolveHost } from "./node_host.ts";
import { mayUseNetwork } from "./node_process.ts";
import { readRawProxyHeader } from "./raw_proxy_header.ts";
import { type DialOptions, type HandedListenOptions, keepAliveDelayOf } from "./socket_options.ts";
import { endsOf, TlsConnection, type TlsEnds } from "./tls_connection.ts";
import { contextOptions, contextsOf } from "./tls_contexts.ts";
import { checkTlsDial, replaceIdentities, type ResolvedTlsListen, resolveTlsListen, splitPem } from "./tls_identity.ts";
import type { TlsDialOptions, TlsInfo, TlsListenOptions } from "./tls_options.ts";
import { RecordWatch } from "./tls_record_watch.ts";
import type { AcceptHandler, Connection, PendingConnection, TransportListener } from "./transport.ts";

/** A handshake under way. */
interface Handshake {
  readonly raw: Socket;
  readonly resolve: (socket: TLSSocket) => void;
  readonly reject: (error: ConnectionError) => void;
  readonly timer: unknown;
  /** When it began. */
  readonly startMs: number;
  /** What was read of the socket before: a PROXY header. */
  readonly bytesBefore: number;
}

/** How long a client that has begun its handshake keeps its place in it, in milliseconds: a sound handshake takes no longer. */
const KEPT_PLACE_MS = 1_000;

/** What tells whether a client may come in. */
type ClientSocket = Pick<TLSSocket, "authorized" | "authorizationError" | "getPeerCertificate">;

/**
 * Listens for TLS.
 *
 * @param clock Whose timers bound handshakes.
 * @param address Where; TCP only.
 * @param acceptHandler Takes the connections: before their handshake if it has `onPending`, else after it.
 * @param options How; `tls` must be among them.
 * @returns The listener.
 * @throws {ListenError} if the address cannot be listened on.
 * @throws {TypeError | RangeError} if an option of TLS is wrong.
 */
export async function listenTls(
  clock: Clock,
  address: Address,
  acceptHandler: AcceptHandler,
  options: HandedListenOptions,
): Promise<TransportListener> {
  const handler = guardAccepts(acceptHandler);
  const text = formatAddress(address);
  const { backlog = DEFAULT_BACKLOG, ipv6Only = false, noDelay = true, reusePort = false, tls, fd } = options;
  if (address.kind !== "tcp" || tls === undefined) throw new ListenError("unsupported", text);
  const acceptor = new TlsAcceptor(clock, tls, keepAliveDelayOf(options));
  const server = createRawServer({ allowHalfOpen: true, noDelay }, (raw) => {
    if (raw.remoteAddress === undefined) return void raw.destroy(); // Reset while it waited in the queue.
    if (!noDelay) switchDelayOn(raw);
    const pending = new PendingTls(acceptor, raw);
    if (handler.onPending !== undefined) return handler.onPending(pending);
    pending.secure().then((connection) => handler.onConnection(connection), () => {});
  });
  const { promise, resolve, reject } = Promise.withResolvers<TransportListener>();
  server.once("error", (cause) => reject(toListenError(cause, text)));
  const host = await resolveHost(address.hostname, text);
  if (!mayUseNetwork(formatAddress({ ...address, hostname: host }))) throw new ListenError("permission-denied", text);
  try {
    const where = fd === undefined ? { host, port: address.port, ipv6Only, reusePort } : { fd };
    server.listen({ ...where, backlog }, () => {
      server.removeAllListeners("error");
      server.on("error", (cause) => handler.onAcceptError(toListenError(cause, text)));
      const bound = server.address();
      resolve({
        address: bound !== null && typeof bound === "object" ? tcpAddress(bound.address, bound.port) : address,
        setCertificates: (identities) => acceptor.setCertificates(identities),
        close() {
          if (server.listening) server.close();
          if (handler.onPending === undefined) acceptor.close();
          return Promise.resolve();
        },
      });
    });
  } catch (cause) {
    throw toListenError(cause, text);
  }
  return await promise;
}

/** A TCP connection that has come, before its handshake. */
class PendingTls implements PendingConnection, TlsEnds {
  readonly localAddress: Address;
  remoteAddress: Address;
  readonly #acceptor: TlsAcceptor;
  readonly #raw: Socket;

  constructor(acceptor: TlsAcceptor, raw: Socket) {
    this.#acceptor = acceptor;
    this.#raw = raw;
    ({ localAddress: this.localAddress, remoteAddress: this.remoteAddress } = endsOf(raw));
    raw.on("error", () => {}); // "close" follows, which rejects the handshake.
  }

  async readProxyHeader(timeoutMs: number): Promise<void> {
    this.remoteAddress = await readRawProxyHeader(this.#raw, this.#acceptor.clock, timeoutMs) ?? this.remoteAddress;
  }

  secure(): Promise<Connection> {
    return this.#acceptor.secure(this.#raw, this);
  }

  close(): void {
    this.#raw.destroy();
  }
}

/** Makes the handshakes of one listener. */
class TlsAcceptor {
  /** Where time comes from. */
  readonly clock: Clock;
  #options: ResolvedTlsListen;
  readonly #keepAliveDelayMs: number;
  readonly #keepAlive: LateKeepAlive;
  readonly #recordWatch: RecordWatch;
  /** Does not listen itself: sockets are handed to it by `emit("connection")`. */
  readonly #server: Server;
  #contexts: ReadonlyMap<string, SecureContext>;
  /** By both addresses and ports, which a socket still tells when it is handed back. */
  readonly #handshakes = new Map<string, Handshake>();

  constructor(clock: Clock, options: TlsListenOptions, keepAliveDelayMs: number) {
    this.clock = clock;
    this.#options = resolveTlsListen(options);
    this.#keepAliveDelayMs = keepAliveDelayMs;
    this.#keepAlive = new LateKeepAlive(clock);
    this.#recordWatch = new RecordWatch(clock);
    this.#contexts = contextsOf(this.#options);
    const { alpn, clientCertificates } = this.#options;
    this.#server = createTlsServer({
      ...contextOptions(this.#options, this.#options),
      allowHalfOpen: true,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      requestCert: clientCertificates !== "none",
      rejectUnauthorized: false, // `#handleSecure` checks instead, to tell a refused certificate from a failed handshake.
      handshakeTimeout: 2 ** 31 - 1, // `handshakeTimeoutMs` bounds it instead.
      SNICallback: (name, done) => done(null, this.#findContext(name)),
    });
    this.#server.on("secureConnection", (socket: TLSSocket) => this.#handleSecure(socket));
    this.#server.on("tlsClientError", (cause: Error, socket: TLSSocket) => this.#fail(keyOf(socket), cause));
  }

  /** Makes the handshake of a connection that has come. */
  async secure(raw: Socket, ends: TlsEnds): Promise<Connection> {
    const { maxHandshakes, handshakeTimeoutMs } = this.#options;
    const key = keyOf(raw);
    this.#fail(key, undefined); // An older connection between the same addresses and ports, whose end has not been reported.
    if (this.#handshakes.size >= maxHandshakes && !this.#makeRoom()) {
      raw.destroy();
      throw new ConnectionError("too-many-handshakes");
    }
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    const timer = this.clock.setTimer(
      () => this.#fail(key, new ConnectionError("handshake-timeout")),
      handshakeTimeoutMs,
    );
    const bytesBefore = raw.bytesRead - raw.readableLength;
    this.#handshakes.set(key, { raw, resolve, reject, timer, startMs: this.clock.now(), bytesBefore });
    raw.once("close", () => this.#fail(key, undefined, raw));
    // If the peer ends its side during the handshake, the connection closes; `#handleSecure` allows half-open connections.
    raw.allowHalfOpen = false;
    this.#server.emit("connection", raw);
    const socket = await promise;
    const connection = new TlsConnection(socket, raw, {
      clock: this.clock,
      ends,
      tls: infoOf(socket, "accepted"),
      keepAliveDelayMs: this.#keepAliveDelayMs,
    });
    // Without keep-alive, too: it also finds a reset right after the handshake.
    this.#keepAlive.add(connection);
    // Bun and Deno end a peer that sends many key updates.
    if (isRuntime("Node") && connection.tls.protocol === "TLSv1.3" && !socket.destroyed) {
      this.#recordWatch.add(connection);
    }
    socket.on("close", () => {
      this.#keepAlive.remove(connection);
      this.#recordWatch.remove(connection);
    });
    return connection;
  }

  /** Takes other certificates from the next handshake on; sessions that are there go on. */
  setCertificates(identities: Pick<TlsListenOptions, "cert" | "key" | "serverNames">): void {
    const options = replaceIdentities(this.#options, identities);
    const contexts = contextsOf(options);
    // Replaces `minVersion` and the authorities too: they have to be given again.
    this.#server.setSecureContext(contextOptions(options, options));
    this.#options = options;
    this.#contexts = contexts;
  }

  /** Fails all handshakes under way: nobody else knows of them, if there is no `onPending`. */
  close(): void {
    for (const key of [...this.#handshakes.keys()]) this.#fail(key, undefined);
  }

  #findContext(name: string): SecureContext | undefined {
    const lower = name.toLowerCase();
    return this.#contexts.get(lower) ?? this.#contexts.get(`*${lower.slice(lower.indexOf("."))}`) ??
      this.#contexts.get("");
  }

  /**
   * Ends the oldest handshake whose client has sent nothing, else the oldest one. Sound clients begin at once; those that have
   * begun keep their places for a while, for a crowd of them would else end each other's handshakes and nobody come in.
   *
   * @returns Whether there is room now.
   */
  #makeRoom(): boolean {
    const nowMs = this.clock.now();
    let place: string | undefined;
    for (const [key, { raw, bytesBefore, startMs }] of this.#handshakes) {
      if (raw.bytesRead <= bytesBefore) {
        place = key;
        break;
      }
      if (nowMs - startMs >= KEPT_PLACE_MS) place ??= key;
    }
    if (place === undefined) return false;
    this.#fail(place, new ConnectionError("too-many-handshakes"));
    return true;
  }

  #handleSecure(socket: TLSSocket): void {
    const handshake = this.#take(keyOf(socket));
    if (handshake === undefined) return void socket.destroy();
    socket.allowHalfOpen = handshake.raw.allowHalfOpen = true;
    socket.on("error", () => {}); // `TlsConnection` listens for errors next.
    const refusal = findRefusal(socket, this.#options.clientCertificates);
    if (refusal === undefined) return handshake.resolve(socket);
    socket.destroy();
    handshake.raw.destroy();
    handshake.reject(refusal);
  }

  #fail(key: string, cause: Error | undefined, raw?: Socket): void {
    const found = this.#handshakes.get(key);
    if (found === undefined || (raw !== undefined && found.raw !== raw)) return;
    this.#take(key);
    found.raw.destroy();
    found.reject(cause instanceof ConnectionError ? cause : toTlsError(cause));
  }

  #take(key: string): Handshake | undefined {
    const handshake = this.#handshakes.get(key);
    if (handshake === undefined) return undefined;
    this.#handshakes.delete(key);
    this.clock.clearTimer(handshake.timer);
    return handshake;
  }
}

/**
 * Looks at the certificate of a client whose handshake is done.
 *
 * @param socket Its socket.
 * @param clientCertificates Whether it must have one.
 * @returns Why it may not come in; undefined if it may.
 */
export function findRefusal(
  socket: ClientSocket,
  clientCertificates: "none" | "asked" | "required",
): ConnectionError | undefined {
  if (clientCertificates === "none") return undefined;
  if (!hasCertificate(socket)) {
    // Whatever `authorized` says: a runtime may call a resumed session of TLS 1.3 authorized that never had a certificate.
    return clientCertificates === "required" ? new ConnectionError("certificate-missing") : undefined;
  }
  return socket.authorized ? undefined : toCertificateError(socket.authorizationError);
}

/**
 * Dials, and makes the handshake.
 *
 * @param clock Whose timer bounds a close.
 * @param address Where to; TCP only.
 * @param options How; `tls` must be among them.
 * @returns The connection, not started.
 * @throws {ConnectError} if it does not come about; the codes of certificates say what is wrong with the server's.
 * @throws {TypeError} if an option of TLS is wrong.
 */
export async function dialTls(
  clock: Clock,
  address: Address,
  options: DialOptions,
): Promise<Connection> {
  const { localAddress, noDelay = true, signal, tls } = options;
  const text = formatAddress(address);
  if (address.kind !== "tcp" || tls === undefined) throw new ConnectError("unsupported", text);
  checkTlsDial(tls);
  if (signal?.aborted) throw new ConnectError("aborted", text, { cause: signal.reason });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  let raw: Socket;
  try {
    raw = connectRaw({ host: address.hostname, port: address.port, localAddress, noDelay, allowHalfOpen: true });
  } catch (cause) {
    throw toConnectError(cause, text);
  }
  const fail = (cause: unknown) => {
    reject(cause);
    raw.destroy();
  };
  const onAbort = () => fail(new DOMException("The dial was aborted", "AbortError"));
  signal?.addEventListener("abort", onAbort, { once: true });
  raw.on("error", fail);
  raw.once("close", () => reject(new Error("the connection was closed in the handshake")));
  raw.once("connect", () => {
    if (!noDelay) switchDelayOn(raw);
    try {
      const socket = secureDial(raw, tls.serverName ?? address.hostname, tls);
      socket.on("error", fail);
      socket.once("secureConnect", () => resolve(socket));
    } catch (cause) {
      fail(cause); // A certificate that this runtime takes from nobody.
    }
  });
  try {
    const socket = await promise;
    const keepAliveDelayMs = keepAliveDelayOf(options);
    const tlsInfo = infoOf(socket, "dialled");
    const connection = new TlsConnection(socket, raw, { clock, ends: endsOf(raw), tls: tlsInfo, keepAliveDelayMs });
    connection.keepAlive();
    return connection;
  } catch (cause) {
    throw toConnectError(cause, text);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Begins the handshake of a dial. */
function secureDial(raw: Socket, name: string, tls: TlsDialOptions): TLSSocket {
  return connectTls({
    socket: raw,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(tls.ca === undefined ? {} : { ca: [...splitPem(tls.ca)] }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
    ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
    minVersion: tls.minVersion ?? "TLSv1.2",
    rejectUnauthorized: true,
  });
}

/** What tells a connection from all others at one time; a peer may have the same port towards two addresses of this machine. */
function keyOf(socket: Partial<Pick<Socket, "localAddress" | "localPort" | "remoteAddress" | "remotePort">>): string {
  return `${socket.localAddress} ${socket.localPort} ${socket.remoteAddress} ${socket.remotePort}`;
}

function hasCertificate(socket: ClientSocket): boolean {
  return Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
}

function infoOf(socket: TLSSocket, role: "accepted" | "dialled"): TlsInfo {
  const alpn = socket.alpnProtocol;
  const name = (socket as { servername?: string | false | null }).servername;
  const { raw, fingerprint256 } = socket.getPeerCertificate() ?? {};
  return {
    protocol: socket.getProtocol() ?? "",
    alpn: typeof alpn === "string" && alpn !== "" ? alpn : undefined,
    serverName: role === "accepted" && typeof name === "string" && name !== "" ? name : undefined,
    peerCertificate: fingerprint256 === undefined ? undefined : { ...readCertificateNames(raw), fingerprint256 },
  };
}
