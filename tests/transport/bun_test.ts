import { test } from "node:test";
import { bunTransport } from "../../src/transport/bun.ts";
import { conformanceSuite } from "./conformance.ts";

if ("Bun" in globalThis) {
  conformanceSuite("bun", bunTransport, {
    isSystem: true,
    abortResets: ["tcp"],
    outOfFiles: "silent",
    keepAliveMs: 60_000,
    hasAfterPoll: true,
  });
} else test("bunTransport() conforms", { skip: "Bun.listen is in Bun only" }, () => {});
