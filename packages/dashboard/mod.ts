/**
 * One page that shows a service live.
 *
 * @example Beside a service
 * ```ts
 * import { Dashboard } from "@laster/dashboard";
 * import { serve } from "@laster/net";
 * import { routes, serveHttp } from "@laster/net/http";
 *
 * const dashboard = new Dashboard({ token: "a secret of eight letters or more" });
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, observers: [dashboard] });
 * dashboard.watch(service);
 * await using server = await serveHttp(routes({ "/dashboard/*": dashboard.handler }), { port: 0 });
 * ```
 *
 * @module
 */

export { Dashboard, type DashboardOptions, type ShownService } from "./src/dashboard.ts";
