// The dashboard: who may see it, what it says, what it may do; and in a real browser, narrow and wide, light and dark.

import { existsSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Page } from "playwright-core";
import { Dashboard } from "@laster/dashboard";
import { connect, serve, type Session, silentLogger, TcpService } from "@laster/net";
import { routes, serveHttp } from "@laster/net/http";
import { partOf } from "../../../tests/share.ts";
import { bytes, until, within } from "../../../tests/support.ts";
import { readUplot } from "./uplot_files.ts";

const hostname = "127.0.0.1";
const logger = silentLogger();
const token = "open sesame, said ann";
const auth = { authorization: `Bearer ${token}` };
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
const skipBrowser = chromium === undefined ? "chromium is not on this machine" : false;

/** How the page is looked at. */
const LOOKS = (["light", "dark"] as const).flatMap((colorScheme) => [
  { colorScheme, name: "wide", width: 1280, height: 900 },
  { colorScheme, name: "narrow", width: 390, height: 800 },
]);

/** A server that echoes, shown on a page, with some sessions that talk. */
async function start(actions = false) {
  const dashboard = new Dashboard({ token, actions });
  const service: TcpService = await serve({
    hostname,
    port: 0,
    logger,
    maxConnections: 4,
    observers: [dashboard],
    onOpen: (session) => void service.group("room").join(session),
    onMessage: (session: Session, payload: Uint8Array) => session.send(payload),
  });
  dashboard.watch(service);
  const http = await serveHttp(routes({ "/dashboard/*": dashboard.handler }), { port: 0 });
  const sessions = await Promise.all([1, 2, 3].map(() => connect({ port: service.port, logger })));
  const timer = setInterval(() => {
    for (const session of sessions) if (session.state === "open") session.send(bytes("hello"));
  }, 20);
  const reads = sessions.map(async (session) => {
    for await (const _payload of session) continue;
  });
  return {
    service,
    sessions,
    url: `http://${hostname}:${http.port}/dashboard/`,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const session of sessions) void session.close();
      await Promise.all(reads);
      await http.close();
      await service.stop();
    },
  };
}

/** A dashboard that shows a service without sockets. */
function watched(): Dashboard {
  const dashboard = new Dashboard({ token });
  dashboard.watch(new TcpService({ logger }));
  return dashboard;
}

/** The first thing that the events say. */
async function see(url: string): Promise<Record<string, never>> {
  const controller = new AbortController();
  const response = await fetch(`${url}events`, { headers: auth, signal: controller.signal });
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  let said = "";
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (!said.includes("\n\n")) {
    said += (await within(reader?.read() ?? Promise.reject(new Error("no body")), "an event")).value;
  }
  controller.abort();
  await reader?.cancel().catch(() => {});
  return JSON.parse(said.slice("data: ".length)) as Record<string, never>;
}

test("who has no token sees nothing, whatever is asked for", async () => {
  await using shown = await start(true);
  for (
    const path of ["", "events", "app.js", "uplot.js", "close", "?token=wrong", "?token=", `x?token=${token.slice(1)}`]
  ) {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(`${shown.url}${path}`, { method, redirect: "manual" });
      assertEquals(response.status, 401, `${method} ${path}`);
      await response.body?.cancel();
    }
  }
  const entered = await fetch(`${shown.url}?token=${encodeURIComponent(token)}`, { redirect: "manual" });
  assertEquals([entered.status, entered.headers.get("location")], [303, "/dashboard/"]);
  const cookie = entered.headers.get("set-cookie") ?? "";
  assert(/HttpOnly; SameSite=Strict/.test(cookie), cookie);
  const page = await fetch(shown.url, { headers: { cookie: cookie.split(";")[0] } });
  assertEquals(page.status, 200);
  assert((await page.text()).includes("<title>@laster/net</title>"));
  assert(page.headers.get("content-security-policy")?.includes("frame-ancestors 'none'"));
  const ask = async (path: string) => await (await fetch(`${shown.url}${path}`, { headers: auth })).text();
  assert((await ask("app.js")).includes("EventSource"));
  for (const [path, own] of [["uplot.js", "uPlot.iife.min.js"], ["uplot.css", "uPlot.min.css"]]) {
    assert(await ask(path) === readUplot(own), "run packages/dashboard/tests/uplot_files.ts --write");
  }
  assertThrows(() => new Dashboard({ token: "short" }), TypeError, "8 letters");
  assertThrows(() => new Dashboard({ token: undefined }), TypeError, "token");
});

