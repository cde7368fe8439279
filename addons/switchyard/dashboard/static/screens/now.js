// Now: what runs, what just ended and why it went there, who is out, what is left, what it cost.

import { html, useEffect, useState } from "../lib/html.js";
import { recent } from "../lib/api.js";
import { allTokens, cacheShare, clean, count, dayBegin, duration, money, named, precise, share, short, sumOf, zone } from "../lib/format.js";
import { finished, health, now, running, windows } from "../lib/live.js";
import { Failure, Meter, Panel, Route, State, Until, stepsOf, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.now;
const SHOWN = 25;
/** Providers that are not used, each named with its reason: more of them are no alarm but a file that lists all that may be. */
const MOST_MISSING = 3;

export default function Now() {
  return html`<div class="grid">
    <div class="stack eight"><${Running} /><${Recent} /></div>
    <div class="stack four first"><${Attention} /><${Today} /><${Windows} /><${Providers} /></div>
  </div>`;
}

function Running() {
  const rows = [...running.value.values()];
  return html`<${Panel} id="running" title=${`${text.running} (${rows.length})`}>
    ${rows.length === 0 ? html`<p class="weak">${text.idle}</p>` : html`
      <ul class="list">${rows.map((row) => html`<${Stream} key=${row.id} row=${row} />`)}</ul>`}
  <//>`;
}

function Stream({ row }) {
  const age = Math.max(now.value - row.started, 0);
  const output = row.tokens?.output;
  return html`<li class="line">
    <span class="private">${named(row.tool)}</span>
    <strong class="private">${named(row.asked_model)}</strong>
    <${Route} steps=${row.route} />
    <span class="end weak">${duration(age)}${output != null && age > 1 ? ` · ${short(output / age)} ${text.perSecond}` : ""}</span>
  </li>`;
}

function Recent() {
  const [kept, setKept] = useState(null);
  const rows = (kept ?? finished.value).slice(0, SHOWN);
  const toggle = () => setKept(kept ? null : finished.value);
  const button = html`<button type="button" aria-pressed=${kept !== null} onClick=${toggle}>${kept ? text.go : text.pause}</button>`;
  return html`<${Panel} id="recent" title=${text.recent} actions=${button}>
    ${kept && html`<p class="weak" role="status">${text.paused}</p>`}
    ${rows.length === 0 ? html`<p class="weak">${text.quiet} <a href="#/setup">${words.screens.setup}</a></p>` : html`
    <div class="scroll" tabindex="0" role="region" aria-labelledby="recent"><table>
      <thead><tr>${["when", "tool", "asked", "route", "tokens", "cost", "state"].map((name) =>
        html`<th scope="col" class=${["tokens", "cost"].includes(name) ? "number" : ""}>${words.requests.columns[name]}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<${Ended} key=${row.id} row=${row} />`)}</tbody>
    </table></div>`}
  <//>`;
}

function Ended({ row }) {
  const read = cacheShare(row.tokens);
  return html`<tr>
    <td class="nowrap"><a href=${`#/requests?id=${row.id}`}>${precise(row.started)}</a></td>
    <td>${named(row.tool)}</td>
    <td>${named(row.asked_model)}</td>
    <td><${Route} steps=${stepsOf(row)} /></td>
    <td class="number">${short(allTokens(row.tokens))}${read ? html` <span class="weak">${share(read)}</span>` : ""}</td>
    <td class="number">${money(row.list_cost)}</td>
    <td><${State} value=${row.state} label=${words.requests.states[row.state]} /></td>
  </tr>`;
}

function troubles() {
  const found = [];
  const state = health.value;
  for (const provider of state?.providers ?? [])
    for (const target of provider.targets)
      if (target.state === "open")
        found.push([`${provider.name} ${target.model}`, text.out(provider.name, target.model), target]);
  if (notLive().length <= MOST_MISSING)
    for (const one of notLive()) found.push([one.name, text.notLive(one.name, one.reason), null]);
  for (const one of windows.value) {
    if (one.used >= 1 && one.resetsAt > now.value) found.push([one.owner + one.window, text.windowEmpty(one.owner, one.window), null]);
    else if (one.emptyAt && one.sure && one.emptyAt - now.value < 1800 && one.emptyAt > now.value)
      found.push([one.owner + one.window, text.windowSoon(one.owner, one.window, duration(one.emptyAt - now.value)), null]);
  }
  return found;
}

const notLive = () => health.value?.["not-live"] ?? [];

function Attention() {
  const found = troubles();
  if (!found.length) return null;
  return html`<${Panel} id="attention" title=${text.attention}>
    <ul class="list">${found.map(([key, said, target]) => html`<li key=${key}>
      <${State} value="open" label=${clean(said)} />
      ${target && html`<div class="weak">${target["last-error"] && `${target["last-error"].class} ${target["last-error"].status ?? ""} · `}
        <${Cooling} target=${target} /></div>`}
    </li>`)}</ul>
  <//>`;
}

function Cooling({ target }) {
  const until = target["cooling-down-until"];
  return until ? html`<${Until} at=${Date.parse(until) / 1000} text=${text.back} />` : null;
}

function Today() {
  // Asked again when requests ended, at most every ten seconds: by all pages at the same time.
  const turn = Math.floor(now.value / 10);
  const last = finished.value[0]?.id;
  const [asked, setAsked] = useState({ turn, last });
  useEffect(() => { if (turn !== asked.turn && last !== asked.last) setAsked({ turn, last }); }, [turn, last]);
  const day = useAsked(() => recent("usage", { bucket: "day", since: dayBegin(), tz: zone() }), [asked]);
  const sums = day.value?.totals;
  return html`<${Panel} id="today" title=${text.cost}>
    <${Failure} error=${day.error?.status === 404 ? null : day.error} again=${day.again} />
    ${sums && html`<dl class="figures">
      <div><dt>${text.paid}</dt><dd class="private">${sumOf(sums.cost, sums.unpriced)}</dd></div>
      <div><dt>${text.covered}</dt><dd class="private">${sumOf(sums.covered, sums.uncovered)}</dd></div>
      <div><dt>${text.requests}</dt><dd>${count(sums.requests)}</dd></div>
      <div><dt>${text.cache}</dt><dd>${share(cacheShare(sums))}</dd></div>
    </dl>`}
    ${sums?.failed > 0 && html`<p class="weak">${count(sums.failed)} ${text.failed}</p>`}
    ${sums?.unpriced > 0 && html`<p class="weak">${words.usage.unpriced(count(sums.unpriced))}</p>`}
  <//>`;
}

export function Windows() {
  const rows = windows.value;
  return html`<${Panel} id="windows" title=${text.windows}>
    ${rows.length === 0 && html`<p class="weak">${text.noWindows}</p>`}
    <ul class="list">${rows.map((one) => html`<${Limit} key=${one.owner + one.window} one=${one} />`)}</ul>
  <//>`;
}

/** One window: its share, and how it goes on. Of a term that is over nothing is known but that it is. */
function Limit({ one }) {
  const isOver = one.resetsAt && one.resetsAt < now.value;
  return html`<li>
    <div class="line"><span class="private">${clean(one.owner)}</span> <span>${clean(one.window)}</span>
      <strong class="end">${isOver ? text.over : `${share(one.used)} ${text.used}`}</strong></div>
    <${Meter} value=${isOver ? 0 : one.used} label=${`${clean(one.owner)} ${clean(one.window)}`} />
    ${!isOver && html`<div class="weak">${one.resetsAt && html`<${Until} at=${one.resetsAt} text=${text.resets} /> · `}${forecastOf(one)}${one.old ? ` · ${text.old}` : ""}</div>`}
  </li>`;
}

function forecastOf(one) {
  if (one.emptyAt && one.emptyAt > now.value && (!one.resetsAt || one.emptyAt < one.resetsAt))
    return text.emptyIn(duration(one.emptyAt - now.value));
  if (one.used >= 1) return text.empty;
  return one.forecast === "lasts" ? text.lasts : text.little;
}

function Providers() {
  const rows = (health.value?.providers ?? []).filter((one) => one.targets.length);
  return html`<${Panel} id="providers-now" title=${text.providers}>
    ${rows.length === 0 && html`<p class="weak">${text.noProviders}</p>`}
    <ul class="list">${rows.map((one) => html`<li key=${one.name} class="line">
      <a href="#/providers">${clean(one.name)}</a>
      <span class="end"><${Worst} targets=${one.targets} /></span>
    </li>`)}</ul>
    ${notLive().length > MOST_MISSING && html`<p class="weak">${text.manyNotLive(count(notLive().length))} <a href="#/providers">${text.why}</a></p>`}
  <//>`;
}

function Worst({ targets }) {
  const order = ["open", "half-open", "closed"];
  const worst = [...targets].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))[0];
  return html`<${State} value=${worst.state} label=${words.providers.states[worst.state]} /> <span class="weak"><${Cooling} target=${worst} /></span>`;
}
