import { nodeTransport } from "../../src/transport/node.ts";
import { socketConformanceSuite } from "./conformance.ts";

socketConformanceSuite("node", nodeTransport, {
  // Under Deno 2.9.6 a `net.Server` that ran out of descriptors once never accepts again, and emits nothing.
  outOfFiles: "Deno" in globalThis ? "fatal" : "silent",
  keepAliveMs: 60_000,
  hasAfterPoll: true,
});
