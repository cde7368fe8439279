// Usage: what was used over time, by whatever one asks for.

import { html, useMemo, useState } from "../lib/html.js";
import { get, written } from "../lib/api.js";
import { Chart } from "../lib/chart.js";
import { cacheShare, clean, count, dayBegin, dayOf, duration, moment, money, named, share, short, sumOf, zone } from "../lib/format.js";
import { now } from "../lib/live.js";
import { Choice, Failure, Panel, State, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.usage;
const LINES = 5;
const BUCKETS = { day: ["hour", 0], week: ["day", 6], month: ["day", 29], year: ["month", 364] };
const AMOUNTS = { list_cost: money, cost: money, tokens: short, requests: count, failed: count };

export default function Usage() {
  const [range, setRange] = useState("week");
  const [measure, setMeasure] = useState("list_cost");
  const [by, setBy] = useState("model");
  const [bucket, back] = BUCKETS[range];
  const since = dayBegin(back);
  const series = useAsked(() => get("usage", { by, bucket, since, tz: zone() }), [by, range]);
  const sums = useAsked(() => get("usage", { by, since, tz: zone() }), [by, range]);
  return html`<div class="stack">
    <div class="bar">
      <${Choice} label=${text.range} value=${range} options=${text.ranges} onChange=${setRange} />
      <${Choice} label=${text.measure} value=${measure} options=${text.measures} onChange=${setMeasure} />
      <${Choice} label=${text.by} value=${by} options=${text.dimensions} onChange=${setBy} />
      <${Download} since=${since} />
    </div>
    <${Failure} error=${series.error} again=${series.again} />
    <${Panel} id="series" title=${`${text.measures[measure]} · ${text.dimensions[by]}`}>
      <${Series} rows=${series.value?.rows} by=${by} measure=${measure} bucket=${bucket} since=${since} />
    <//>
    <${Panel} id="sums" title=${text.dimensions[by]}><${Sums} answer=${sums.value} by=${by} /><//>
    <${Panel} id="classes" title=${text.classes}><${Classes} sums=${sums.value?.totals} /><//>
    <${Panel} id="blocks" title=${text.blocks}><${Blocks} /><//>
    <${Panel} id="caches" title=${text.caches}><${Caches} since=${since} range=${range} /><//>
    <${Panel} id="sessions" title=${text.sessions}><${Sessions} since=${since} range=${range} /><//>
    <${Panel} id="calendar" title=${text.calendar}><${Calendar} /><//>
  </div>`;
}

function Download({ since }) {
  const link = (format) => `/v0/management/records?${written({ since, format })}`;
  return html`<span class="bar">${text.export} <a class="button" href=${link("csv")} download>CSV</a> <a class="button" href=${link("jsonl")} download>JSON lines</a></span>`;
}

const SHOWN_BLOCKS = 12;

/** Five hours each, as plans count; the one under way with its pace and where that leads. */
function Blocks() {
  const { value, error, again } = useAsked(() => get("blocks", { limit: SHOWN_BLOCKS }), []);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return html`<p role="status">${words.loading}</p>`;
  const blocks = value.blocks.filter((one) => !one.gap);
  if (!blocks.length) return html`<p class="weak">${text.nothing}</p>`;
  const most = Math.max(...blocks.map((one) => one.tokens), 1);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${text.blocks}><table>
    <thead><tr><th scope="col">${text.columns.when}</th><th scope="col" class="wide">${text.columns.tokens}</th>
      ${["requests", "cache", "cost", "covered", "list_cost"].map((name) => html`<th scope="col" class="number">${text.columns[name]}</th>`)}
      <th scope="col">${text.columns.models}</th></tr></thead>
    <tbody>${blocks.map((one) => html`<tr key=${one.start}>
      <th scope="row" class="nowrap">${moment(one.start)}${one.active && html`<div><${State} value="running" label=${text.left(duration(Math.max(one.end - now.value, 0)))} /></div>`}</th>
      <td><${Bar} value=${one.tokens / most} /> ${short(one.tokens)}${one.tokens_a_minute != null && html`<div class="weak">${text.pace(short(one.tokens_a_minute),
        short(one.tokens + one.tokens_a_minute * Math.max(one.end - now.value, 0) / 60))}</div>`}</td>
      <td class="number">${count(one.requests)}</td><td class="number">${share(cacheShare(one))}</td>
      <td class="number">${sumOf(one.cost, one.unpriced)}</td><td class="number">${sumOf(one.covered, one.uncovered)}</td>
      <td class="number">${sumOf(one.list_cost, one.unlisted)}</td>
      <td class="weak clipped">${one.models.map(clean).join(", ")}</td></tr>`)}</tbody>
  </table></div>`;
}

function Bar({ value }) {
  return html`<svg class="bar-of" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width=${value * 100} height="8" rx="2" /></svg>`;
}

/** Requests that read less from their prompt cache than was there, by what changed. */
function Caches({ since, range }) {
  const { value, error, again } = useAsked(() => get("caches", { since, limit: 20 }), [range]);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return html`<p role="status">${words.loading}</p>`;
  if (!value.breaks.length) return html`<p class="weak">${text.noBreaks}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${text.caches}><table>
    <thead><tr><th scope="col">${text.columns.why}</th><th scope="col">${text.columns.session}</th><th scope="col" class="number">${text.columns.requests}</th>
      <th scope="col" class="number">${text.columns.uncached}</th><th scope="col">${text.columns.last}</th></tr></thead>
    <tbody>${value.breaks.map((one) => html`<tr key=${`${one.session} ${one.verdict}`}><th scope="row">${named(one.verdict)}</th>
      <td><a href=${`#/requests?session=${encodeURIComponent(one.session)}`}>${named(one.session).slice(0, 13)}</a></td>
      <td class="number">${count(one.requests)}</td><td class="number">${short(one.tokens)}</td><td>${moment(one.last)}</td></tr>`)}</tbody>
  </table></div>`;
}

/** When buckets begin, from a moment until now, in the viewer's zone: those without requests too. */
function beginnings(bucket, since) {
  const begins = [];
  const date = new Date(since * 1000);
  if (bucket === "month") date.setDate(1);
  for (; date.getTime() <= Date.now(); step(date, bucket)) begins.push(date.getTime() / 1000);
  return begins;
}

function step(date, bucket) {
  if (bucket === "hour") date.setTime(date.getTime() + 3600e3);
  else if (bucket === "day") date.setDate(date.getDate() + 1);
  else date.setMonth(date.getMonth() + 1);
}

/** Rows of `{start, [by], sums}` as lines: the largest ones by name, the rest as one. */
function folded(rows, by, measure, begins) {
  const times = [...new Set([...begins, ...rows.map((row) => row.start)])].sort((a, b) => a - b);
  const at = new Map(times.map((time, index) => [time, index]));
  const lines = new Map();
  for (const row of rows) {
    const name = named(row[by]);
    if (!lines.has(name)) lines.set(name, { name, values: times.map(() => 0), sum: 0 });
    const line = lines.get(name);
    line.values[at.get(row.start)] += row[measure] ?? 0;
    line.sum += row[measure] ?? 0;
  }
  const ordered = [...lines.values()].sort((a, b) => b.sum - a.sum);
  const shown = ordered.slice(0, LINES);
  const rest = ordered.slice(LINES);
  if (rest.length) shown.push({ name: text.other, values: times.map((_, i) => rest.reduce((all, line) => all + line.values[i], 0)) });
  return { times, lines: shown };
}

function Series({ rows, by, measure, bucket, since }) {
  const data = useMemo(() => rows && folded(rows, by, measure, beginnings(bucket, since)), [rows, by, measure]);
  if (!data) return html`<p role="status">${words.loading}</p>`;
  if (!rows.length) return html`<p class="weak">${text.nothing}</p>`;
  return html`<${Chart} times=${data.times} lines=${data.lines} text=${AMOUNTS[measure]}
    label=${text.measures[measure]} when=${bucket === "hour" ? moment : dayOf} />`;
}

const COLUMNS = [
  ["requests", (row) => count(row.requests)],
  ["failed", (row) => count(row.failed)],
  ["input", (row) => short(row.input)],
  ["cache_read", (row) => short(row.cache_read)],
  ["cache_write", (row) => short(row.cache_write_5m + row.cache_write_1h)],
  ["output", (row) => short(row.output)],
  ["cache", (row) => share(cacheShare(row))],
  ["cost", (row) => sumOf(row.cost, row.unpriced)],
  ["covered", (row) => sumOf(row.covered, row.uncovered)],
  ["list_cost", (row) => sumOf(row.list_cost, row.unlisted)],
];

function Figures({ head, rows, label }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}${COLUMNS.map(([name]) => html`<th scope="col" class="number">${text.columns[name]}</th>`)}</tr></thead>
    <tbody>${rows.map(([cells, row]) => html`<tr>${cells.map((cell, at) => (at ? html`<td class="nowrap">${cell}</td>` : html`<th scope="row">${cell}</th>`))}
      ${COLUMNS.map(([, show]) => html`<td class="number">${show(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

function Sums({ answer, by }) {
  if (!answer) return html`<p role="status">${words.loading}</p>`;
  if (!answer.totals.requests) return html`<p class="weak">${text.nothing}</p>`;
  const rows = [...answer.rows].sort((a, b) => (b.list_cost ?? 0) - (a.list_cost ?? 0) || b.requests - a.requests);
  const shown = [...rows.map((row) => [[named(row[by])], row]), [[text.total], answer.totals]];
  return html`<${Figures} head=${[text.dimensions[by]]} rows=${shown} label=${text.dimensions[by]} />
    ${answer.totals.unpriced > 0 && html`<p class="weak">${text.unpriced(count(answer.totals.unpriced))}</p>`}
    ${answer.totals.uncovered > 0 && html`<p class="weak">${text.uncovered(count(answer.totals.uncovered))}</p>`}`;
}

function Classes({ sums }) {
  if (!sums) return html`<p role="status">${words.loading}</p>`;
  const classes = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning"];
  return html`<dl class="figures">${classes.map((name) => html`<div key=${name}><dt>${name.replaceAll("_", " ")}</dt><dd>${short(sums[name])}</dd></div>`)}</dl>`;
}

function Sessions({ since, range }) {
  const { value, error, again } = useAsked(() => get("sessions", { since, limit: 20 }), [range]);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return html`<p role="status">${words.loading}</p>`;
  if (!value.sessions.length) return html`<p class="weak">${text.nothing}</p>`;
  const rows = value.sessions.map((row) => [
    [html`<a href=${`#/requests?session=${encodeURIComponent(row.session)}`}>${named(row.session).slice(0, 13)}</a>`, `${moment(row.first)} (${duration(row.last - row.first)})`], row]);
  return html`<${Figures} head=${[text.columns.session, text.columns.first]} rows=${rows} label=${text.sessions} />`;
}

const WEEKS = 53;

function Calendar() {
  const { value } = useAsked(() => get("usage", { bucket: "day", since: dayBegin(WEEKS * 7 - 1), tz: zone() }), []);
  if (!value) return html`<p role="status">${words.loading}</p>`;
  const most = Math.max(...value.rows.map((row) => row.tokens), 1);
  const first = new Date(dayBegin(WEEKS * 7 - 1) * 1000);
  const offset = (first.getDay() + 6) % 7;
  const at = (start) => Math.round((start - first.getTime() / 1000) / 86400);
  const days = new Map(value.rows.map((row) => [at(row.start), row]));
  const cells = Array.from({ length: WEEKS * 7 }, (_, number) => {
    const row = days.get(number);
    const place = number + offset;
    return html`<rect key=${number} x=${Math.floor(place / 7) * 10} y=${(place % 7) * 10} width="9" height="9" rx="2" class=${row ? "" : "zero"}
      fill-opacity=${row ? 0.2 + 0.8 * Math.sqrt(row.tokens / most) : 1}>${row && html`<title>${dayOf(row.start)}: ${short(row.tokens)}, ${sumOf(row.list_cost, row.unlisted)}</title>`}</rect>`;
  });
  return html`<svg class="heat" viewBox=${`0 0 ${(WEEKS + 1) * 10} 70`} role="img" aria-label=${text.calendar}>${cells}</svg>
    <details><summary>${words.table}</summary><div class="scroll" tabindex="0" role="region" aria-label=${text.calendar}><table>
      <thead><tr><th scope="col">${text.columns.when}</th><th scope="col" class="number">${text.columns.tokens}</th><th scope="col" class="number">${text.columns.list_cost}</th></tr></thead>
      <tbody>${value.rows.map((row) => html`<tr key=${row.start}><th scope="row">${dayOf(row.start)}</th><td class="number">${short(row.tokens)}</td><td class="number">${sumOf(row.list_cost, row.unlisted)}</td></tr>`)}</tbody>
    </table></div></details>`;
}
