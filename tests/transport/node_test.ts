import { nodeTransport } from "../../src/transport/node.ts";
import { conformanceSuite } from "./conformance.ts";

conformanceSuite("node", nodeTransport, {
  isSystem: true,
  abortResets: ["tcp"],
  // Under Deno 2.9.6 a `net.Server` that ran out of descriptors once never accepts again, and emits nothing.
  outOfFiles: "Deno" in globalThis ? "fatal" : "silent",
  keepAliveMs: 60_000,
  hasAfterPoll: true,
});
