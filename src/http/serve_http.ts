// serveHttp(): one small HTTP server for health, metrics and dashboard, the same on Node, Bun and Deno, over `node:http`. An
// application that has a server already mounts the handlers there.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { ListenError } from "../errors.ts";
import { checkKeys, requireFunction, requireInteger } from "../options.ts";
import { formatAddress, resolveAddress } from "../transport/address.ts";
import { toListenError } from "../transport/error_codes.ts";
import { resolveHost } from "../transport/node_host.ts";
import { mayUseNetwork } from "../transport/node_process.ts";
import { type HttpHandler, textResponse } from "./http_handler.ts";

const DEFAULT_HOSTNAME = "127.0.0.1";
const LARGEST_PORT = 65_535;
/** Operators' requests have small bodies. */
const LONGEST_BODY_BYTES = 65_536;
/** Methods that a `Request` cannot have. */
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/** Options of {@linkcode serveHttp}. */
export interface ServeHttpOptions {
  /**
   * Where to listen.
   *
   * @default {"127.0.0.1": this machine only}
   */
  readonly hostname?: string | undefined;
  /** The port, 0 to 65,535; 0 lets the system choose. */
  readonly port: number;
}

const NAMES: Record<keyof ServeHttpOptions, true> = { hostname: true, port: true };

/** An HTTP server that runs. */
export interface HttpServer extends AsyncDisposable {
  /** Its port. */
  readonly port: number;
  /** Stops listening, and ends the requests that are under way. May be called twice. */
  close(): Promise<void>;
}

/**
 * Serves a web-standard handler. If it throws, or returns what is no `Response`, or one that was sent or read before, the
 * answer is 500, without the error. What is no request for a handler is answered without it: a body over 64 KiB with 413, a
 * wrong host or target with 400, TRACE with 405. An answer that comes before the end of the body closes the connection.
 *
 * @param handler Answers requests.
 * @param options Where.
 * @returns The server, which listens.
 * @throws {TypeError | RangeError} if the handler is no function, or an option is wrong.
 * @throws {ListenError} if it cannot listen.
 *
 * @example A server for health checks
 * ```ts
 * import { serve } from "@laster/net";
 * import { health, serveHttp } from "@laster/net/http";
 * import { assertEquals } from "@std/assert";
 *
 * await using service = await serve({ hostname: "127.0.0.1", port: 0 });
 * await using server = await serveHttp(health(service), { port: 0 });
 * const response = await fetch(`http://127.0.0.1:${server.port}/ready`);
 * assertEquals([response.status, await response.text()], [200, "ready\n"]);
 * ```
 */
export async function serveHttp(handler: HttpHandler, options: ServeHttpOptions): Promise<HttpServer> {
  requireFunction("serve HTTP", "handler", handler);
  checkKeys("HTTP server", options, NAMES);
  const { hostname = DEFAULT_HOSTNAME, port } = options;
  requireInteger("serve HTTP", "port", port, 0, LARGEST_PORT);
  const where = formatAddress(resolveAddress({ hostname, port }, DEFAULT_HOSTNAME));
  const host = await resolveHost(hostname, where);
  if (!mayUseNetwork(formatAddress({ kind: "tcp", hostname: host, port }))) {
    throw new ListenError("permission-denied", where);
  }
  const server = createServer((incoming, outgoing) => void answer(handler, incoming, outgoing));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Stays while it listens, for failed accepts: an error event without a listener ends the process.
  server.on("error", (error) => reject(toListenError(error, where)));
  try {
    server.listen({ host, port }, resolve);
  } catch (cause) {
    throw toListenError(cause, where);
  }
  await promise;
  const address = server.address();
  let closing: Promise<void> | undefined;
  const close = () =>
    closing ??= new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function answer(handler: HttpHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  outgoing.on("error", () => gone.abort());
  let response: Response;
  try {
    const request = await toRequest(incoming, gone.signal);
    response = request instanceof Response ? request : await handler(request);
    if (!canBeSent(response)) response = refuse(500, "the handler failed");
  } catch {
    response = refuse(500, "the handler failed");
  }
  if (isBodyLeft(incoming)) {
    // What is left of the body would be taken for the next request.
    outgoing.setHeader("connection", "close");
    incoming.resume();
  }
  await send(response, incoming.method === "HEAD", outgoing, gone.signal).catch(() => outgoing.destroy());
}

function refuse(status: number, why: string): Response {
  return textResponse(why, status);
}

/** Whether it is a response, also one of another realm or of a library, that has a status and a body that was not read. */
function canBeSent(value: unknown): value is Response {
  if (!(value instanceof Response) && Object.prototype.toString.call(value) !== "[object Response]") return false;
  const { status, bodyUsed, body } = value as Response;
  return status >= 200 && !bodyUsed && body?.locked !== true; // `Response.error()` has the status 0.
}

/** Whether the client has announced a body that was not read to its end. */
function isBodyLeft({ headers, readableEnded }: IncomingMessage): boolean {
  return !readableEnded && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0);
}

/** Makes the request for the handler; or the answer, if no handler should see the request. */
async function toRequest(incoming: IncomingMessage, signal: AbortSignal): Promise<Request | Response> {
  const { method = "GET" } = incoming;
  if (FORBIDDEN.includes(method)) return refuse(405, "the method is not allowed");
  const url = toUrl(incoming);
  if (url === undefined) return refuse(400, "the target or the host is wrong");
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? await readBody(incoming) : undefined;
  if (hasBody && body === undefined) return refuse(413, "the body is too long");
  return new Request(url, { method, headers, body, signal });
}

/** The URL that was asked for, undefined if it is not valid. A target that begins with two slashes is a path, not a host. */
function toUrl({ url = "/", headers }: IncomingMessage): URL | undefined {
  const host = headers.host || "localhost";
  // A host with a part of a path in it would move the request to another path.
  if (/[\s/?#@\\]/.test(host)) return undefined;
  const whole = url.startsWith("/") ? `http://${host}${url}` : url; // A client of a proxy sends all of the URL.
  if (!/^https?:/i.test(whole) || !URL.canParse(whole)) return undefined;
  const parsed = new URL(whole);
  return parsed.username === "" && parsed.password === "" ? parsed : undefined; // A `Request` must not have them.
}

/** Reads a body; undefined if it is too long. */
async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > LONGEST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

/** Writes a response as its body comes, so that a browser gets the events of an endless one at once. */
async function send(
  response: Response,
  isHead: boolean,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return letGo(response);
  response.headers.forEach((value, name) => outgoing.setHeader(name, value));
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  outgoing.writeHead(response.status);
  outgoing.flushHeaders(); // The first piece of a body may be long in coming.
  if (isHead) letGo(response);
  if (isHead || response.body === null) return void outgoing.end();
  const reader = response.body.getReader();
  signal.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) break;
    if (!outgoing.write(value)) await drained(outgoing, signal);
  }
  outgoing.end();
}

/** Ends a body that nobody reads. */
function letGo({ body }: Response): void {
  body?.cancel().catch(() => {});
}

/** Waits until more may be written, or the client is gone. */
async function drained(outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onEvent = () => resolve();
  outgoing.once("drain", onEvent);
  signal.addEventListener("abort", onEvent, { once: true });
  await promise;
  outgoing.off("drain", onEvent);
  signal.removeEventListener("abort", onEvent);
}
