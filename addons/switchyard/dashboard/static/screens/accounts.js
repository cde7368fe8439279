// Accounts: who can be logged in to, by a code or by pasting the address that the browser came to, and out again.

import { html, useEffect, useState } from "../lib/html.js";
import { call, canWrite, get, post } from "../lib/api.js";
import { clean, moment, named } from "../lib/format.js";
import { Copy, Dialog, Failure, Notice, Panel, Snippet, State, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.accounts;
const EVERY = 1500;

export function Accounts() {
  const { value, error, again } = useAsked(() => get("accounts"), []);
  const [login, setLogin] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const [busy, setBusy] = useState("");
  const begin = async (account, by) => {
    setBusy(account);
    try {
      setLogin(await post("logins", { account, by }));
      setRefusal(null);
    } catch (problem) {
      setRefusal(problem);
    }
    setBusy("");
  };
  const leave = async (ref) => {
    if (!confirm(text.sure(clean(ref)))) return;
    try {
      await call("DELETE", `accounts/${ref}`);
      setRefusal(null);
    } catch (problem) {
      setRefusal(problem);
    }
    again();
  };
  const open = (value?.flows ?? []).filter((one) => !one.closed);
  const shut = (value?.flows ?? []).filter((one) => one.closed);
  return html`<${Panel} id="accounts" title=${text.title}>
    <${Failure} error=${error ?? refusal} again=${error ? again : undefined} />
    ${value?.accounts.length > 0 && html`<ul class="list">${value.accounts.map((one) => html`<li key=${one.ref} class="line">
      <strong>${clean(one.ref)}</strong> ${one.subject && html`<span class="weak private">${clean(one.subject)}</span>`}
      <${State} value=${one.state === "ok" || one.state === "refreshing" ? "closed" : "open"} label=${text.states[one.state] ?? one.state} />
      <span class="end weak">${one.error ? clean(one.error) : one.expires ? text.until(moment(one.expires)) : ""}</span>
      ${canWrite() && html`<button type="button" aria-label=${`${text.out}: ${clean(one.ref)}`} onClick=${() => leave(one.ref)}>${text.out}</button>`}</li>`)}</ul>`}
    <ul class="list">${open.map((one) => html`<li key=${one.name}>
      <div class="line"><strong>${clean(one.title)}</strong><span class="end bar">${canWrite() && one.ways.map((way) => html`
        <button type="button" disabled=${busy === one.name} aria-label=${`${text.ways[way]}: ${clean(one.title)}`} onClick=${() => begin(one.name, way)}>${text.ways[way]}</button>`)}</span></div>
      ${one.position && html`<div class="weak">${clean(one.position)}</div>`}</li>`)}</ul>
    ${shut.length > 0 && html`<details><summary>${text.closed} (${shut.length})</summary><ul class="list">${shut.map((one) => html`<li key=${one.name}>
      <strong>${clean(one.title)}</strong> <span class="weak">${clean(one.closed)}</span></li>`)}</ul></details>`}
    ${login && html`<${Login} login=${login} onMoved=${setLogin} onClose=${() => { setLogin(null); again(); }} />`}
  <//>`;
}

function Login({ login, onMoved, onClose }) {
  const [pasted, setPasted] = useState("");
  const [error, setError] = useState(null);
  const over = login.state === "done" || login.state === "failed";
  useEffect(() => {
    if (over) return undefined;
    const timer = setInterval(() => get(`logins/${login.id}`).then(onMoved, setError), EVERY);
    return () => clearInterval(timer);
  }, [login.id, over]);
  const close = () => {
    if (!over) call("DELETE", `logins/${login.id}`).catch(() => {});
    onClose();
  };
  const paste = async (event) => {
    event.preventDefault();
    try {
      onMoved(await post(`logins/${login.id}/paste`, { text: pasted }));
      setError(null);
    } catch (refusal) {
      setError(refusal);
    }
  };
  return html`<${Dialog} title=${`${text.logIn} ${clean(login.ref)}`} onClose=${close}><div class="stack">
    <${Failure} error=${error} />
    ${login.state === "failed" && html`<${Notice}>${clean(login.error)}<//>`}
    ${login.state === "done" && html`<${Notice} kind="good">${text.done(named(login.subject || login.ref))}<//>
      <p>${text.use}</p><${Snippet} text=${`api-key: {oauth: ${login.ref}}`} />`}
    ${!over && html`
      ${login.url && html`<p>${text.open} <${Outward} url=${login.whole_url || login.url} /></p>`}
      ${login.code && html`<p>${text.code}</p><p class="line"><strong class="mono big">${clean(login.code)}</strong> <${Copy} text=${login.code} /></p>`}
      ${login.asks && html`<form class="stack" onSubmit=${paste}><label>${text.paste}
        <textarea rows="3" required value=${pasted} onInput=${(event) => setPasted(event.currentTarget.value)}></textarea></label>
        <div><button type="submit" class="main">${text.hand}</button></div></form>`}
      <p class="weak" role="status">${text.waiting}</p>`}
  </div><//>`;
}

/** A link to a provider's page, if it is one of the web; anything else is shown as text. */
function Outward({ url }) {
  return /^https?:\/\//.test(url) ? html`<a href=${url} target="_blank" rel="noopener noreferrer">${clean(url)}</a>` : html`<code>${clean(url)}</code>`;
}
