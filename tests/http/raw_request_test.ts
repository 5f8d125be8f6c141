// serveHttp() and what no fetch() sends: odd targets, hosts and methods; what becomes of the headers and bodies of answers.

import { createConnection } from "node:net";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type HttpHandler, routes, serveHttp } from "@laster/net/http";
import { until, within } from "../support.ts";

/** Sends a request as it is written, and gives the whole answer. */
async function send(port: number, request: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = createConnection({ port, host: "127.0.0.1" });
  let said = "";
  socket.on("data", (data) => said += data.toString("latin1"));
  socket.on("error", () => {});
  socket.on("close", () => resolve(said));
  socket.write(request);
  const answer = await within(promise, `an answer to ${request}`);
  socket.destroy();
  return answer;
}

const ask = async (port: number, line: string, host = "Host: a.example\r\n", more = "") => {
  const answer = await send(port, `${line} HTTP/1.1\r\n${host}Connection: close\r\n${more}\r\n`);
  return Number(answer.split(" ")[1]);
};

test("a target is a path of this server, whatever it looks like", async () => {
  const seen: string[] = [];
  const handler: HttpHandler = (request) => {
    const { host, pathname, search } = new URL(request.url);
    seen.push(`${host} ${pathname}${search}`);
    return new Response("x");
  };
  await using server = await serveHttp(handler, { port: 0 });
  for (
    const target of [
      "//evil/metrics",
      "/a//b?c=//d",
      "//",
      "/?",
      "/http://evil/metrics",
      "/%2F",
      "http://b.example/c?d",
    ]
  ) {
    assertEquals(await ask(server.port, `GET ${target}`), 200, target);
  }
  assertEquals(seen, [
    "a.example //evil/metrics",
    "a.example /a//b?c=//d",
    "a.example //",
    "a.example /",
    "a.example /http://evil/metrics",
    "a.example /%2F",
    "b.example /c?d",
  ]);
  for (
    const target of ["http://u:p@b.example/c", "http://u@b.example/c", "http://:p@b.example/c", "ftp://b.example/c"]
  ) {
    assertEquals(await ask(server.port, `GET ${target}`), 400, target);
  }
  const routed = routes({ "/metrics": () => new Response("secret") });
  await using other = await serveHttp(routed, { port: 0 });
  assertEquals(await ask(other.port, "GET //evil/metrics"), 404);
});

test("a host that is none is 400, and so is one with a path", async () => {
  let asked = 0;
  await using server = await serveHttp(() => {
    asked++;
    return new Response("x");
  }, { port: 0 });
  for (const host of ["a b", "a/b", "a/metrics?", "a#", "u@a", "a\\b", "a:port", "a:99999", "[::1"]) {
    assertEquals(await ask(server.port, "GET /metrics", `Host: ${host}\r\n`), 400, host);
  }
  assertEquals(asked, 0);
  for (const host of ["a:80", "[::1]:1", "127.0.0.1"]) {
    assertEquals(await ask(server.port, "GET /metrics", `Host: ${host}\r\n`), 200, host);
  }
});

test("a method that no Request can have is 405", async () => {
  await using server = await serveHttp(({ method }) => new Response(method), { port: 0 });
  assertEquals(await ask(server.port, "TRACE /metrics"), 405);
  for (const method of ["GET", "HEAD", "DELETE", "OPTIONS"]) assertEquals(await ask(server.port, `${method} /`), 200);
});

test("every Set-Cookie of an answer is sent", async () => {
  await using server = await serveHttp(() => {
    const headers = new Headers({ "x-one": "1" });
    for (const cookie of ["a=1; Path=/", "b=2", "c=3"]) headers.append("set-cookie", cookie);
    headers.append("x-list", "one");
    headers.append("x-list", "two");
    return new Response("x", { headers });
  }, { port: 0 });
  const { headers } = await fetch(`http://127.0.0.1:${server.port}/`);
  assertEquals(headers.getSetCookie(), ["a=1; Path=/", "b=2", "c=3"]);
  assertEquals([headers.get("x-one"), headers.get("x-list")], ["1", "one, two"]);
});

test("the body of an answer to HEAD is let go of, however long it is", async () => {
  let isCancelled = false;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
      cancel: () => void (isCancelled = true),
    });
  await using server = await serveHttp(() => new Response(body()), { port: 0 });
  assertEquals(await ask(server.port, "HEAD /"), 200);
  await until(() => isCancelled, "it is cancelled");
});

test("a body whose client is gone before it begins is let go of", async () => {
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  let isCancelled = false;
  await using server = await serveHttp(async ({ signal }) => {
    signal.addEventListener("abort", () => gone.resolve());
    asked.resolve();
    await gone.promise;
    return new Response(new ReadableStream({ cancel: () => void (isCancelled = true) }));
  }, { port: 0 });
  const socket = createConnection({ port: server.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await within(asked.promise, "the request");
  socket.destroy();
  await until(() => isCancelled, "it is cancelled");
});

test("an answer that the client takes slowly leaves no listeners behind", async () => {
  let left = 100;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => left-- > 0 ? controller.enqueue(new Uint8Array(200_000)) : controller.close(),
    });
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  let listeners = 0;
  const count = (target: EventTarget, by: number) => void (target instanceof AbortSignal && (listeners += by));
  EventTarget.prototype.addEventListener = function (...args: Parameters<typeof addEventListener>) {
    count(this, 1);
    return addEventListener.apply(this, args);
  };
  EventTarget.prototype.removeEventListener = function (...args: Parameters<typeof removeEventListener>) {
    count(this, -1);
    return removeEventListener.apply(this, args);
  };
  try {
    await using server = await serveHttp(() => new Response(body()), { port: 0 });
    const answer = await send(server.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert(answer.length > 20_000_000, `${answer.length} bytes came`);
    assert(listeners < 10, `${listeners} are left`);
  } finally {
    Object.assign(EventTarget.prototype, { addEventListener, removeEventListener });
  }
});

test("an answer before the end of the body ends the connection; what is left of the body is no request", async () => {
  const seen: string[] = [];
  await using server = await serveHttp(({ url }) => {
    seen.push(new URL(url).pathname);
    return new Response("ok");
  }, { port: 0 });
  const long = `${(100_000).toString(16)}\r\n${"a".repeat(100_000)}\r\n`; // And no last chunk.
  const start = (line: string, more: string) => `${line} HTTP/1.1\r\n${more}Transfer-Encoding: chunked\r\n\r\n`;
  const cases: [request: string, status: number][] = [
    [start("POST /x", "Host: x\r\n") + long, 413],
    [`POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${"a".repeat(100_000)}`, 413],
    [start("POST /x", "Host: a/b\r\n") + "1\r\na\r\n", 400],
    [start("TRACE /x", "Host: x\r\n") + "1\r\na\r\n", 405],
  ];
  for (const [request, status] of cases) {
    const answer = await send(server.port, request); // Waits for the close.
    const [head] = answer.split("\r\n\r\n");
    assertEquals(Number(head.split(" ")[1]), status, request.slice(0, 100));
    assert(/^connection: close$/mi.test(head), head);
    assert(/^content-type: text\/plain/mi.test(head), head);
  }
  assertEquals(seen, []);
});

test("a body that was read, and none, leave the connection open", async () => {
  await using server = await serveHttp(async (request) => new Response(`<${await request.text()}>`), { port: 0 });
  const one = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
  const last = "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const answer = await send(server.port, one + one + last);
  assertEquals(answer.match(/<(hi)?>/g), ["<hi>", "<hi>", "<>"]);
});
