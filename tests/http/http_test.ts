// serveHttp(), routes() and health(): what a client of HTTP sees of them.

import { Server } from "node:http";
import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ListenError, silentLogger, TcpService } from "@laster/net";
import { health, type HttpHandler, routes, serveHttp } from "@laster/net/http";
import { turn, until, within } from "../support.ts";

const ask = async (port: number, path: string, init?: RequestInit) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return [response.status, await response.text()];
};

test("a handler is served: methods, headers, bodies, and a fault as 500", async () => {
  const handler: HttpHandler = async (request) => {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/fault") throw new Error("secret");
    const body = request.method === "POST" ? await request.text() : "";
    return new Response(`${request.method} ${pathname}${search} ${request.headers.get("x-word")} ${body}`, {
      status: 201,
      headers: { "x-answer": "yes" },
    });
  };
  await using server = await serveHttp(handler, { port: 0 });
  const { port } = server;
  assertEquals(await ask(port, "/a?b=c", { headers: { "x-word": "hi" } }), [201, "GET /a?b=c hi "]);
  assertEquals(await ask(port, "/p", { method: "POST", body: "hello" }), [201, "POST /p null hello"]);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assertEquals(response.headers.get("x-answer"), "yes");
  await response.text();
  const [status, text] = await ask(port, "/fault");
  assertEquals([status, String(text).includes("secret")], [500, false]);
  assertEquals((await ask(port, "/p", { method: "POST", body: "x".repeat(70_000) }))[0], 413);
  await assertRejects(() => serveHttp(handler, { port }), Error);
  await assertRejects(() => serveHttp(handler, { port: 70_000 }), RangeError, "port");
});

test("a body without an end is sent as it comes, and is let go of with its client", async () => {
  let isGone = false;
  let push: (line: string) => void = () => {};
  const handler: HttpHandler = ({ signal }) => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (push = (line) => controller.enqueue(new TextEncoder().encode(line))),
      cancel: () => void (isGone = true),
    });
    signal.addEventListener("abort", () => void (isGone = true));
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  await using server = await serveHttp(handler, { port: 0 });
  const controller = new AbortController();
  const response = await fetch(`http://127.0.0.1:${server.port}/`, { signal: controller.signal });
  const reader = response.body?.getReader();
  for (const line of ["one", "two"]) {
    push(line);
    const read = await within(reader?.read() ?? Promise.reject(new Error("no body")), "a line");
    assertEquals(new TextDecoder().decode(read.value), line);
  }
  controller.abort();
  await until(() => isGone, "the handler hears of it");
});

test("a port that is taken is refused with its address", async () => {
  await using server = await serveHttp(() => Promise.resolve(new Response("one")), { port: 0 });
  const error = await assertRejects(
    () => serveHttp(() => Promise.resolve(new Response("two")), { port: server.port }),
    ListenError,
  );
  assertEquals([error.code, error.message.includes(`127.0.0.1:${server.port}`)], ["address-in-use", true]);
});

test("close() ends what is under way", async () => {
  const server = await serveHttp(() => new Promise(() => {}), { port: 0 });
  const asked = fetch(`http://127.0.0.1:${server.port}/`).then(() => "answered", () => "ended");
  for (let count = 0; count < 5; count++) await turn();
  await within(server.close(), "the close");
  await server.close();
  assertEquals(await within(asked, "the request"), "ended");
});

test("routes() takes the longest path that fits, in whatever order they are", async () => {
  const paths = ["/*", "/a/*", "/a/b/*", "/a/b"];
  for (const order of [paths, paths.toReversed()]) {
    const handler = routes(Object.fromEntries(order.map((path) => [path, () => new Response(path)])));
    const see = async (path: string) => await (await handler(new Request(`http://localhost${path}`))).text();
    assertEquals([await see("/x"), await see("/a/x"), await see("/a/b"), await see("/a/b/x")], [
      "/*",
      "/a/*",
      "/a/b",
      "/a/b/*",
    ]);
  }
});

