// Settings: the configuration as it is written, what a change would do, earlier versions, audit, log.

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { call, canWrite, get } from "../lib/api.js";
import { clean, moment, named, precise } from "../lib/format.js";
import { configuration } from "../lib/live.js";
import { Dialog, Failure, Notice, Panel, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.settings;

export default function Settings() {
  const [turn, setTurn] = useState(0);
  const again = () => setTurn(turn + 1);
  return html`<div class="grid">
    <div class="eight stack"><${Source} key=${turn} onSaved=${again} /><${Log} /></div>
    <div class="four stack"><${Versions} key=${`versions ${turn}`} onRestored=${again} /><${Audit} key=${`audit ${turn}`} /></div>
  </div>`;
}

function Source({ onSaved }) {
  const { value, error, again } = useAsked(() => call("GET", "config.yaml", { raw: true }), []);
  const [draft, setDraft] = useState(null);
  const [said, setSaid] = useState(null);
  const [change, setChange] = useState(null);
  const opened = useRef(null);
  opened.current ??= configuration.value;
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return html`<p role="status">${words.loading}</p>`;
  const send = async (dry) => {
    setSaid(null);
    try {
      const answer = await call("PUT", "config.yaml", {
        query: dry ? { "dry-run": "true" } : undefined, text: draft ?? value.text,
        headers: { "content-type": "application/yaml", "if-match": value.etag },
      });
      if (dry) setChange(answer);
      else {
        setSaid({ kind: "good", text: text.saved });
        onSaved();
      }
    } catch (refusal) {
      setChange(null);
      setSaid({ kind: "bad", text: refusal.status === 412 ? text.stale : refusal.message, problems: refusal.problems });
    }
  };
  // One's own change is read again before the router tells of it.
  const isChanged = configuration.value !== opened.current && value.etag !== `"${configuration.value}"`;
  const dirty = draft !== null && draft !== value.text;
  return html`<${Panel} title=${text.title} id="source">
    ${isChanged && html`<${Notice} kind="warn">${text.changed} <button type="button" onClick=${() => { setDraft(null); again(); }}>${text.reload}</button><//>`}
    <label class="sr" for="yaml">${text.title}</label>
    <textarea id="yaml" rows="24" spellcheck="false" readonly=${!canWrite()} value=${draft ?? value.text}
      onInput=${(event) => { setDraft(event.currentTarget.value); setSaid(null); }}></textarea>
    ${said && html`<${Notice} kind=${said.kind}>${clean(said.text)}<//>`}
    ${said?.problems?.length > 0 && html`<ul class="list">${said.problems.map((one) => html`<li><${Problem} problem=${one} source=${draft ?? value.text} /></li>`)}</ul>`}
    ${canWrite() && html`<div class="bar">
      <button type="button" class="main" disabled=${!dirty} onClick=${() => send(true)}>${text.check}</button>
      ${dirty && html`<button type="button" onClick=${() => { setDraft(null); setSaid(null); }}>${text.discard}</button>`}
    </div>`}
    ${change && html`<${Dialog} title=${text.diff} wide onClose=${() => setChange(null)}>
      <${Diff} text=${change.diff} />
      ${change.notices.map((one) => html`<${Notice} kind="warn">${clean(one)}<//>`)}
      <div class="bar"><button type="button" class="main" onClick=${() => { setChange(null); send(false); }}>${text.save}</button></div>
    <//>`}
  <//>`;
}

/** A problem with a button that goes to its line. */
function Problem({ problem, source }) {
  const show = () => {
    const field = document.getElementById("yaml");
    const lines = source.split("\n");
    const start = lines.slice(0, problem.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
    field.focus();
    field.setSelectionRange(start, start + (lines[problem.line - 1] ?? "").length);
    field.scrollTop = (problem.line - 4) * (field.scrollHeight / lines.length);
  };
  return html`<span class="line">
    ${problem.line && html`<button type="button" onClick=${show}>${text.line} ${problem.line}</button>`}
    <span>${problem.key ? html`<code>${clean(problem.key)}</code>: ` : ""}${clean(problem.message ?? problem.detail ?? "")} <span class="weak">${clean(problem.hint ?? "")}</span></span>
  </span>`;
}

export function Diff({ text: diff }) {
  if (!diff) return html`<p class="weak">${text.nothing}</p>`;
  const kind = (line) => (line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "");
  return html`<pre class="diff" tabindex="0">${diff.split("\n").map((line) => html`<span class=${kind(line)}>${`${clean(line)}\n`}</span>`)}</pre>`;
}

function Versions({ onRestored }) {
  const { value, error, again } = useAsked(() => get("versions"), [configuration.value]);
  const [open, setOpen] = useState(null);
  return html`<${Panel} title=${text.history} id="versions">
    <${Failure} error=${error} again=${again} />
    ${value && value.versions.length === 0 && html`<p class="weak">${text.noVersions}</p>`}
    <ul class="list">${(value?.versions ?? []).slice(0, 12).map((one) => html`<li key=${one.id} class="line">
      <span>${precise(one.at)}</span><span class="end"><button type="button" onClick=${() => setOpen(one)}>${text.show}</button></span></li>`)}</ul>
    ${open && html`<${Version} version=${open} onClose=${() => setOpen(null)} onRestored=${onRestored} />`}
  <//>`;
}

function Version({ version, onClose, onRestored }) {
  const [state, setState] = useState(null);
  const restore = (query) => call("POST", `versions/${version.id}/restore`, { query, headers: { "if-match": "*" }, body: {} });
  useEffect(() => { restore({ "dry-run": "true" }).then((change) => setState({ change }), (error) => setState({ error })); }, []);
  const apply = async () => {
    try {
      await restore();
      onRestored();
    } catch (error) {
      setState({ ...state, error });
    }
  };
  return html`<${Dialog} title=${`${text.history} ${precise(version.at)}`} wide onClose=${onClose}>
    <${Failure} error=${state?.error} />
    ${state?.change && html`<${Diff} text=${state.change.diff} />
      ${canWrite() && state.change.changed && html`<button type="button" class="main" onClick=${apply}>${text.restore}</button>`}`}
  <//>`;
}

const LINES = 400;
const EVERY = 3000;

/** The last lines of this process's log, read again while it is followed and the page is seen. */
function Log() {
  const [turn, setTurn] = useState(0);
  const [follows, setFollows] = useState(true);
  const [filter, setFilter] = useState("");
  const [refusal, setRefusal] = useState(null);
  const { value, error, again } = useAsked(() => get("logs", { limit: LINES }), [turn]);
  const box = useRef(null);
  useEffect(() => {
    if (!follows) return undefined;
    const timer = setInterval(() => { if (!document.hidden) setTurn((before) => before + 1); }, EVERY);
    return () => clearInterval(timer);
  }, [follows]);
  const lines = (value?.lines ?? []).filter((line) => line.toLowerCase().includes(filter.toLowerCase()));
  useEffect(() => { if (follows && box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines.length, lines.at(-1)]);
  const clear = () => call("DELETE", "logs").then(again, setRefusal);
  const buttons = html`<button type="button" aria-pressed=${follows} onClick=${() => setFollows(!follows)}>${text.follow}</button>
    ${canWrite() && html`<button type="button" onClick=${clear}>${text.clear}</button>`}`;
  return html`<${Panel} title=${text.log} id="log" actions=${buttons}>
    <${Failure} error=${error ?? refusal} again=${again} />
    <label class="choice"><span>${text.logFilter}</span><input type="search" class="short" value=${filter} onInput=${(event) => setFilter(event.currentTarget.value)} /></label>
    ${value && lines.length === 0 && html`<p class="weak">${text.noLog}</p>`}
    ${lines.length > 0 && html`<pre class="log" ref=${box} tabindex="0" aria-label=${text.log} role="region">${lines.map((line) =>
      html`<span class=${/\] (?:warning|error|critical):/.test(line) ? "bad" : ""}>${`${clean(line)}\n`}</span>`)}</pre>`}
  <//>`;
}

function Audit() {
  const { value, error, again } = useAsked(() => get("audit", { limit: 20 }), [configuration.value]);
  return html`<${Panel} title=${text.audit} id="audit">
    <${Failure} error=${error?.status === 404 ? null : error} again=${again} />
    ${value && value.rows.length === 0 && html`<p class="weak">${text.noAudit}</p>`}
    <ul class="list">${(value?.rows ?? []).map((one) => html`<li key=${one.id ?? one.at}>
      <div class="line"><strong>${named(one.action)}</strong><span class="end weak">${moment(one.at)}</span></div>
      <div class="weak">${[one.who, one.peer || (text.changedBy[one.via] ?? one.via)].filter(Boolean).map(clean).join(" · ")}</div>
      ${one.diff && html`<details><summary>${text.diff}</summary><${Diff} text=${one.diff} /></details>`}
    </li>`)}</ul>
  <//>`;
}
