// The script of the page: draws the snapshots that come as events. Texts that come from peers are set as text, never as HTML.

/** JavaScript for current browsers. */
export const SCRIPT = `"use strict";
const KEPT = 300;
const $ = (id) => document.getElementById(id);
const bytes = (n) => n >= 1e9 ? (n / 1e9).toFixed(1) + " GB" : n >= 1e6 ? (n / 1e6).toFixed(1) + " MB" : n >= 1e3 ? (n / 1e3).toFixed(1) + " kB" : Math.round(n) + " B";
const count = (n) => n >= 1e6 ? (n / 1e6).toFixed(2) + " M" : n >= 1e4 ? (n / 1e3).toFixed(1) + " k" : String(Math.round(n * 10) / 10);
const ms = (n) => n === undefined || n === null ? "–" : n < 10 ? n.toFixed(1) + " ms" : Math.round(n) + " ms";
const age = (n) => n < 6e4 ? Math.round(n / 1e3) + " s" : n < 36e5 ? Math.round(n / 6e4) + " min" : (n / 36e5).toFixed(1) + " h";
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const CHARTS = [
  ["Sessions", count, [["sessions", (now) => now.sessions]]],
  ["Messages a second", count, [["received", (now, before, s) => (now.received - before.received) / s], ["sent", (now, before, s) => (now.sent - before.sent) / s]]],
  ["Queued", bytes, [["queued", (now) => now.queuedBytes]]],
  ["Round trip, median", ms, [["round trip", (now) => now.roundTripMs ?? null]]],
  ["Memory", bytes, [["process", (now) => now.memoryBytes], ["pool", (now) => now.poolBytes]]],
  ["Event loop late by", ms, [["late", (now) => now.delayMs]]],
];
const charts = CHARTS.map(([title, format, lines]) => {
  const section = document.createElement("section");
  const head = document.createElement("h2");
  const now = document.createElement("span");
  now.className = "now";
  head.append(title, now);
  const place = document.createElement("div");
  section.append(head, place);
  $("main").insertBefore(section, $("sessions"));
  return { format, lines, now, place, data: [[], ...lines.map(() => [])], plot: undefined };
});

// Bytes, sessions and messages come whole.
const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

function draw(chart) {
  const width = chart.place.clientWidth;
  if (chart.plot && chart.plot.width === width) return chart.plot.setData(chart.data);
  if (chart.plot) chart.plot.destroy();
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const times = (_, ticks) => ticks.map((second) => new Date(second * 1e3).toLocaleTimeString([], clock));
  const axis = { stroke: css("--quiet"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
  chart.plot = new uPlot({
    width,
    height: 140,
    padding: [null, 30, null, null], // For half a time.
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, least, most) => [Math.min(0, least ?? 0), Math.max(1, (most ?? 1) * 1.1)] } },
    axes: [{ ...axis, values: times, space: 90, size: 30 }, { ...axis, size: 62, incrs: chart.format === ms ? undefined : WHOLE, values: (_, ticks) => ticks.map(chart.format) }],
    series: [{}, ...chart.lines.map(([label], index) => ({ label, width: 1.5, stroke: css(index === 0 ? "--ink" : "--other"), points: { show: false } }))],
  }, chart.data, chart.place);
}
const redraw = () => charts.forEach((chart) => { if (chart.plot) chart.plot.destroy(); chart.plot = undefined; draw(chart); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", () => charts.forEach(draw));

const COLUMNS = [["id", (r) => r.id], ["address", (r) => r.address], ["age", (r) => r.ageMs, (r) => age(r.ageMs)], ["state", (r) => r.state],
  ["queue", (r) => r.queuedBytes, (r) => bytes(r.queuedBytes)], ["in/s", (r) => r.inRate, (r) => count(r.inRate)], ["out/s", (r) => r.outRate, (r) => count(r.outRate)],
  ["round trip", (r) => r.roundTripMs ?? -1, (r) => ms(r.roundTripMs)], ["groups", (r) => r.groups.join(", ")]];
let sort = { column: 4, down: true };
let last, rows = [], total = 0, actions = false;
const head = document.querySelector("#sessions thead").insertRow();
COLUMNS.forEach(([name], column) => {
  const cell = document.createElement("th");
  const button = document.createElement("button");
  button.textContent = name;
  button.onclick = () => { sort = { column, down: sort.column === column ? !sort.down : true }; showRows(); };
  cell.append(button);
  head.append(cell);
});
head.append(document.createElement("th"));
$("search").oninput = showRows;

function showRows() {
  const word = $("search").value.toLowerCase();
  const key = COLUMNS[sort.column][1];
  const found = rows.filter((r) => (r.id + " " + r.address + " " + r.state + " " + r.groups.join(" ")).toLowerCase().includes(word))
    .sort((a, b) => { const [x, y] = [key(a), key(b)]; return (x < y ? -1 : x > y ? 1 : a.id - b.id) * (sort.down ? -1 : 1); });
  const most = Math.min(200, found.length);
  $("count").textContent = total + (most < total ? ", " + most + " shown" : "") +
    (rows.length < total ? "; the search covers the " + rows.length + " with the longest queues" : "");
  const body = document.querySelector("#sessions tbody");
  if (body.contains(document.activeElement)) return; // Somebody is about to press a button.
  body.replaceChildren(...found.slice(0, most).map((r) => {
    const row = document.createElement("tr");
    for (const [, value, format] of COLUMNS) row.insertCell().textContent = format ? format(r) : value(r);
    row.lastChild.title = row.lastChild.textContent; // Groups that are cut off.
    const cell = row.insertCell();
    if (actions) {
      const button = document.createElement("button");
      button.textContent = "close";
      button.onclick = () => close(r, button);
      cell.append(button);
    }
    return row;
  }));
}

async function close(row, button) {
  const detail = prompt("Close session " + row.id + " of " + row.address + ". Why? It becomes the detail of its end.", "closed-by-operator");
  button.blur();
  if (detail === null) return;
  const response = await fetch("close", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ id: row.id, detail }) });
  if (!response.ok && response.status !== 404) alert(await response.text());
}

function list(id, pairs) {
  $(id).replaceChildren(...(pairs.length === 0 ? [["none", ""]] : pairs).map(([name, ...values]) => {
    const row = document.createElement("tr");
    row.insertCell().textContent = name;
    for (const value of values) row.insertCell().textContent = value;
    return row;
  }));
}

function show(now) {
  $("state").textContent = now.state;
  if (!now.atMs) return;
  $("listeners").textContent = now.listeners.join(", ") || "no listener";
  const before = last ?? now;
  const seconds = Math.max(.001, (now.elapsedMs - before.elapsedMs) / 1e3);
  for (const chart of charts) {
    if (now.atMs / 1e3 < chart.data[0].at(-1)) chart.data = chart.data.map(() => []); // The clock was set back.
    const values = chart.lines.map(([, read]) => now === before ? (read.length > 1 ? 0 : read(now)) : read(now, before, seconds));
    chart.data[0].push(now.atMs / 1e3);
    values.forEach((value, index) => chart.data[index + 1].push(value));
    if (chart.data[0].length > KEPT) chart.data.forEach((line) => line.shift());
    chart.now.replaceChildren(...values.flatMap((value, index) => {
      const span = document.createElement("span");
      span.className = values.length === 1 ? "" : index === 0 ? "ink" : "other";
      span.textContent = (values.length === 1 ? "" : chart.lines[index][0] + " ") + (value === null ? "–" : chart.format(value));
      return index === 0 ? [span] : [" ", span];
    }));
    draw(chart);
  }
  const old = new Map(before.rows.map((r) => [r.id, r]));
  rows = now.rows.map((r) => { const o = old.get(r.id) ?? r; return { ...r, inRate: (r.received - o.received) / seconds, outRate: (r.sent - o.sent) / seconds }; });
  actions = now.actions;
  total = now.sessions;
  showRows();
  const sorted = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);
  list("closed", sorted(now.closed));
  list("refused", sorted(now.refused));
  list("groups", [...now.groups].sort((a, b) => b[1] - a[1]));
  const recent = (events) => events.slice(0, 12).map((e) => [new Date(e.atMs).toLocaleTimeString(), e.address, e.reason]);
  list("recentClosed", recent(now.recentClosed));
  list("recentRefused", recent(now.recentRefused));
  last = now;
}

function say(text) {
  $("link").textContent = text;
  $("link").className = text === "" ? "quiet" : "off";
}

let events;
function listen() {
  events = new EventSource("events");
  events.onopen = () => { last = undefined; }; // It may be another server: its counts and ids are its own.
  events.onmessage = ({ data }) => { say(""); show(JSON.parse(data)); };
  events.onerror = async () => {
    say("the server does not answer");
    if (events.readyState !== EventSource.CLOSED) return; // It tries again by itself.
    setTimeout(listen, 3e3);
    const response = await fetch("events", { method: "HEAD" }).catch(() => undefined);
    if (response?.status === 401) say("log in again, by ?token=…");
  };
}
listen();
`;
