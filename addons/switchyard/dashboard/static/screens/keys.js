// Client keys: who has one, what it may do and has used; made, changed, rotated and blocked here.

import { html, useState } from "../lib/html.js";
import { call, canWrite, get } from "../lib/api.js";
import { clean, count, dayBegin, moment, named, sumOf, zone } from "../lib/format.js";
import { Choice, Dialog, Failure, Notice, Panel, Snippet, State, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.keys;
const WRITTEN = ["models", "except", "providers", "limits", "budgets", "concurrency", "project", "addresses", "extends", "role"];

export default function Keys() {
  const keys = useAsked(() => get("keys"), []);
  const used = useAsked(() => get("usage", { by: "client_key", since: dayBegin(29), tz: zone() }), []);
  const [making, setMaking] = useState(false);
  const [issued, setIssued] = useState(null);
  const done = (answer) => {
    if (typeof answer?.key === "string") setIssued(answer); // a change answers with the key's settings
    setMaking(false);
    keys.again();
  };
  const sums = new Map((used.value?.rows ?? []).map((row) => [row.client_key, row]));
  const list = keys.value?.keys ?? [];
  const button = canWrite() && keys.value?.writable && html`<button type="button" class="main" onClick=${() => setMaking(true)}>${text.make}</button>`;
  return html`<div class="stack"><${Panel} title=${text.title} id="keys" actions=${button}>
    <${Failure} error=${keys.error} again=${keys.again} />
    ${keys.value && list.length === 0 && html`<p class="weak">${text.none}</p>`}
    ${keys.value && !keys.value.writable && html`<p class="weak">${text.noFile} <code>${"clients: {keys-file: keys.yaml}"}</code></p>`}
    ${list.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label=${text.title}><table>
      <thead><tr>${[text.name, text.state, text.policy, text.expires].map((title) => html`<th scope="col">${title}</th>`)}
        <th scope="col" class="number">${words.usage.columns.requests}</th><th scope="col" class="number">${text.used}</th><th scope="col">${text.actions}</th></tr></thead>
      <tbody>${list.map((one) => html`<${Key} key=${one.id ?? one.name} one=${one} sums=${sums.get(one.name) ?? sums.get(one.id)} onDone=${done} />`)}</tbody>
    </table></div>`}
  <//>
  ${making && html`<${Make} onClose=${() => setMaking(false)} onDone=${done} />`}
  ${issued && html`<${Issued} issued=${issued} onClose=${() => setIssued(null)} />`}
  </div>`;
}

function Key({ one, sums, onDone }) {
  const [error, setError] = useState(null);
  const [open, setOpen] = useState(null);
  const who = encodeURIComponent(one.id ?? one.name);
  const act = (method, path, question) => async () => {
    if (question && !confirm(question)) return;
    try {
      onDone(await call(method, path, { body: {} }));
    } catch (refusal) {
      setError(refusal);
    }
  };
  const policy = WRITTEN.filter((name) => one[name] != null).map((name) => `${name}: ${JSON.stringify(one[name])}`);
  return html`<tr>
    <th scope="row">${named(one.name ?? one.id)}</th>
    <td><${State} value=${one.state} label=${text.states[one.state]} /></td>
    <td class="mono">${policy.map((line) => html`<div>${clean(line)}</div>`)}</td>
    <td>${one.expires ? moment(Date.parse(one.expires) / 1000) : text.never}</td>
    <td class="number">${count(sums?.requests ?? 0)}</td><td class="number">${sumOf(sums?.list_cost ?? 0, sums?.unlisted)}</td>
    <td>${canWrite() && one.writable && html`<span class="bar">
      <button type="button" onClick=${() => setOpen("change")}>${text.change}</button>
      <button type="button" onClick=${() => setOpen("rotate")}>${text.rotate}</button>
      <button type="button" onClick=${act("POST", `keys/${who}/${one.state === "blocked" ? "unblock" : "block"}`)}>${one.state === "blocked" ? text.unblock : text.block}</button>
      <button type="button" onClick=${act("DELETE", `keys/${who}`, text.sure(text.delete, one.name ?? one.id))}>${text.delete}</button>
    </span>`}<${Failure} error=${error} />
    ${open === "change" && html`<${Change} one=${one} who=${who} onClose=${() => setOpen(null)} onDone=${onDone} />`}
    ${open === "rotate" && html`<${Rotate} one=${one} who=${who} onClose=${() => setOpen(null)} onDone=${onDone} />`}</td>
  </tr>`;
}

/** Settings that have a field of their own: how they are called, what one looks like, and what they are. */
const FIELDS = [
  ["models", "claude*, my-coding-stack", "list"], ["except", "*-preview", "list"], ["providers", "zai, anthropic", "list"],
  ["budgets.day", "5 USD"], ["budgets.month", "50 USD"], ["limits.requests", "60/m"], ["limits.tokens", "1M/d"],
  ["concurrency", "4", "number"], ["project", "yard"], ["addresses", "10.0.0.0/8", "list"], ["extends", "team"], ["note", ""],
];

const at = (one, name) => name.split(".").reduce((found, part) => (found && typeof found === "object" ? found[part] : undefined), one);
const shown = (value) => (value == null ? "" : Array.isArray(value) ? value.join(", ") : String(value));

/** What a field's text says; null takes the setting back. */
function meant(line, kind) {
  if (!line.trim()) return null;
  if (kind === "list") return line.split(/[\s,]+/).filter(Boolean);
  return kind === "number" ? Number(line) : line.trim();
}

function Change({ one, who, onClose, onDone }) {
  const before = Object.fromEntries([...FIELDS.map(([name]) => [name, shown(at(one, name))]), ["expires", shown(one.expires).slice(0, 10)]]);
  const [given, setGiven] = useState(before);
  const [error, setError] = useState(null);
  const set = (name) => (event) => setGiven({ ...given, [name]: event.currentTarget.value });
  const save = async (event) => {
    event.preventDefault();
    const kinds = Object.fromEntries(FIELDS.map(([name, , kind]) => [name, kind]));
    const settings = Object.fromEntries(Object.entries(given).filter(([name, line]) => line !== before[name]).map(([name, line]) => [name, meant(line, kinds[name])]));
    if (!Object.keys(settings).length) return onClose();
    try {
      onDone(await call("PATCH", `keys/${who}`, { body: { settings } }));
      return onClose();
    } catch (refusal) {
      return setError(refusal);
    }
  };
  return html`<${Dialog} title=${`${text.change}: ${named(one.name ?? one.id)}`} wide onClose=${onClose}>
    <form class="stack" onSubmit=${save}>
      <div class="fields">
        ${FIELDS.map(([name, hint, kind]) => html`<label key=${name}>${text.fields[name]}
          <input type=${kind === "number" ? "number" : "text"} min="1" value=${given[name]} placeholder=${hint} onInput=${set(name)} /></label>`)}
        <label>${text.expires}<input type="date" value=${given.expires} onInput=${set("expires")} /></label>
      </div>
      <p class="weak">${text.emptyTakesBack}</p>
      <${Problems} error=${error} />
      <button type="submit" class="main">${words.save}</button>
    </form>
  <//>`;
}