/** The cookie that a dashboard gives to who has its token: its name, and its value. */
async function cookieOf({ handler }: Dashboard, token: string): Promise<readonly string[]> {
  const response = await handler(new Request(`http://localhost/dashboard/?token=${encodeURIComponent(token)}`));
  return response.headers.get("set-cookie")?.split(";")[0].split("=") ?? [];
}

test("a token with a + is taken from an address that has it as it is, too", async () => {
  const token = "q+3dF/9x Z1Yb+w==";
  const dashboard = new Dashboard({ token });
  for (const query of [encodeURIComponent(token), token]) {
    const response = await dashboard.handler(new Request(`http://localhost/dashboard/?token=${query}`));
    assertEquals(response.status, 303, query);
    const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
    const page = await dashboard.handler(new Request("http://localhost/dashboard/", { headers: { cookie } }));
    assertEquals(page.status, 200, query);
  }
  const other = await dashboard.handler(new Request("http://localhost/dashboard/?token=q-3dF/9x Z1Yb+w=="));
  assertEquals(other.status, 401);
});

test("a cookie that cannot be read is none", async () => {
  const dashboard = new Dashboard({ token });
  const { handler } = dashboard;
  const [name] = await cookieOf(dashboard, token);
  for (const value of ["%", "%zz", "%E0%A4", "", `${encodeURIComponent(token)}%`]) {
    const cookie = `other=1; ${name}=${value}`;
    const response = await handler(new Request("http://localhost/dashboard/", { headers: { cookie } }));
    assertEquals(response.status, 401, value);
  }
});

test("two dashboards on one host, whose cookies a browser keeps together, do not log each other out", async () => {
  const dashboards = [token, "another secret"].map((token) => ({ token, dashboard: new Dashboard({ token }) }));
  const jar = new Map<string, string>();
  for (const { token, dashboard } of dashboards) {
    const [name, value] = await cookieOf(dashboard, token);
    jar.set(name, value);
  }
  const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
  for (const { dashboard: { handler } } of dashboards) {
    assertEquals((await handler(new Request("http://localhost/dashboard/", { headers: { cookie } }))).status, 200);
  }
});

test("seconds that a slow browser makes it skip do not count as lateness of the event loop", async () => {
  const { setInterval } = globalThis;
  const { now } = performance;
  const controller = new AbortController();
  let nowMs = 0;
  let tick = () => {};
  try {
    globalThis.setInterval = ((send: () => void) => void (tick = send)) as unknown as typeof setInterval;
    performance.now = () => nowMs;
    const { handler } = watched();
    const { signal } = controller;
    const response = await handler(new Request("http://localhost/dashboard/events", { headers: auth, signal }));
    const reader = response.body?.getReader();
    const look = async () => {
      const { value } = await (reader?.read() ?? Promise.reject(new Error("no body")));
      return (JSON.parse(new TextDecoder().decode(value).slice(6)) as { delayMs: number }).delayMs;
    };
    const later = (ms: number) => {
      nowMs += ms;
      tick();
    };
    assertEquals(await look(), 0);
    later(1_005);
    later(1_000);
    later(1_000);
    assertEquals(await look(), 5);
    later(1_000);
    assertEquals(await look(), 0);
  } finally {
    performance.now = now;
    globalThis.setInterval = setInterval;
    controller.abort();
  }
});

