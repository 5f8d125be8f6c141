// HttpHandler: a handler of web-standard requests, and routes(), which picks one of several by path. Runtime neutral.

import { checkObject, requireFunction } from "../options.ts";

/** Answers a request. Mounts in `Deno.serve`, `Bun.serve`, Hono and others as it is. */
export type HttpHandler = (request: Request) => Response | Promise<Response>;

/**
 * Puts handlers under their paths; anything else is answered by 404.
 *
 * @param handlers By path, such as `"/metrics"`; a path with `/*` at its end stands for all below it, but for what a
 * longer one fits.
 * @returns One handler.
 * @throws {TypeError} if a path does not begin with a slash, or a handler is no function.
 *
 * @example Two pages
 * ```ts
 * import { routes } from "@laster/net/http";
 * import { assertEquals } from "@std/assert";
 *
 * const handler = routes({
 *   "/hello": () => new Response("hello"),
 *   "/files/*": ({ url }) => new Response(new URL(url).pathname),
 * });
 * const ask = async (path: string) => await (await handler(new Request(`http://localhost${path}`))).text();
 * assertEquals([await ask("/hello"), await ask("/files/a"), await ask("/else")], ["hello", "/files/a", "not found\n"]);
 * ```
 */
export function routes(handlers: Readonly<Record<string, HttpHandler>>): HttpHandler {
  checkObject("create routes", "handlers", handlers);
  for (const [path, handler] of Object.entries(handlers)) {
    if (!path.startsWith("/")) {
      throw new TypeError(`Cannot create routes as a path must begin with a slash: current value is "${path}"`);
    }
    requireFunction("create routes", `the handler of ${path}`, handler);
  }
  const exact = new Map(Object.entries(handlers));
  const below = [...exact].filter(([path]) => path.endsWith("/*"))
    .map(([path, handler]) => [path.slice(0, -1), handler] as const)
    .sort(([one], [other]) => other.length - one.length);
  return (request) => {
    const { pathname } = new URL(request.url);
    const handler = exact.get(pathname) ?? below.find(([start]) => pathname.startsWith(start))?.[1];
    return handler === undefined ? textResponse("not found", 404) : handler(request);
  };
}

/** An answer of one line. Names its type, which Bun does not do by itself. */
export function textResponse(line: string, status = 200): Response {
  return new Response(`${line}\n`, { status, headers: { "content-type": "text/plain;charset=UTF-8" } });
}