function Problems({ error }) {
  return html`<${Failure} error=${error} />${error?.problems?.length > 0 && html`<ul class="list">${error.problems.map((one) =>
    html`<li><code>${clean(one.key)}</code>: ${clean(one.message)} <span class="weak">${clean(one.hint ?? "")}</span></li>`)}</ul>`}`;
}

function Rotate({ one, who, onClose, onDone }) {
  const [grace, setGrace] = useState("86400");
  const [error, setError] = useState(null);
  const rotate = async (event) => {
    event.preventDefault();
    try {
      const answer = await call("POST", `keys/${who}/rotate`, { query: { grace }, body: {} });
      onClose();
      onDone(answer);
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<${Dialog} title=${text.rotateTitle(named(one.name ?? one.id))} onClose=${onClose}>
    <form class="stack" onSubmit=${rotate}>
      <${Choice} label=${text.grace} value=${grace} options=${text.graces} onChange=${setGrace} />
      <${Failure} error=${error} />
      <button type="submit" class="main">${text.rotate}</button>
    </form>
  <//>`;
}

function Make({ onClose, onDone }) {
  const [given, setGiven] = useState({ name: "", models: "", budget: "", project: "", expires: "" });
  const [error, setError] = useState(null);
  const field = (name, hint) => html`<label>${text[name]}
    <input value=${given[name]} placeholder=${hint} required=${name === "name"} onInput=${(event) => setGiven({ ...given, [name]: event.currentTarget.value })} /></label>`;
  const make = async (event) => {
    event.preventDefault();
    const settings = { name: given.name };
    if (given.models) settings.models = given.models.split(/[\s,]+/).filter(Boolean);
    if (given.budget) settings["budgets.month"] = given.budget;
    if (given.project) settings.project = given.project;
    if (given.expires) settings.expires = given.expires;
    try {
      onDone(await call("POST", "keys", { body: { settings } }));
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<${Dialog} title=${text.make} onClose=${onClose}>
    <form class="stack" onSubmit=${make}>
      <div class="fields">${field("name", "ann")}${field("models", "my-coding-stack, claude*")}${field("budget", "50 USD")}${field("project", "yard")}
        <label>${text.expires}<input type="date" value=${given.expires} onInput=${(event) => setGiven({ ...given, expires: event.currentTarget.value })} /></label></div>
      <${Failure} error=${error} />
      <button type="submit" class="main">${text.make}</button>
    </form>
  <//>`;
}

function Issued({ issued, onClose }) {
  return html`<${Dialog} title=${named(issued.name ?? issued.id)} onClose=${onClose}>
    <${Notice} kind="warn">${text.shownOnce}<//>
    <${Snippet} text=${issued.key} />
    ${issued.lines.length > 0 && html`<h3>${text.snippet}</h3><${Snippet} text=${issued.lines.join("\n")} />`}
  <//>`;
}