test("pages that are open share one walk over the sessions, and the last takes the timer with it", async (context) => {
  const { setInterval, clearInterval } = globalThis;
  context.after(() => Object.assign(globalThis, { setInterval, clearInterval }));
  const ticks = new Set<() => void>();
  Object.assign(globalThis, {
    setInterval: (tick: () => void) => (ticks.add(tick), tick),
    clearInterval: (tick: () => void) => ticks.delete(tick),
  });
  const dashboard = new Dashboard({ token });
  const service = new TcpService({ logger });
  let walks = 0;
  service.stats = new Proxy(service.stats, { apply: (stats) => (walks++, stats.call(service)) });
  dashboard.watch(service);
  const pages = await Promise.all([1, 2, 3].map(async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { body } = await dashboard.handler(new Request("http://localhost/events", { headers: auth, signal }));
    const reader = body?.getReader();
    const read = async () => new TextDecoder().decode((await reader?.read())?.value);
    await read();
    return { read, controller };
  }));
  walks = 0;
  for (const tick of ticks) tick();
  const said = new Set(await Promise.all(pages.map(({ read }) => read())));
  assertEquals([walks, ticks.size, said.size], [1, 1, 1]);
  for (const { controller } of pages.slice(1)) controller.abort();
  assertEquals(ticks.size, 1);
  for (const tick of ticks) tick();
  assertEquals([walks, (await pages[0].read()).startsWith("data: {")], [2, true]);
  pages[0].controller.abort();
  assertEquals(ticks.size, 0);
});

test("ages and rates do not depend on the wall clock", async (context) => {
  await using shown = await start();
  const { now } = Date;
  context.after(() => Date.now = now);
  type Seen = { atMs: number; elapsedMs: number; rows: { id: number; ageMs: number }[] };
  const before = await see(shown.url) as unknown as Seen;
  Date.now = () => now() - 3_600_000;
  const after = await see(shown.url) as unknown as Seen;
  assert(after.atMs < before.atMs && after.elapsedMs > before.elapsedMs);
  const ages = new Map(before.rows.map(({ id, ageMs }) => [id, ageMs]));
  assert(after.rows.every(({ id, ageMs }) => ageMs > (ages.get(id) ?? NaN)), JSON.stringify([before, after]));
});

