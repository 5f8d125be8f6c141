/**
 * A service as a process: started, announced to systemd, and stopped in order by signals.
 *
 * @example A server
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { runService } from "@laster/net/hosting";
 *
 * const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }] });
 * const hosted = await runService(service, { exit: false, print: () => {} });
 * await hosted.stop();
 * ```
 *
 * @module
 */

export { type HostableService, type HostedService, type RunOptions, runService } from "./run_service.ts";
