// The page. What is on it comes from app.js.

/** HTML and CSS. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@laster/net</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="uplot.css">
<style>
:root { color-scheme: light dark; --ground: #f5f6f8; --panel: #fff; --text: #1b1f24; --quiet: #667085; --line: #e3e6ea; --ink: #2563eb; --other: #e11d48; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171c; --panel: #1d2128; --text: #e6e8eb; --quiet: #98a1b0; --line: #2e343e; --ink: #60a5fa; --other: #fb7185; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; background: var(--ground); color: var(--text); }
header { display: flex; flex-wrap: wrap; gap: .4rem 1.4rem; align-items: baseline; padding: .8rem 1rem; border-bottom: 1px solid var(--line); background: var(--panel); }
h1 { font-size: 1.05rem; margin: 0; }
h2 { font-size: .85rem; margin: 0 0 .4rem; color: var(--quiet); font-weight: 600; }
main { padding: 1rem; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .8rem; min-width: 0; }
.wide { grid-column: 1 / -1; overflow-x: auto; }
.now { float: right; color: var(--text); font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, .left { text-align: left; }
th button { all: unset; cursor: pointer; color: var(--quiet); font-weight: 600; }
th button:focus-visible, button:focus-visible, input:focus-visible { outline: 2px solid var(--ink); outline-offset: 1px; }
input, td button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 5px; padding: .2rem .5rem; }
td button { cursor: pointer; }
#search { width: min(100%, 260px); margin-bottom: .5rem; }
.now .other { color: var(--other); }
.now .ink { color: var(--ink); }
#sessions :is(th, td):is(:nth-child(2), :nth-child(9)) { text-align: left; }
#sessions td:nth-child(9) { max-width: 18rem; overflow: hidden; text-overflow: ellipsis; }
:is(.lately td:not(:first-child), #closed td:first-child, #refused td:first-child, #groups td:first-child) { white-space: normal; overflow-wrap: anywhere; }
.lately { grid-column: 1 / -1; }
.lately td { text-align: left; vertical-align: top; }
.lately td:nth-child(2) { min-width: 9rem; }
.lately td:last-child { width: 100%; }
@media (max-width: 600px) {
  .lately tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid var(--line); }
  .lately td { border: 0; }
}
.quiet { color: var(--quiet); }
#link.off { color: var(--other); }
</style>
</head>
<body>
<header><h1>@laster/net</h1><span id="state" class="quiet">connecting</span><span id="listeners" class="quiet"></span><span id="link" class="quiet"></span></header>
<main id="main">
  <section class="wide" id="sessions"><h2>Sessions <span class="now" id="count"></span></h2>
    <input id="search" type="search" placeholder="address, id, state or group" aria-label="search sessions">
    <table><thead></thead><tbody></tbody></table></section>
  <section><h2>Closed, by reason</h2><table id="closed"></table></section>
  <section><h2>Refused, by reason</h2><table id="refused"></table></section>
  <section><h2>Groups</h2><table id="groups"></table></section>
  <section class="lately"><h2>Closed lately</h2><table id="recentClosed"></table></section>
  <section class="lately"><h2>Refused lately</h2><table id="recentRefused"></table></section>
</main>
<script src="uplot.js"></script>
<script src="app.js"></script>
</body>
</html>
`;

/** The page's icon. */
export const ICON =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#2563eb"/><path d="M3 11l3-5 3 3 4-6" fill="none" stroke="#fff" stroke-width="1.6"/></svg>`;
