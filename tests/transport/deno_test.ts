import { test } from "node:test";
import { denoTransport } from "../../src/transport/deno.ts";
import { conformanceSuite } from "./conformance.ts";

if ("Deno" in globalThis) {
  conformanceSuite("deno", denoTransport, {
    isSystem: true,
    abortResets: [],
    outOfFiles: "reported",
    keepAliveMs: 7_200_000,
    hasAfterPoll: false,
  });
} else test("denoTransport() conforms", { skip: "Deno.listen is in Deno only" }, () => {});
