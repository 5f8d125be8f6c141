// health(): whether a service lives, and whether it is ready for players, for container platforms and balancers. Runtime
// neutral.

import type { ServiceState } from "../service/service_stats.ts";
import { checkObject } from "../options.ts";
import { type HttpHandler, routes, textResponse } from "./http_handler.ts";

/** A `TcpService`, or what `runService()` gives, whose state may be `"draining"` too. */
export interface HealthSource {
  /** Where it is in its life. */
  readonly state: ServiceState | "draining";
}

/**
 * Answers `/live` and `/ready`. `/live` is 200 as long as the process answers at all. `/ready` is 200 while new players may
 * come, and 503 with the state before the start, in a drain, and after the stop.
 *
 * @param source The service.
 * @returns A handler.
 * @throws {TypeError} if `source` is not an object.
 *
 * @example A service that has not started
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { health } from "@laster/net/http";
 * import { assertEquals } from "@std/assert";
 *
 * const handler = health(new TcpService());
 * const ready = await handler(new Request("http://localhost/ready"));
 * assertEquals([ready.status, await ready.text()], [503, "stopped\n"]);
 * ```
 */
export function health(source: HealthSource): HttpHandler {
  checkObject("create health checks", "source", source);
  return routes({
    "/live": () => textResponse("live"),
    "/ready": () => {
      const { state } = source;
      const isReady = state === "running";
      return textResponse(isReady ? "ready" : state, isReady ? 200 : 503);
    },
  });
}
