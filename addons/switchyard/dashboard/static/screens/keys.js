// Client keys: who has one, what it may do and has used; made, rotated and blocked here.

import { html, useState } from "../lib/html.js";
import { call, canWrite, get } from "../lib/api.js";
import { clean, count, dayBegin, moment, money, named, zone } from "../lib/format.js";
import { Dialog, Failure, Notice, Panel, Snippet, State, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.keys;
const WRITTEN = ["models", "except", "providers", "limits", "budgets", "concurrency", "project", "addresses", "extends", "role"];

export default function Keys() {
  const keys = useAsked(() => get("keys"), []);
  const used = useAsked(() => get("usage", { by: "client_key", since: dayBegin(29), tz: zone() }), []);
  const [making, setMaking] = useState(false);
  const [issued, setIssued] = useState(null);
  const done = (answer) => {
    if (answer?.key) setIssued(answer);
    setMaking(false);
    keys.again();
  };
  const sums = new Map((used.value?.rows ?? []).map((row) => [row.client_key, row]));
  const list = keys.value?.keys ?? [];
  const button = canWrite() && keys.value?.writable && html`<button type="button" class="main" onClick=${() => setMaking(true)}>${text.make}</button>`;
  return html`<div class="stack"><${Panel} title=${text.title} id="keys" actions=${button}>
    <${Failure} error=${keys.error} again=${keys.again} />
    ${keys.value && list.length === 0 && html`<p class="weak">${text.none}</p>`}
    ${keys.value && !keys.value.writable && html`<p class="weak">${text.noFile} <code>clients: {"{"}keys-file: keys.yaml{"}"}</code></p>`}
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
    <td class="number">${count(sums?.requests ?? 0)}</td><td class="number">${money(sums?.list_cost ?? 0)}</td>
    <td>${canWrite() && one.writable && html`<span class="bar">
      <button type="button" onClick=${act("POST", `keys/${who}/rotate`, text.sure(text.rotate, one.name ?? one.id))}>${text.rotate}</button>
      <button type="button" onClick=${act("POST", `keys/${who}/${one.state === "blocked" ? "unblock" : "block"}`)}>${one.state === "blocked" ? text.unblock : text.block}</button>
      <button type="button" onClick=${act("DELETE", `keys/${who}`, text.sure(text.delete, one.name ?? one.id))}>${text.delete}</button>
    </span>`}<${Failure} error=${error} /></td>
  </tr>`;
}

function Make({ onClose, onDone }) {
  const [given, setGiven] = useState({ name: "", models: "", budget: "", project: "" });
  const [error, setError] = useState(null);
  const field = (name, hint) => html`<label>${text[name]}
    <input value=${given[name]} placeholder=${hint} required=${name === "name"} onInput=${(event) => setGiven({ ...given, [name]: event.currentTarget.value })} /></label>`;
  const make = async (event) => {
    event.preventDefault();
    const settings = { name: given.name };
    if (given.models) settings.models = given.models.split(/[\s,]+/).filter(Boolean);
    if (given.budget) settings["budgets.month"] = given.budget;
    if (given.project) settings.project = given.project;
    try {
      onDone(await call("POST", "keys", { body: { settings } }));
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<${Dialog} title=${text.make} onClose=${onClose}>
    <form class="stack" onSubmit=${make}>
      <div class="fields">${field("name", "ann")}${field("models", "my-coding-stack, claude*")}${field("budget", "50 USD")}${field("project", "yard")}</div>
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
