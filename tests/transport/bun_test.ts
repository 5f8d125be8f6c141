import { test } from "node:test";
import { bunTransport } from "../../src/transport/bun.ts";
import { socketConformanceSuite } from "./conformance.ts";

if ("Bun" in globalThis) {
  socketConformanceSuite("bun", bunTransport, { outOfFiles: "silent", keepAliveMs: 60_000, hasAfterPoll: true });
} else test("bunTransport() conforms", { skip: "Bun.listen is in Bun only" }, () => {});
