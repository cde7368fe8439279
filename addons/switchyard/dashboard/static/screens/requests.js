// Requests: a list that stays smooth however long it gets, and one request in depth.

import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { get } from "../lib/api.js";
import { UNKNOWN, allTokens, clean, count, millis, money, named, precise, short } from "../lib/format.js";
import { finished, skipped } from "../lib/live.js";
import { Failure, Notice, Route, State, stepsOf } from "../lib/parts.js";
import { words } from "../words.js";
import { Details } from "./request.js";

const text = words.requests;
const PAGE = 200;
const ROW = 35.2;
const AROUND = 12;
const WIDTHS = [14, 8, 13, 15, 19, 6, 7, 8, 10];
const FILTERS = ["model", "provider", "tool", "project", "session", "client_key", "asked_model", "combo", "credential",
  "operation", "state", "error", "status", "billing"];

export default function Requests({ query }) {
  const given = new URLSearchParams(query);
  const [filter, setFilter] = useState(FILTERS.filter((name) => given.has(name)).map((name) => `${name}:${given.get(name)}`).join(" "));
  const [asked, setAsked] = useState(filter);
  const [open, setOpen] = useState(given.get("id"));
  const [turn, setTurn] = useState(0);
  const field = useRef(null);
  useEffect(() => { if (given.has("find")) field.current.focus(); }, [query]);
  const { where, unknown } = useMemo(() => parse(asked), [asked]);
  const apply = (event) => { event.preventDefault(); setAsked(filter); };
  return html`<div class="stack">
    <form class="bar" role="search" onSubmit=${apply}>
      <label class="sr" for="filter">${text.filter}</label>
      <input id="filter" ref=${field} type="search" size="48" value=${filter} placeholder=${text.filterHint}
        onInput=${(event) => setFilter(event.currentTarget.value)} />
      <button class="main" type="submit">${text.filter}</button>
    </form>
    ${unknown && html`<${Notice}>${text.unknownFilter(clean(unknown), FILTERS.join(", "))}<//>`}
    <${List} key=${`${turn} ${asked}`} where=${where} onOpen=${setOpen} onAgain=${() => setTurn(turn + 1)} />
    ${open && html`<${Details} key=${open} id=${open} onOpen=${setOpen} onClose=${() => setOpen(null)} />`}
  </div>`;
}

/** `model:glm tool:"Claude Code"` as a query; words without a name are a model's. */
function parse(line) {
  const where = {};
  let unknown = null;
  for (const [, name, quoted, plain] of line.matchAll(/(?:(\w+):)?(?:"([^"]*)"|(\S+))/g)) {
    const key = name ?? "model";
    if (FILTERS.includes(key)) where[key] = quoted ?? plain;
    else unknown ??= key;
  }
  return { where, unknown };
}

function List({ where, onOpen, onAgain }) {
  const [rows, setRows] = useState([]);
  const [next, setNext] = useState("");
  const [error, setError] = useState(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [uncounted, setUncounted] = useState(0);
  const busy = useRef(false);
  const box = useRef(null);
  const load = async () => {
    if (busy.current || next === null) return;
    busy.current = true;
    try {
      const page = await get("records", { ...where, limit: PAGE, before: next });
      setRows((known) => [...known, ...page.records]);
      if (next === "") setUncounted(skipped.peek());
      setNext(page.next);
      setError(null);
    } catch (refusal) {
      setError(refusal);
    }
    busy.current = false;
  };
  useEffect(() => { load(); setHeight(box.current.clientHeight); }, []);
  const scrolled = (event) => {
    const at = event.currentTarget;
    setTop(at.scrollTop);
    if (at.scrollTop + at.clientHeight > at.scrollHeight - 40 * ROW) load();
  };
  const first = Math.max(Math.floor(top / ROW) - AROUND, 0);
  const last = Math.min(Math.ceil((top + height) / ROW) + AROUND, rows.length);
  const all = Object.keys(where).length === 0;
  const known = useMemo(() => new Set(rows.map((row) => row.id)), [rows]);
  const fresh = all && next !== "" ? arrived(rows, known, next) + skipped.value - uncounted : 0;
  return html`<div>
    <${Failure} error=${error} again=${load} />
    ${fresh > 0 && html`<p><button type="button" onClick=${onAgain}>${text.fresh(fresh, count(fresh))}</button></p>`}
    <div class="virtual" ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label=${words.screens.requests}>
      <table aria-rowcount=${next === null ? rows.length + 1 : -1}>
        <colgroup>${WIDTHS.map((width) => html`<col style=${{ width: `${width}%` }} />`)}</colgroup>
        <thead><tr aria-rowindex="1">${Object.entries(text.columns).map(([name, title]) =>
          html`<th scope="col" class=${["tokens", "cost", "time"].includes(name) ? "number" : ""}>${title}</th>`)}</tr></thead>
        <tbody>
          <tr class="pad" aria-hidden="true"><td colspan="9" style=${{ height: `${first * ROW}px` }}></td></tr>
          ${rows.slice(first, last).map((row, at) => html`<${Line} key=${row.id} row=${row} index=${first + at + 2} onOpen=${onOpen} />`)}
          <tr class="pad" aria-hidden="true"><td colspan="9" style=${{ height: `${(rows.length - last) * ROW}px` }}></td></tr>
        </tbody>
      </table>
      ${next === null && rows.length === 0 && html`<p class="weak">${all ? text.noneYet : text.none}</p>`}
    </div>
  </div>`;
}

/** How many that ended are missing in a list. Ids begin with the time: what is older than a list's last is on its next page. */
function arrived(rows, known, next) {
  const oldest = next === null ? "" : (rows.at(-1)?.id ?? "");
  return finished.value.filter((row) => row.id > oldest && !known.has(row.id)).length;
}

function Line({ row, index, onOpen }) {
  return html`<tr aria-rowindex=${index}>
    <td><button type="button" class="row" onClick=${() => onOpen(row.id)}>${precise(row.started)}</button></td>
    <td>${named(row.tool)}</td><td>${named(row.asked_model)}</td>
    <td>${row.provider ? `${clean(row.provider)}/${named(row.model)}` : UNKNOWN}</td>
    <td><${Route} steps=${stepsOf(row)} /></td>
    <td class="number">${short(allTokens(row.tokens))}</td>
    <td class="number">${money(row.list_cost)}</td><td class="number">${millis(row.end_ms)}</td>
    <td><${State} value=${row.state} label=${text.states[row.state]} /></td>
  </tr>`;
}
