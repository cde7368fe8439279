// One request in depth: its attempts, its price, what was said, and the same sent to another model.

import { html, useEffect, useState } from "../lib/html.js";
import { call, canWrite, get, send, session } from "../lib/api.js";
import { cacheShare, clean, count, millis, money, named, share, short } from "../lib/format.js";
import { Dialog, Failure, Notice, Route, State, stepsOf, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.requests;
const SOON = 600;
const TIMES = 8;

/** Asks for what is written a moment after a request ended. */
async function soon(path) {
  for (let left = TIMES; ; left -= 1) {
    try {
      return await get(path);
    } catch (refusal) {
      if (refusal.status !== 404 || left <= 1) throw refusal;
      await new Promise((done) => setTimeout(done, SOON));
    }
  }
}

export function Details({ id, onOpen, onClose }) {
  const { value: row, error, again } = useAsked(() => soon(`records/${id}`), [id]);
  return html`<${Dialog} title=${text.details} wide onClose=${onClose}>
    <${Failure} error=${error} again=${again} />
    ${!row && !error && html`<p role="status">${words.loading}</p>`}
    ${row && html`<div class="stack">
      <div class="line"><strong>${named(row.asked_model)}</strong> <${Route} steps=${stepsOf(row)} />
        <${State} value=${row.state} label=${text.states[row.state]} /></div>
      <${Waterfall} row=${row} />
      <${Arithmetic} row=${row} />
      ${row.dropped.length > 0 && html`<section><h3>${text.dropped}</h3><p class="mono">${row.dropped.map(clean).join(", ")}</p></section>`}
      ${canWrite() && html`<${Exchange} id=${id} onOpen=${onOpen} />`}
      <${Facts} row=${row} />
      <details><summary>${text.raw}</summary><pre tabindex="0">${clean(JSON.stringify(row, null, 2))}</pre></details>
    </div>`}
  <//>`;
}

function Waterfall({ row }) {
  const begin = row.started;
  const total = Math.max(row.end_ms ?? 0, ...row.tries.map((one) => (one.started - begin) * 1000 + (one.end_ms ?? 0)), 1);
  const x = (ms) => (ms / total) * 1000;
  return html`<section><h3>${text.attempts} <span class="weak">${text.waterfall(millis(total))}</span></h3>
    <ol class="fall">${row.tries.map((one) => {
      const start = Math.max((one.started - begin) * 1000, 0);
      const head = one.first_output_ms ?? one.head_ms ?? one.end_ms ?? 0;
      const end = one.end_ms ?? head;
      return html`<li key=${one.number}>
        <div class="line"><span>${one.number}. ${clean(one.provider)}/${clean(one.model)}</span>
          <${State} value=${one.outcome === "ok" ? "complete" : "failed"} label=${one.outcome === "ok" ? "ok" : `${one.outcome} ${one.status ?? ""}`} />
          <span class="end weak">${text.head} ${millis(one.head_ms)} · ${text.first} ${millis(one.first_output_ms)} · ${millis(one.end_ms)}</span></div>
        <svg viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true">
          <rect class="wait" x=${x(start)} width=${Math.max(x(head), 1)} height="14" />
          <rect class=${one.outcome === "ok" ? "flow" : "fail"} x=${x(start + head)} width=${Math.max(x(end - head), 2)} height="14" />
        </svg></li>`;
    })}</ol></section>`;
}

/** Tokens times their rate, attempt by attempt; what a provider billed by itself is its own figure. */
function Arithmetic({ row }) {
  const { value } = useAsked(() => get(`records/${row.id}/price`), [row.id]);
  const priced = (value?.attempts ?? []).filter((one) => one.lines.length);
  const unlike = (one) => one.list_cost != null && Math.abs(one.lines.reduce((sum, line) => sum + line.cost, 0) - one.list_cost) > 1e-6;
  const shown = cacheShare(row.tokens);
  return html`<section><h3>${text.arithmetic}</h3>
    ${priced.map((one) => html`<div key=${one.number} class="scroll" tabindex="0" role="region" aria-label=${`${text.arithmetic} ${one.number}`}><table class="narrow">
      <thead><tr><th scope="col">${one.number}. ${clean(one.provider)}/${clean(one.model)}</th>
        <th scope="col" class="number">${words.usage.columns.tokens}</th><th scope="col" class="number">${text.rate}</th><th scope="col" class="number">${words.usage.columns.list_cost}</th></tr></thead>
      <tbody>${one.lines.map((line) => html`<tr key=${line.name}><th scope="row">${line.name.replaceAll("_", " ")}</th>
        <td class="number">${count(line.tokens)}</td><td class="number">× ${money(line.rate)}</td><td class="number">= ${money(line.cost)}</td></tr>`)}
      </tbody></table>${unlike(one) && html`<p class="weak">${text.unlike(money(one.list_cost))}</p>`}</div>`)}
    <dl class="facts">
      ${priced.length === 0 && Object.entries(row.tokens).filter(([, value]) => value != null).map(([name, value]) =>
        html`<dt>${name.replaceAll("_", " ")}</dt><dd>${count(value)}</dd>`)}
      <dt>${words.usage.columns.cache}</dt><dd>${share(shown)}${row.cache_verdict ? ` (${clean(row.cache_verdict)})` : ""}</dd>
      <dt>${words.usage.columns.list_cost}</dt><dd>${money(row.list_cost)} ${row.price_source ? `(${clean(row.price_source)})` : ""}</dd>
      <dt>${words.usage.columns.cost}</dt><dd>${money(row.cost)} (${row.billing})</dd>
    </dl></section>`;
}

/** What the exchange log keeps of a request. */
function Exchange({ id, onOpen }) {
  const { value, error } = useAsked(() => soon(`records/${id}/exchange`), [id]);
  const own = value?.messages.find((one) => one.name === "client-request");
  return html`<section class="stack"><h3>${text.conversation}</h3>
    ${error && html`<p class="weak">${clean(error.message)}</p>`}
    ${!value && !error && html`<p role="status">${words.loading}</p>`}
    ${value?.messages.map((one) => html`<${Message} key=${one.name} id=${id} message=${one} />`)}
    ${own?.size > 0 && own.conversation && html`<${Elsewhere} id=${id} head=${own.head} onOpen=${onOpen} />`}
  </section>`;
}

function Message({ id, message }) {
  const [raw, setRaw] = useState(null);
  const [who, what] = [message.name.slice(0, message.name.lastIndexOf("-")), message.name.slice(message.name.lastIndexOf("-") + 1)];
  const title = who === "client" ? text.ofClient[what] : `${text.attempt} ${who.replace(/\D+/g, "")}: ${text.ofAttempt[what]}`;
  const load = async () => {
    try {
      setRaw((await call("GET", `records/${id}/exchange/${message.name}`, { raw: true })).text);
    } catch (refusal) {
      setRaw(refusal.message);
    }
  };
  return html`<details class="message" open=${who === "client"}>
    <summary><strong>${title}</strong> <span class="weak">${message.size != null ? `${short(message.size)} ${text.bytes}` : ""}</span></summary>
    ${message.conversation && html`<${Conversation} said=${message.conversation} />`}
    ${message.cut && html`<p class="weak">${text.cut}</p>`}
    <details open=${!message.conversation}><summary>${text.head}</summary><pre tabindex="0">${clean(message.head)}</pre></details>
    ${message.size > 0 && (raw === null
      ? html`<button type="button" aria-label=${`${text.body}: ${title}`} onClick=${load}>${text.body}</button>`
      : html`<pre tabindex="0" class="raw">${clean(raw)}</pre>`)}
  </details>`;
}

/** A transcript; each of its sections begins with a line of dashes around who speaks. */
function Conversation({ said }) {
  const parts = said.split(/^\u2500\u2500 (.*?) \u2500*$/m);
  const turns = [];
  for (let at = 1; at < parts.length; at += 2) turns.push([parts[at], parts[at + 1]]);
  return html`<p class="weak">${clean(parts[0].trim())}</p>
    <ol class="turns">${turns.map(([who, words], at) => html`<li key=${at} class=${who.replace(/\W.*/, "")}>
      <strong>${clean(who)}</strong><pre>${clean(words.trim())}</pre></li>`)}</ol>`;
}

/** The same request to the router's own endpoint, with another model: a request like any other. */
function Elsewhere({ id, head, onOpen }) {
  const models = useAsked(() => get("models"), []);
  const [model, setModel] = useState("");
  const [key, setKey] = useState("");
  const [said, setSaid] = useState(null);
  const again = async (event) => {
    event.preventDefault();
    setSaid({ busy: true });
    try {
      const { text: body } = await call("GET", `records/${id}/exchange/client-request`, { raw: true });
      setSaid(await send(head.split("\n", 1)[0].split(" ")[1], JSON.parse(body), model, key));
    } catch (error) {
      setSaid({ error });
    }
  };
  return html`<form class="stack" onSubmit=${again}>
    <h3>${text.elsewhere}</h3>
    <div class="bar">
      <label class="choice"><span>${words.setup.model}</span><input list="elsewhere" required value=${model} onInput=${(event) => setModel(event.currentTarget.value)} /></label>
      <datalist id="elsewhere">${(models.value?.models ?? []).map((one) => html`<option value=${one.id} />`)}</datalist>
      ${session.value.needs_key && html`<label class="choice"><span>${text.clientKey}</span><input type="password" autocomplete="off" value=${key} onInput=${(event) => setKey(event.currentTarget.value)} /></label>`}
      <button type="submit" class="main" disabled=${said?.busy}>${said?.busy ? text.sending : text.send}</button>
    </div>
    <p class="weak">${text.elsewhereHint}</p>
    <${Failure} error=${said?.error} />
    ${said?.id && html`<${Answered} said=${said} onOpen=${onOpen} />`}
  </form>`;
}

function Answered({ said, onOpen }) {
  const [exchange, setExchange] = useState(null);
  useEffect(() => { setExchange(null); soon(`records/${said.id}/exchange`).then(setExchange, () => setExchange({})); }, [said.id]);
  const answer = exchange?.messages?.find((one) => one.name === "client-response");
  return html`<div class="stack"><${Notice} kind=${said.status < 400 ? "good" : "bad"}>${text.answered(said.status, millis(said.ms))}
      <button type="button" onClick=${() => onOpen(said.id)}>${text.open}</button><//>
    ${answer?.conversation && html`<${Conversation} said=${answer.conversation} />`}</div>`;
}

const FACTS = ["id", "tool", "tool_version", "session", "project", "client_key", "operation", "format_in", "format_out", "asked_model",
  "combo", "provider", "model", "credential", "status", "error", "streamed", "source", "queue_ms", "head_ms", "first_output_ms",
  "end_ms", "bytes_in", "bytes_out"];

function Facts({ row }) {
  const shown = FACTS.filter((name) => row[name] != null && row[name] !== "");
  return html`<section><h3>${text.facts}</h3><dl class="facts wide">
    ${shown.map((name) => html`<dt>${name.replaceAll("_", " ")}</dt><dd>${clean(String(row[name]))}</dd>`)}
  </dl></section>`;
}
