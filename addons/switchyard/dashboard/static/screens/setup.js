// Set-up: what to paste into a tool, and whether its first request arrived.

import { html, useEffect, useState } from "../lib/html.js";
import { canWrite, get } from "../lib/api.js";
import { clean, moment, named } from "../lib/format.js";
import { finished, health, now } from "../lib/live.js";
import { Failure, Notice, Panel, Snippet, State, useAsked } from "../lib/parts.js";
import { words } from "../words.js";
import { Accounts } from "./accounts.js";
import { Imports } from "./imports.js";
import { Add } from "./providers.js";

const text = words.setup;

export default function Setup() {
  const [tool, setTool] = useState("claude");
  const [model, setModel] = useState("");
  const [asked, setAsked] = useState("");
  const models = useAsked(() => get("models"), []);
  const { value, error, again } = useAsked(() => get("tools", { model: asked }), [asked]);
  // Kept once it is seen, so that its word of what was added stays.
  const [isNew, setNew] = useState(false);
  const bare = health.value !== null && health.value.providers.every((one) => one.name === "demo");
  useEffect(() => { if (bare) setNew(true); }, [bare]);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return html`<p role="status">${words.loading}</p>`;
  const card = value.tools.find((one) => one.name === tool);
  return html`<div class="stack">
    <${Arrival} />
    ${canWrite() && isNew && html`<${Add} onDone=${(added) => { setModel(added.suggested); setAsked(added.suggested); }} />`}
    <${Panel} id="setup" title=${text.title}>
      <div class="cards" role="group" aria-label=${text.title}>${value.tools.map((one) => html`
        <button type="button" key=${one.name} aria-pressed=${one.name === tool} onClick=${() => setTool(one.name)}>${one.title}</button>`)}
      </div>
      <form class="bar" onSubmit=${(event) => { event.preventDefault(); setAsked(model); }}>
        <label class="choice"><span>${text.model}</span>
          <input list="models" value=${model || value.model} onInput=${(event) => setModel(event.currentTarget.value)} onChange=${(event) => setAsked(event.currentTarget.value)} /></label>
        <datalist id="models">${(models.value?.models ?? []).map((one) => html`<option value=${one.id} />`)}</datalist>
      </form>
      <${Card} card=${card} />
    <//>
    <div class="grid">
      <div class="six stack"><${Panel} id="others" title=${text.others}>
        <dl class="facts"><dt>${text.address}</dt><dd class="mono">${value.base_url}/v1</dd>
          <dt>${text.anthropic}</dt><dd class="mono">${value.base_url}</dd>
          <dt>${text.key}</dt><dd class="mono">${value.key}</dd><dt>${text.model}</dt><dd class="mono">${value.model}</dd></dl>
      <//><${Accounts} /></div>
      <div class="six stack">
        <${Certificate} command=${`${card.run.split(" ")[0]}${card.run.startsWith("switchyard") ? " run-with" : ""} ${tool}`} />
        <${Imports} command=${card.run.startsWith("switchyard") ? "switchyard import" : "scripts/import"} />
      </div>
    </div>
  </div>`;
}

function Card({ card }) {
  return html`<div class="stack">
    <div><h3>${text.once}</h3><${Snippet} text=${card.run} /></div>
    ${card.lines.length > 0 && html`<div><h3>${text.always}</h3><${Snippet} text=${card.lines.join("\n")} /></div>`}
    ${card.note && html`<div><h3>${text.note}</h3><${Snippet} text=${card.note} /></div>`}
    ${card.install && html`<div><h3>${text.install}</h3><${Snippet} text=${card.install} /></div>`}
  </div>`;
}

/** What tools that come by proxy have to trust, and whether this system does. */
function Certificate({ command }) {
  const { value, error, again } = useAsked(() => get("certificate"), []);
  const state = { true: "closed", false: "half-open", null: "" };
  return html`<${Panel} id="certificate" title=${text.certificate}>
    <p>${text.certificateText}</p><${Snippet} text=${command} />
    <h3>${text.authority}</h3>
    <${Failure} error=${error?.status === 404 ? null : error} again=${again} />
    ${error?.status === 404 && html`<p class="weak">${text.noAuthority}</p>`}
    ${value && html`<p><${State} value=${state[value.is_trusted]} label=${text.trustStates[value.is_trusted]} /> ${
      value.is_trusted === null ? text.keychain : value.is_trusted ? text.trusted : text.untrusted}</p>
      ${!value.is_trusted && html`<${Snippet} text=${value.install} />`}
      <dl class="facts"><dt>${text.file}</dt><dd class="mono private">${clean(value.path)}</dd>
        <dt>${text.validUntil}</dt><dd>${moment(value.expires)}${value.expires < now.value ? html` <${State} value="open" label=${text.expired} />` : ""}</dd>
        <dt>${text.fingerprint}</dt><dd class="mono">${value.fingerprint.match(/../g).join(":")}</dd></dl>`}
  <//>`;
}

/** Turns green with the first request that ended after this screen was opened. */
function Arrival() {
  const [since] = useState(now.peek());
  const [first, setFirst] = useState(null);
  const found = finished.value.findLast((row) => row.started >= since - 1);
  useEffect(() => { if (found && !first) setFirst(found); }, [found?.id]);
  const isFirst = !finished.value.some((row) => row.started < since - 1);
  if (!first) return html`<${Notice} kind="warn">${isFirst ? text.waiting : text.waitingAgain}<//>`;
  return html`<${Notice} kind="good">${(isFirst ? text.arrived : text.arrivedAgain)(named(first.tool), named(first.asked_model))} <a href="#/now">${words.screens.now}</a><//>`;
}
