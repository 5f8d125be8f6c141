// A TLS server whose first handler never ends, so that its session is paused; it prints its memory again and again. A process of
// its own, so that the memory is no client's.

import process from "node:process";
import { readFileSync } from "node:fs";
import { serve } from "@laster/net";

const [certPath, keyPath] = process.argv.slice(2);
const service = await serve({
  hostname: "127.0.0.1",
  port: 0,
  tls: { cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8") },
  onMessage: () => new Promise(() => {}),
});
console.log(`listening on 127.0.0.1:${service.port}`);
setInterval(() => console.log(`memory ${process.memoryUsage().rss}`), 100);
