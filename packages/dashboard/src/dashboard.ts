// Dashboard: a page that shows a service live, by server-sent events, and may close sessions. Runtime neutral, over `node:crypto`.

import { createHash } from "node:crypto";
import type { AnySession, CloseEvent, RefusedEvent, ServiceObserver } from "@laster/net";
import type { HttpHandler } from "@laster/net/http";
import { formatAddress } from "@laster/net/transport";
import { ICON, PAGE } from "./page.ts";
import { SCRIPT } from "./page_script.ts";
import { type RecentEvent, shortenReason, type ShownService, takeSnapshot } from "./snapshot.ts";
import { UPLOT_SCRIPT, UPLOT_STYLES } from "./uplot_files.ts";

export type { ShownService } from "./snapshot.ts";

const INTERVAL_MS = 1_000;
const MOST_RECENT = 50;
const SHORTEST_TOKEN = 8;
const JSON_TYPE = /^application\/json *(?:;|$)/i;
/** The page may load from this server only, and no other page may frame it. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'";

type Controller = ReadableStreamDefaultController<Uint8Array>;

/** Options of {@linkcode Dashboard}. */
export interface DashboardOptions {
  /** The secret that is needed to open the page, 8 characters or more. */
  readonly token: string | undefined;
  /**
   * Whether the page may close sessions.
   *
   * @default {false}
   */
  readonly actions?: boolean | undefined;
}

/**
 * A page that shows a service. Give it to `observers`, the service to {@linkcode Dashboard.watch}, and mount its handler under
 * a path with `/*`.
 *
 * @example Who has no token sees nothing
 * ```ts
 * import { Dashboard } from "@laster/dashboard";
 * import { assertEquals } from "@std/assert";
 *
 * const dashboard = new Dashboard({ token: "open sesame" });
 * const response = await dashboard.handler(new Request("http://localhost/dashboard/"));
 * assertEquals(response.status, 401);
 * ```
 */
export class Dashboard implements ServiceObserver {
  /** Serves the page and what it loads. */
  readonly handler: HttpHandler;
  readonly #token: string;
  /** The name of its cookie. Browsers keep those of all ports of a host together: dashboards with other tokens have others. */
  readonly #cookie: string;
  readonly #actions: boolean;
  readonly #opened = new WeakMap<object, number>();
  readonly #recentClosed: RecentEvent[] = [];
  readonly #recentRefused: RecentEvent[] = [];
  /** Those of the pages that are open. */
  readonly #streams = new Set<Controller>();
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #service: ShownService | undefined = undefined;

  /**
   * Makes it.
   *
   * @param options The token, and what the page may do.
   * @throws {TypeError} if the token is not long enough, or an option is wrong.
   */
  constructor(options: DashboardOptions) {
    checkNames(options);
    const { token, actions = false } = options;
    if (typeof token !== "string" || token.length < SHORTEST_TOKEN) {
      throw new TypeError(`Cannot create dashboard as token must be a text of ${SHORTEST_TOKEN} letters or more`);
    }
    if (typeof actions !== "boolean") {
      throw new TypeError(
        `Cannot create dashboard as actions must be true or false: current value is ${String(actions)}`,
      );
    }
    this.#token = token;
    this.#cookie = `laster-dashboard-${createHash("sha256").update(token).digest("hex").slice(0, 8)}`;
    this.#actions = actions;
    this.handler = (request) => this.#answer(request);
  }

  /** Shows this service. */
  watch(service: ShownService): void {
    this.#service = service;
  }

  /** A session begins. */
  onOpened(session: object): void {
    this.#opened.set(session, performance.now());
  }

