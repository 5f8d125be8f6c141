import { test } from "node:test";
import { denoTransport } from "../../src/transport/deno.ts";
import { socketConformanceSuite } from "./conformance.ts";

if ("Deno" in globalThis) {
  socketConformanceSuite("deno", denoTransport, {
    outOfFiles: "reported",
    keepAliveMs: 7_200_000,
    hasAfterPoll: false,
  });
} else test("denoTransport() conforms", { skip: "Deno.listen is in Deno only" }, () => {});
