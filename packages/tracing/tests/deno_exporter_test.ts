// Spans as the exporter that Deno has itself sends them to a collector, by OTLP over HTTP.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { until } from "../../../tests/support.ts";

/** What is looked at of a span in OTLP's JSON. */
interface ExportedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}

interface Exported {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[] }[];
}

const skip = "Deno" in globalThis ? false : "the exporter is Deno's own";

test("Deno's exporter takes the spans, and those of handlers are below their message's", { skip }, async () => {
  const spans: ExportedSpan[] = [];
  const collector = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Uint8Array) => text += new TextDecoder().decode(chunk));
    request.on("end", () => {
      const { resourceSpans = [] } = JSON.parse(text) as Partial<Exported>;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { port } = collector.address() as AddressInfo;
  const env = {
    ...process.env,
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  };
  const path = fileURLToPath(new URL("./traced_program.ts", import.meta.url));
  const child = spawn(process.execPath, ["run", "--no-check", "--quiet", "-A", path], { env, stdio: "inherit" });
  let code: number | null | undefined;
  child.on("close", (status) => code = status);
  await until(() => code !== undefined, "the program to end");
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
  assertEquals(code, 0);
  const named = (name: string) => {
    const found = spans.filter((span) => span.name === name);
    assertEquals(found.length, 1, `${name} among ${spans.map((span) => span.name)}`);
    return found[0];
  };
  const [session, message, save, send] = ["laster.session", "laster.message", "save", "laster.send"].map(named);
  assertEquals([message.parentSpanId, save.parentSpanId, send.parentSpanId], [
    session.spanId,
    message.spanId,
    message.spanId,
  ]);
  assert(new Set([session, message, save, send].map(({ traceId }) => traceId)).size === 1, "one trace");
});