  /** A session is over. */
  onClosed(session: AnySession, { reason, detail }: CloseEvent): void {
    const why = shortenReason(detail === undefined ? reason : `${reason}: ${detail}`);
    keep(this.#recentClosed, { atMs: Date.now(), address: formatAddress(session.remoteAddress), reason: why });
  }

  /** A connection was refused. */
  onConnectionRefused({ remoteAddress, reason }: RefusedEvent): void {
    keep(this.#recentRefused, {
      atMs: Date.now(),
      address: formatAddress(remoteAddress),
      reason: shortenReason(reason),
    });
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const given = url.searchParams.get("token");
    // In an address a + stands for a space; a token is often pasted there as it is.
    const isToken = given !== null && (isSame(given, this.#token) || isSame(given, this.#token.replaceAll("+", " ")));
    if (isToken && request.method === "GET") return logIn(url, this.#cookie, this.#token);
    if (!this.#mayEnter(request)) return new Response("a token is needed: ?token=…\n", { status: 401 });
    const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
    if (request.method === "POST") return name === "close" ? await this.#close(request) : notFound();
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("GET, HEAD or POST is needed\n", { status: 405, headers: { allow: "GET, HEAD, POST" } });
    }
    switch (name) {
      case "":
        return text(PAGE, "text/html; charset=utf-8", { "content-security-policy": POLICY });
      case "uplot.js":
        return text(UPLOT_SCRIPT, "text/javascript");
      case "uplot.css":
        return text(UPLOT_STYLES, "text/css");
      case "icon.svg":
        return text(ICON, "image/svg+xml");
      case "app.js":
        return text(SCRIPT, "text/javascript");
      case "events":
        return new Response(request.method === "GET" ? this.#stream(request.signal) : null, {
          headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
        });
      default:
        return notFound();
    }
  }

  #mayEnter(request: Request): boolean {
    const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    const cookie = new RegExp(`(?:^|; )${this.#cookie}=([^;]*)`).exec(request.headers.get("cookie") ?? "")?.[1];
    const given = bearer ?? (cookie === undefined ? undefined : decode(cookie));
    return given !== undefined && isSame(given, this.#token);
  }

  /** Closes a session. Takes JSON only, and a `SameSite` cookie: a form of another site can send neither. */
  async #close(request: Request): Promise<Response> {
    if (!this.#actions) return new Response("actions are switched off\n", { status: 403 });
    if (!JSON_TYPE.test(request.headers.get("content-type") ?? "")) {
      return new Response("JSON is needed\n", { status: 415 });
    }
    const body: unknown = await request.json().catch(() => undefined);
    const { id, detail } = (body ?? {}) as { id?: unknown; detail?: unknown };
    const session = typeof id === "number" ? this.#service?.session(id) : undefined;
    if (session === undefined) return notFound();
    void session.close({
      detail: typeof detail === "string" && detail !== "" ? detail.slice(0, 200) : "closed-by-operator",
    });
    return new Response("closing\n", { status: 202 });
  }

  /** What the page is told, at an interval, until the request is over. */
  #stream(signal: AbortSignal): ReadableStream<Uint8Array> {
    let stop = () => {};
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (signal.aborted) return controller.close();
        stop = () => this.#leave(controller);
        signal.addEventListener("abort", stop, { once: true });
        controller.enqueue(encode(this.#look(0)));
        this.#streams.add(controller);
        if (this.#streams.size === 1) this.#startTimer();
      },
      cancel: () => stop(),
    });
  }

  #leave(controller: Controller): void {
    this.#streams.delete(controller);
    if (this.#streams.size === 0) clearInterval(this.#timer);
  }

  /** Tells all pages the same, so that the sessions are walked over once. */
  #startTimer(): void {
    let dueMs = performance.now() + INTERVAL_MS;
    this.#timer = setInterval(() => {
      const delayMs = Math.max(0, performance.now() - dueMs);
      dueMs = performance.now() + INTERVAL_MS;
      const ready = [...this.#streams].filter(({ desiredSize }) => (desiredSize ?? 0) > 0); // A slow browser misses some.
      if (ready.length === 0) return;
      const now = this.#look(delayMs);
      for (const controller of ready) controller.enqueue(encode(now));
    }, INTERVAL_MS);
  }

  #look(delayMs: number): string {
    if (this.#service === undefined) return JSON.stringify({ state: "no service is watched" });
    const snapshot = takeSnapshot(this.#service, {
      openedMs: (session) => this.#opened.get(session),
      delayMs,
      recentClosed: this.#recentClosed,
      recentRefused: this.#recentRefused,
      actions: this.#actions,
    });
    return JSON.stringify(snapshot);
  }
}

const NAMES: Record<keyof DashboardOptions, true> = { token: true, actions: true };

/** Refuses unknown names: one that is misspelt would be left at its default without a word. */
function checkNames(options: DashboardOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("Cannot create dashboard as its options must be an object with a token");
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(NAMES, name)) throw new TypeError(`Cannot create dashboard as it has no option "${name}"`);
  }
}

/** Puts the token into a cookie, and out of the address. */
function logIn(url: URL, name: string, token: string): Response {
  const path = url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1);
  const cookie = `${name}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict; Path=${path}`;
  return new Response(null, { status: 303, headers: { location: path, "set-cookie": cookie } });
}

/** Reads the token out of a cookie; undefined if it cannot be one. */
function decode(cookie: string): string | undefined {
  try {
    return decodeURIComponent(cookie);
  } catch {
    return undefined;
  }
}

/** Compares in a time that does not depend on where the texts differ, so that a token cannot be guessed letter by letter. */
function isSame(given: string, wanted: string): boolean {
  let difference = given.length ^ wanted.length;
  for (let index = 0; index < wanted.length; index++) {
    difference |= wanted.charCodeAt(index) ^ (given.charCodeAt(index) || 0);
  }
  return difference === 0;
}

/** Makes an event; a reader may keep its bytes. */
function encode(data: string): Uint8Array {
  return new TextEncoder().encode(`data: ${data}\n\n`);
}

function keep(events: RecentEvent[], event: RecentEvent): void {
  events.unshift(event);
  if (events.length > MOST_RECENT) events.pop();
}

function text(body: string, type: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-cache", ...headers } });
}

function notFound(): Response {
  return new Response("not found\n", { status: 404 });
}