test("routes() finds the handler of a path", async () => {
  const handler = routes({
    "/": () => new Response("root"),
    "/a": () => new Response("a"),
    "/b/*": ({ url }) => new Response(new URL(url).pathname),
  });
  const see = async (path: string) => {
    const response = await handler(new Request(`http://localhost${path}`));
    return `${response.status} ${await response.text()}`;
  };
  assertEquals(await Promise.all(["/", "/a", "/a/b", "/b/c/d", "/b", "/else"].map(see)), [
    "200 root",
    "200 a",
    "404 not found\n",
    "200 /b/c/d",
    "404 not found\n",
    "404 not found\n",
  ]);
});

test("a handler that gives no Response is 500, as one that throws", async () => {
  const handlers = { "/text": () => "x", "/object": () => ({ status: 200 }), "/nothing": () => undefined };
  await using server = await serveHttp(routes(handlers as never), { port: 0 });
  for (const path of Object.keys(handlers)) {
    assertEquals(await ask(server.port, path), [500, "the handler failed\n"], path);
  }
});

test("a Response that cannot be sent is 500: one that was sent before, and Response.error()", async () => {
  const cached = new Response("page");
  await using server = await serveHttp(routes({ "/cached": () => cached, "/error": Response.error }), { port: 0 });
  assertEquals(await ask(server.port, "/cached"), [200, "page"]);
  assertEquals(await ask(server.port, "/cached"), [500, "the handler failed\n"]);
  assertEquals(await ask(server.port, "/error"), [500, "the handler failed\n"]);
});

test("a server survives every accept that fails", async () => {
  const { listen } = Server.prototype;
  let inner: Server | undefined;
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    inner = this;
    return (listen as (...args: unknown[]) => Server).apply(this, args);
  };
  await using server = await serveHttp(() => new Response("ok"), { port: 0 }).finally(() => {
    Server.prototype.listen = listen;
  });
  for (let count = 0; count < 3; count++) inner?.emit("error", new Error("accept EMFILE"));
  assert(inner !== undefined);
  assertEquals(await ask(server.port, "/"), [200, "ok"]);
});

test("the answers of this package name their type", async () => {
  const handler = health(new TcpService());
  for (const path of ["/live", "/ready", "/else"]) {
    const { headers } = await handler(new Request(`http://localhost${path}`));
    assertEquals(headers.get("content-type"), "text/plain;charset=UTF-8", path);
  }
});

test("what is no handler, path or service is refused when it is given", async () => {
  for (const nothing of [undefined, null, "x", {}]) {
    await assertRejects(() => serveHttp(nothing as never, { port: 0 }), TypeError, "handler must be a function");
  }
  for (const nothing of [undefined, null, "x"]) {
    assertThrows(() => health(nothing as never), TypeError, "source must be an object");
    assertThrows(() => routes(nothing as never), TypeError, "handlers must be an object");
  }
  assertThrows(() => routes({ x: () => new Response() }), TypeError, "must begin with a slash");
  assertThrows(() => routes({ "/x": "y" as never }), TypeError, "the handler of /x must be a function");
});

test("serveHttp() refuses a host that would listen everywhere, and options that there are not", async () => {
  const handler = () => new Response("ok");
  for (const hostname of ["", null, 5]) {
    await assertRejects(
      () => serveHttp(handler, { port: 0, hostname: hostname as never }),
      TypeError,
      "hostname must be",
    );
  }
  const misspelt = { port: 0, hostnam: "127.0.0.1" } as never;
  await assertRejects(() => serveHttp(handler, misspelt), TypeError, "did you mean hostname?");
  await assertRejects(() => serveHttp(handler, undefined as never), TypeError, "options must be an object");
});

test("health() follows the service", async () => {
  const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }], logger: silentLogger() });
  const handler = health(service);
  const see = async (path: string) => {
    const response = await handler(new Request(`http://localhost${path}`));
    return `${response.status} ${(await response.text()).trim()}`;
  };
  assertEquals([await see("/live"), await see("/ready")], ["200 live", "503 stopped"]);
  await service.start();
  assertEquals([await see("/live"), await see("/ready")], ["200 live", "200 ready"]);
  const stopped = service.stop();
  await until(() => service.state !== "running", "it stops");
  assert(/^503 /.test(await see("/ready")));
  await stopped;
  assertEquals(await see("/ready"), "503 stopped");
});
