import { memoryTransport } from "../../src/transport/memory.ts";
import { conformanceSuite } from "./conformance.ts";

conformanceSuite("memory", memoryTransport, {
  isSystem: false,
  abortResets: ["tcp", "unix"],
  outOfFiles: "silent",
  keepAliveMs: 0,
  hasAfterPoll: false,
});
