// Another router's configuration: what it would become here, and a new file of it.

import { html, useState } from "../lib/html.js";
import { call, canWrite, get, post } from "../lib/api.js";
import { clean } from "../lib/format.js";
import { Dialog, Failure, Notice, Panel, Snippet, useAsked } from "../lib/parts.js";
import { words } from "../words.js";

const text = words.imports;

export function Imports({ command }) {
  const { value, error, again } = useAsked(() => (canWrite() ? get("import") : Promise.resolve({ found: [] })), []);
  const [plan, setPlan] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const show = (source) => post("import", { source }).then((one) => { setRefusal(null); setPlan(one); }, setRefusal);
  return html`<${Panel} id="importers" title=${text.title}>
    <${Failure} error=${error ?? refusal} again=${error ? again : undefined} />
    ${value?.found.length > 0 && html`<ul class="list">${value.found.map((one) => html`<li key=${one.source} class="line">
      <strong>${clean(one.source)}</strong> <span class="mono weak">${clean(one.file)}</span>
      <span class="end"><button type="button" aria-label=${`${text.show}: ${clean(one.source)}`} onClick=${() => show(one.source)}>${text.show}</button></span></li>`)}</ul>`}
    ${value?.found.length === 0 && html`<p class="weak">${text.none}</p><${Snippet} text=${command} />`}
    ${plan && html`<${Plan} plan=${plan} onClose=${() => setPlan(null)} onWritten=${setPlan} />`}
  <//>`;
}

function Plan({ plan, onClose, onWritten }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const write = async () => {
    setBusy(true);
    try {
      onWritten(await call("POST", "import", { body: { source: plan.source, dry_run: false } }));
      setError(null);
    } catch (refusal) {
      setError(refusal);
    }
    setBusy(false);
  };
  const lines = (title, rows) => rows.length > 0 && html`<details><summary>${title} (${rows.length})</summary>
    <ul class="list">${rows.map((one) => html`<li>${clean(one)}</li>`)}</ul></details>`;
  return html`<${Dialog} title=${`${text.from} ${clean(plan.source)}`} wide onClose=${onClose}><div class="stack">
    ${plan.written && html`<${Notice} kind="good">${plan.comes_into_force ? text.inForce(clean(plan.output)) : text.written(clean(plan.output))}<//>`}
    ${plan.taken && html`<${Notice}>${text.taken(clean(plan.taken))}<//>`}
    <dl class="facts"><dt>${text.output}</dt><dd class="mono">${clean(plan.output)}</dd>
      <dt>${text.secrets}</dt><dd class="mono">${plan.variables ? clean(plan.variables) : text.inFile}</dd>
      ${plan.models.length > 0 && html`<dt>${text.models}</dt><dd>${plan.models.map(clean).join(", ")}</dd>`}
      ${plan.missing.length > 0 && html`<dt>${text.missing}</dt><dd class="mono">${plan.missing.map(clean).join(", ")}</dd>`}</dl>
    <pre class="log" tabindex="0" role="region" aria-label=${text.output}>${clean(plan.text)}</pre>
    ${lines(text.otherwise, plan.notes)}${lines(text.leftOut, plan.left_out)}
    <${Failure} error=${error} />
    ${!plan.written && !plan.taken && html`<div class="bar"><button type="button" class="main" disabled=${busy} onClick=${write}>
      ${plan.comes_into_force ? text.use : text.write}</button> <span class="weak">${text.never}</span></div>`}
  </div><//>`;
}