test("only GET has the events begin, and only GET and HEAD are answered besides POST", async () => {
  const { handler } = new Dashboard({ token });
  const ask = (method: string, name: string) =>
    handler(new Request(`http://localhost/dashboard/${name}`, { method, headers: auth }));
  const head = await ask("HEAD", "events");
  assertEquals([head.status, head.headers.get("content-type"), head.body], [200, "text/event-stream", null]);
  for (const name of ["", "events", "app.js", "close"]) {
    for (const method of ["PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const response = await ask(method, name);
      assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD, POST"], `${method} ${name}`);
    }
  }
  await using shown = await start();
  const asked = await fetch(`${shown.url}events`, { method: "HEAD", headers: auth });
  assertEquals([asked.status, await asked.text()], [200, ""]);
});

test("the events of a request that is over do not begin", async () => {
  const { handler } = new Dashboard({ token });
  const signal = AbortSignal.abort();
  const response = await handler(new Request("http://localhost/dashboard/events", { headers: auth, signal }));
  const reader = response.body?.getReader();
  assertEquals((await within(reader?.read() ?? Promise.reject(new Error("no body")), "the end")).done, true);
});

test("the dashboard refuses options that it does not know, and actions that are neither true nor false", () => {
  for (const actions of ["false", "true", 0, 1, null, {}] as unknown as boolean[]) {
    assertThrows(() => new Dashboard({ token, actions }), TypeError, "actions must be true or false");
  }
  assertThrows(() => new Dashboard({ token, action: true } as { token: string }), TypeError, 'no option "action"');
  for (const options of [undefined, null, token] as unknown as { token: string }[]) {
    assertThrows(() => new Dashboard(options), TypeError, "must be an object");
  }
  new Dashboard({ token, actions: undefined });
});

test("the events say what stats() says", async () => {
  await using shown = await start();
  const { service, sessions, url } = shown;
  await using refused = await connect({ port: service.port, logger });
  await until(() => service.sessionCount === 4, "a fourth");
  const fifth = await connect({ port: service.port, logger });
  await fifth.closed;
  await refused.close();
  await until(() => service.sessionCount === 3, "three are left");
  const now = await see(url) as unknown as {
    sessions: number;
    rows: { id: number; address: string; state: string }[];
    groups: [string, number][];
    listeners: string[];
    refused: Record<string, number>;
    recentRefused: { reason: string; address: string }[];
    recentClosed: { reason: string }[];
    memoryBytes: number;
    actions: boolean;
  };
  assertEquals([now.sessions, now.rows.length, now.groups, now.actions], [3, 3, [["room", 3]], false]);
  assertEquals(now.rows.map(({ id }) => id).toSorted(), [...service.sessions()].map(({ id }) => id).toSorted());
  assertEquals(now.listeners, [`${hostname}:${service.port}`]);
  assertEquals([now.refused, now.recentRefused[0].reason, now.recentClosed[0].reason], [
    { "max-connections": 1 },
    "max-connections",
    "remote-closing",
  ]);
  assert(now.memoryBytes > 1e6 && now.rows.every(({ address }) => address.startsWith("127.0.0.1:")));
  assertEquals(sessions.length, 3);
});

test("each session's groups: so many, in their order, their names cut; a look changes nothing", async () => {
  await using shown = await start();
  const { service, url } = shown;
  await until(() => service.sessionCount === 3, "three sessions");
  const [one, two, three] = service.sessions();
  for (let count = 1; count < 8; count++) service.group(`area ${count}`).join(one);
  for (let count = 1; count < 20; count++) service.group(`area ${count}`).join(two);
  service.group("room").leave(three);
  const { length } = [...service.groupNames()];
  const rows = async () => {
    const seen = await see(url) as unknown as { rows: { id: number; groups: string[] }[]; groups: [string, number][] };
    return { ...seen, of: (id: number) => seen.rows.find((row) => row.id === id)?.groups };
  };
  const eight = ["room", ...[1, 2, 3, 4, 5, 6, 7].map((count) => `area ${count}`)];
  let seen = await rows();
  assertEquals([seen.of(one.id), seen.of(two.id), seen.of(three.id)], [eight, [...eight, "…"], []]);
  assertEquals([...service.groupNames()].length, length, "no group comes of a look");
  service.group("a".repeat(32)).join(three);
  service.group("b".repeat(100_000)).join(three);
  seen = await rows();
  assertEquals(seen.of(three.id), ["a".repeat(32), `${"b".repeat(31)}…`]);
  assert(seen.groups.every(([name]) => name.length <= 32));
});

test("what an application says of an end or a refusal is cut", async () => {
  const admission = [{ admit: () => "n".repeat(1_000) }];
  const dashboard = new Dashboard({ token });
  await using service = await serve({ hostname, port: 0, logger, observers: [dashboard] });
  dashboard.watch(service);
  await service.listen({ hostname, port: 0, admission });
  const [port, refusing] = service.stats().listeners.map((address) => address.kind === "tcp" ? address.port : 0);
  await using http = await serveHttp(dashboard.handler, { port: 0 });
  await using refused = await connect({ port: refusing, logger });
  await refused.closed;
  await using session = await connect({ port, logger });
  await until(() => service.sessionCount === 1, "a session");
  for (const one of service.sessions()) void one.close({ detail: "d".repeat(1_000) });
  await session.closed;
  await until(() => service.sessionCount === 0, "its end");
  const now = await see(`http://${hostname}:${http.port}/`) as unknown as {
    refused: Record<string, number>;
    recentRefused: { reason: string }[];
    recentClosed: { reason: string }[];
  };
  assertEquals(now.refused, { [`${"n".repeat(199)}…`]: 1 });
  assertEquals(now.recentRefused.map(({ reason }) => reason), [`${"n".repeat(199)}…`]);
  assertEquals(now.recentClosed.map(({ reason }) => reason), [`local-closing: ${"d".repeat(184)}…`]);
});

test("sessions are closed where that is switched on, and by scripts of the page only", async () => {
  const post = async (url: string, body: string, type = "application/json") => {
    const response = await fetch(`${url}close`, { method: "POST", headers: { ...auth, "content-type": type }, body });
    await response.body?.cancel();
    return response.status;
  };
  await using off = await start();
  const [one] = off.service.sessions();
  assertEquals(await post(off.url, JSON.stringify({ id: one.id })), 403);
  assertEquals(one.state, "open");
  await using on = await start(true);
  const [two] = on.service.sessions();
  assertEquals(await post(on.url, `id=${two.id}`, "application/x-www-form-urlencoded"), 415);
  for (const body of ['{"id":99}', "{", "[]", "null", "5"]) assertEquals(await post(on.url, body), 404, body);
  assertEquals(two.state, "open");
  const type = "Application/JSON; charset=utf-8";
  assertEquals(await post(on.url, JSON.stringify({ id: two.id, detail: "cheats" }), type), 202);
  const { reason, detail } = await within(two.closed, "its end");
  assertEquals([reason, detail], ["local-closing", "cheats"]);
});

test("in a browser: it draws, sorts, searches, and closes a session", { skip: skipBrowser }, async () => {
  await using shown = await start(true);
  const evil = "<img src=x onerror=alert(1)>";
  await until(() => shown.service.sessionCount === 3, "three sessions");
  const [member, crowded] = shown.service.sessions();
  const leaver = await connect({ port: shown.service.port, logger });
  await until(() => shown.service.sessionCount === 4, "a fourth");
  void [...shown.service.sessions()].at(-1)?.close({ detail: "w".repeat(300) });
  await leaver.closed;
  await until(() => shown.service.sessionCount === 3, "its end");
  shown.service.group(evil).join(member);
  for (const name of ["guild of the long names", "w".repeat(40), "area 7", "area 8"]) {
    shown.service.group(name).join(crowded);
  }
  const { chromium: browsers } = await import("playwright-core");
  const browser = await browsers.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const shots = process.env.LASTER_SHOTS;
    // The browser shows the same files whoever serves them: each runtime has its part of the looks.
    for (const { colorScheme, name, width, height } of shots === undefined ? partOf(LOOKS) : LOOKS) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height } });
      const faults: string[] = [];
      page.on("pageerror", (error) => void faults.push(error.message));
      page.on("console", (message) => void (message.type() === "error" && faults.push(message.text())));
      await page.goto(`${shown.url}?token=${encodeURIComponent(token)}`);
      assertEquals(page.url(), shown.url, "the token is not in the address");
      await counts(page, "#sessions tbody tr", 3);
      await counts(page, "canvas", 6);
      if (shots !== undefined) await page.waitForTimeout(4_500);
      if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png`, fullPage: true });
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assertEquals([faults, overflow], [[], 0], `${name} ${colorScheme}`);
      const widest = await page.evaluate(
        "Math.max(...[...document.querySelectorAll('#sessions td:nth-child(9)')].map((cell) => cell.clientWidth))",
      );
      const wide = await page.evaluate(
        "[...document.querySelectorAll('section:not(.wide)')].filter((one) => one.scrollWidth > one.clientWidth).length",
      );
      assertEquals(wide, 0, "no table is wider than its place");
      if (name === "narrow") assert(Number(widest) <= 300, `groups are ${widest} pixels wide`);
      await page.close();
    }
    const page = await browser.newPage();
    const pageFaults: string[] = [];
    page.on("pageerror", (error) => void pageFaults.push(error.message));
    await page.goto(`${shown.url}?token=${encodeURIComponent(token)}`);
    const groups = page.locator("#sessions tbody td:nth-child(9)");
    await page.locator("#sessions thead", { hasText: "groups" }).waitFor();
    await page.fill("#search", evil.toUpperCase());
    await counts(page, "#sessions tbody tr", 1);
    assertEquals([await groups.textContent(), await groups.getAttribute("title")], Array(2).fill(`room, ${evil}`));
    assertEquals(await page.locator("img").count(), 0, "a name is text");
    await page.fill("#search", "");
    await counts(page, "#sessions tbody tr", 3);
    // A server that was started again counts from 0.
    const rates = await page.evaluate(`(() => {
      const before = last;
      events.dispatchEvent(new Event("open"));
      show({ ...before, received: 0, sent: 0, rows: before.rows.map((row) => ({ ...row, received: 0, sent: 0 })) });
      return [...charts[1].data.slice(1).map((line) => line.at(-1)), ...rows.flatMap((row) => [row.inRate, row.outRate])];
    })()`) as number[];
    assertEquals(rates.filter((rate) => rate < 0), []);
    const counted = await page.evaluate(`(() => {
      const of = (sessions, rows) => {
        show({ ...last, sessions, rows: Array.from({ length: rows }, (_, id) => ({ ...last.rows[0], id })) });
        return document.querySelector("#count").textContent;
      };
      return [of(1_000, 500), of(300, 300), of(150, 150), of(3, 3)];
    })()`);
    assertEquals(counted, [
      "1000, 200 shown; the search covers the 500 with the longest queues",
      "300, 200 shown",
      "150",
      "3",
    ]);
    // A clock that is set back begins the charts anew, and has no part in the rates.
    const turned = await page.evaluate(`(() => {
      const before = last;
      const elapsedMs = before.elapsedMs + 1_000;
      show({ ...before, atMs: before.atMs - 3_600_000, elapsedMs, received: before.received + 50 });
      return [charts[1].data[0].length, Math.round(charts[1].data[1].at(-1))];
    })()`);
    assertEquals(turned, [1, 50]);
    await page.click("#sessions thead th:nth-child(9) button");
    await page.locator("#sessions tbody tr:first-child", { hasText: "guild of the long names" }).waitFor();
    await page.click("#sessions thead th:nth-child(9) button");
    await page.locator("#sessions tbody tr:last-child", { hasText: "guild of the long names" }).waitFor();
    assertEquals(pageFaults, []);
    const [first] = shown.service.sessions();
    await page.fill("#search", `${first.id} `);
    await counts(page, "#sessions tbody tr", 1);
    page.on("dialog", (dialog) => void dialog.accept("from the page"));
    await page.click("#sessions tbody button");
    const { detail } = await within(first.closed, "its end");
    assertEquals(detail, "from the page");
    await page.fill("#search", "");
    await counts(page, "#sessions tbody tr", 2);
    await page.locator("#recentClosed", { hasText: "from the page" }).waitFor();
    for (const [status, said] of [[503, "the server does not answer"], [401, "log in again"]] as const) {
      await page.route("**/events", (route) => route.fulfill({ status }));
      await page.reload();
      await page.locator("#link", { hasText: said }).waitFor();
      await page.unroute("**/events");
      await page.locator("#state", { hasText: "running" }).waitFor();
      assertEquals(await page.locator("#link").textContent(), "");
    }
  } finally {
    await browser.close();
  }
});

/** Waits until the page has so many of something. Not by a function in the page: its policy forbids to make one of a text. */
async function counts(page: Page, selector: string, wanted: number): Promise<void> {
  const endMs = performance.now() + 10_000;
  let seen = -1;
  while (seen !== wanted) {
    if (performance.now() > endMs) throw new Error(`${seen} of ${selector}, not ${wanted}`);
    seen = await page.locator(selector).count();
  }
}
