/**
 * Health checks and other pages for operators, as web-standard handlers; and a small server for them, where there is none.
 *
 * @example Health checks
 * ```ts
 * import { serve } from "@laster/net";
 * import { health, serveHttp } from "@laster/net/http";
 *
 * await using service = await serve({ hostname: "127.0.0.1", port: 0 });
 * await using server = await serveHttp(health(service), { port: 0 });
 * ```
 *
 * @module
 */

export { health, type HealthSource } from "./health.ts";
export { type HttpHandler, routes } from "./http_handler.ts";
export { type HttpServer, serveHttp, type ServeHttpOptions } from "./serve_http.ts";
