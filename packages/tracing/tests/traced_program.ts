// A service with traces that serves one client and ends. Without an SDK of its own: the runtime's exporter takes the spans.

import { trace } from "@opentelemetry/api";
import { connect, serve } from "@laster/net";
import { Tracing } from "@laster/tracing";

const tracing = new Tracing();
const service = await serve({
  hostname: "127.0.0.1",
  port: 0,
  observers: [tracing],
  onMessage: tracing.wrap(async (session, payload) => {
    await new Promise((resolve) => setTimeout(resolve, 1)); // The context comes along.
    await trace.getTracer("game").startActiveSpan("save", (span) => Promise.resolve().then(() => span.end()));
    tracing.send(session, payload);
  }),
});
const client = await connect({ port: service.port });
client.send(new Uint8Array(5));
await client.receive();
await client.close();
await service.stop();
