// Providers and combos: who answers, in which order, why not; and a new provider from a pasted key.

import { html, useState } from "../lib/html.js";
import { call, canWrite, get, post } from "../lib/api.js";
import { clean, count, duration, millis, moment, named } from "../lib/format.js";
import { configuration, health } from "../lib/live.js";
import { Failure, Notice, Panel, State, Until, useAsked } from "../lib/parts.js";
import { words } from "../words.js";
import { Windows } from "./now.js";

const text = words.providers;

export default function Providers() {
  const config = useAsked(() => get("config"), [configuration.value]);
  return html`<div class="grid">
    <div class="eight stack"><${Health} /><${Combos} config=${config} /><${Names} config=${config.value} /></div>
    <div class="four stack">${canWrite() && html`<${Add} onDone=${config.again} />`}<${Explain} /><${Windows} /></div>
  </div>`;
}

function Health() {
  const rows = (health.value?.providers ?? []).flatMap((provider) =>
    provider.targets.length ? provider.targets.map((target) => [provider, target]) : [[provider, null]]);
  const [said, setSaid] = useState(null);
  const reset = async () => {
    try {
      await post("cooldowns/reset");
      setSaid({ kind: "good", text: text.resetDone });
    } catch (error) {
      setSaid({ kind: "bad", text: error.message });
    }
  };
  const button = canWrite() && html`<button type="button" onClick=${reset}>${text.reset}</button>`;
  return html`<${Panel} title=${text.health} id="health" actions=${button}>
    ${said && html`<${Notice} kind=${said.kind}>${said.text}<//>`}
    ${rows.length === 0 && html`<p class="weak">${text.none}</p>`}
    ${rows.length > 0 && html`<div class="scroll" tabindex="0" role="region" aria-label=${text.health}><table>
      <thead><tr>${[text.provider, text.model, text.credential, text.state].map((title) => html`<th scope="col">${title}</th>`)}
        <th scope="col" class="number">${text.answered}</th><th scope="col" class="number">${text.failures}</th>
        <th scope="col">${text.last}</th><th scope="col">${text.test}</th></tr></thead>
      <tbody>${rows.map(([provider, target]) => html`<${Target} key=${provider.name + (target?.model ?? "") + (target?.credential ?? "")} provider=${provider} target=${target} />`)}</tbody>
    </table></div>`}
    ${(health.value?.["not-live"] ?? []).map((one) => html`<${Notice} kind="warn">${clean(words.now.notLive(one.name, one.reason))}<//>`)}
  <//>`;
}

function Target({ provider, target }) {
  const error = target?.["last-error"];
  const until = target?.["cooling-down-until"];
  return html`<tr>
    <th scope="row">${clean(provider.name)}</th><td>${named(target?.model)}</td><td>${named(target?.credential)}</td>
    <td>${target ? html`<${State} value=${target.state} label=${text.states[target.state]} />` : html`<span class="weak">${text.untried}</span>`}
      ${until && html`<div class="weak"><${Until} at=${Date.parse(until) / 1000} text=${words.now.back} /></div>`}</td>
    <td class="number">${count(target?.successes)}</td><td class="number">${count(target?.failures)}</td>
    <td>${error && html`${clean(error.class)} ${error.status ?? ""} <span class="weak">${moment(health.value.at - error["seconds-ago"])}</span>`}</td>
    <td>${canWrite() && target && html`<${Test} provider=${provider.name} model=${target.model} />`}</td>
  </tr>`;
}

/** One tiny request to a model: it costs a few tokens, so that it is sent only when asked for. */
function Test({ provider, model }) {
  const [said, setSaid] = useState(null);
  const [busy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    try {
      const answer = await post("test", { provider, model });
      setSaid(answer.ok ? { kind: "complete", text: text.testOk(millis(answer.ms)) } : { kind: "failed", text: clean(answer.error) });
    } catch (error) {
      setSaid({ kind: "failed", text: clean(error.message) });
    }
    setBusy(false);
  };
  return html`<button type="button" disabled=${busy} aria-label=${`${text.test} ${clean(provider)}/${clean(model)}`} onClick=${test}>${busy ? text.testing : text.test}</button>
    <span role="status">${said && html`<${State} value=${said.kind} label=${said.text} />`}</span>`;
}

/** A combo's members: a list, or a mapping with the list as its member. */
const membersOf = (combo) => (Array.isArray(combo) ? combo : combo?.members ?? combo?.models ?? []);
const nameOf = (member) => (typeof member === "string" ? member : member.target ?? member.model ?? JSON.stringify(member));

function Combos({ config }) {
  const combos = Object.entries(config.value?.combos ?? {});
  return html`<${Panel} title=${text.combos} id="combos">
    <${Failure} error=${config.error} again=${config.again} />
    ${config.value && combos.length === 0 && html`<p class="weak">${text.noCombos}</p>`}
    ${combos.length > 0 && canWrite() && html`<p class="weak">${text.combosHint}</p>`}
    ${combos.map(([name, combo]) => html`<${Combo} key=${`${name} ${JSON.stringify(combo)}`} name=${name} combo=${combo} onDone=${config.again} />`)}
  <//>`;
}

function Combo({ name, combo, onDone }) {
  const given = membersOf(combo);
  const [members, setMembers] = useState(given);
  const [added, setAdded] = useState("");
  const [over, setOver] = useState(null);
  const [held, setHeld] = useState(null);
  const [error, setError] = useState(null);
  const models = useAsked(() => get("models"), []);
  const plan = useAsked(() => post("explain", { model: name }), [JSON.stringify(given)]);
  const move = (from, to) => {
    if (to < 0 || to >= members.length) return;
    const next = [...members];
    next.splice(to, 0, ...next.splice(from, 1));
    setMembers(next);
  };
  const save = async () => {
    const value = Array.isArray(combo) ? members : { ...combo, [combo.members ? "members" : "models"]: members };
    try {
      await call("PATCH", "config", { body: { combos: { [name]: value } }, headers: { "if-match": "*" } });
      setError(null);
      onDone();
    } catch (refusal) {
      setError(refusal);
    }
  };
  const dirty = JSON.stringify(members) !== JSON.stringify(given);
  return html`<section><h3>${clean(name)}</h3><div class="grid"><ol class="order six">
    ${members.map((member, at) => html`<li key=${`${at} ${nameOf(member)}`} class=${over === at ? "over" : ""} draggable=${canWrite()}
        onDragStart=${() => setHeld(at)} onDragEnd=${() => { setHeld(null); setOver(null); }}
        onDragOver=${(event) => { event.preventDefault(); setOver(at); }}
        onDrop=${(event) => { event.preventDefault(); if (held !== null) move(held, at); }}>
      <span>${at + 1}. ${clean(nameOf(member))}</span>
      ${canWrite() && html`<span class="bar">
        <button type="button" aria-label=${`${text.up} ${clean(nameOf(member))}`} disabled=${at === 0} onClick=${() => move(at, at - 1)}>↑</button>
        <button type="button" aria-label=${`${text.down} ${clean(nameOf(member))}`} disabled=${at === members.length - 1} onClick=${() => move(at, at + 1)}>↓</button>
        <button type="button" aria-label=${`${text.remove} ${clean(nameOf(member))}`} onClick=${() => setMembers(members.filter((_, i) => i !== at))}>×</button>
      </span>`}
    </li>`)}
    </ol><div class="six"><${Plan} plan=${plan} /></div></div>
    ${canWrite() && html`<form class="bar" onSubmit=${(event) => { event.preventDefault(); setMembers([...members, added]); setAdded(""); }}>
      <label class="choice"><span>${text.add}</span><input list=${`models-${name}`} required value=${added} onInput=${(event) => setAdded(event.currentTarget.value)} /></label>
      <datalist id=${`models-${name}`}>${(models.value?.models ?? []).map((one) => html`<option value=${one.id} />`)}</datalist>
      <button type="submit">${text.add}</button>
      ${dirty && html`<button type="button" class="main" onClick=${save}>${words.save}</button><button type="button" onClick=${() => setMembers(given)}>${words.settings.discard}</button>`}
    </form>`}
    <${Failure} error=${error} />
  </section>`;
}

function Plan({ plan }) {
  if (plan.error) return html`<p class="weak">${clean(plan.error.message)}</p>`;
  if (!plan.value) return null;
  const { reason, members } = plan.value;
  return html`<div class="plan"><p>${clean(reason)}</p>
    <ol>${(members ?? []).flatMap((member) => member.targets).map((target) => html`<li>${clean(target.provider)}/${named(target.model)}
      <ul>${target.credentials.map((one) => html`<li><${State} value=${one.usable ? "closed" : "open"} label=${`${clean(one.id)}${one.usable ? "" : ` ${words.now.back(duration(one.returns_in))}`}`} /></li>`)}</ul></li>`)}</ol>
  </div>`;
}

/** What a name leads to: members in their order, with what else is set. */
function written(value) {
  if (value === null || typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map(written).join(" → ");
  return Object.entries(value).map(([key, one]) => (key === "members" ? written(one) : `${key}: ${written(one)}`)).join(" · ");
}

function Names({ config }) {
  if (!config) return null;
  return html`${[["aliases", text.aliases], ["routes", text.routes], ["intercept", text.intercept]].map(([section, title]) => {
    const rows = Object.entries(config[section] ?? {});
    return rows.length > 0 && html`<${Panel} key=${section} title=${title} id=${section}>
      <div class="scroll" tabindex="0" role="region" aria-label=${title}><table>
        <thead><tr><th scope="col">${text.name}</th><th scope="col">${text.target}</th></tr></thead>
        <tbody>${rows.map(([name, value]) => html`<tr key=${name}><th scope="row">${clean(name)}</th>
          <td>${clean(written(value))}</td></tr>`)}</tbody>
      </table></div>
    <//>`;
  })}`;
}

function Explain() {
  const [name, setName] = useState("");
  const [said, setSaid] = useState(null);
  const ask = async (event) => {
    event.preventDefault();
    try {
      setSaid({ value: await post("explain", { model: name }) });
    } catch (error) {
      setSaid({ error });
    }
  };
  return html`<${Panel} title=${text.explain} id="explain">
    <form class="bar" onSubmit=${ask}>
      <label class="sr" for="explained">${text.name}</label>
      <input id="explained" required value=${name} placeholder="claude-sonnet-4-5" onInput=${(event) => setName(event.currentTarget.value)} />
      <button type="submit">${text.explainAsk}</button>
    </form>
    ${said && html`<${Plan} plan=${said} />`}
  <//>`;
}

export function Add({ onDone }) {
  const presets = useAsked(() => get("presets"), []);
  const [key, setKey] = useState("");
  const [preset, setPreset] = useState("");
  const [state, setState] = useState(null);
  const rows = presets.value?.presets ?? [];
  const guessed = rows.filter((one) => one.prefix && key.startsWith(one.prefix)).sort((a, b) => b.prefix.length - a.prefix.length)[0];
  const chosen = preset || guessed?.name || "";
  const add = async (event) => {
    event.preventDefault();
    setState({ busy: true });
    try {
      const answer = await post("presets/add", { preset: chosen, key });
      setState({ kind: "good", text: text.added(answer.provider, answer.models) });
      setKey("");
      onDone(answer);
    } catch (error) {
      setState({ kind: "bad", text: error.message });
    }
  };
  return html`<${Panel} title=${text.addProvider} id="add">
    <p class="weak">${text.addHint}</p>
    <form class="stack" onSubmit=${add}>
      <label>${text.key}<br /><input type="password" autocomplete="off" required value=${key} onInput=${(event) => setKey(event.currentTarget.value)} /></label>
      <label>${text.provider}<br /><select value=${chosen} required onChange=${(event) => setPreset(event.currentTarget.value)}>
        <option value="">–</option>${rows.map((one) => html`<option value=${one.name} selected=${one.name === chosen}>${one.name}</option>`)}</select></label>
      ${guessed && !preset && html`<p class="weak" role="status">${text.guess(guessed.name)}</p>`}
      <button type="submit" class="main" disabled=${state?.busy}>${text.write}</button>
    </form>
    ${state?.text && html`<${Notice} kind=${state.kind}>${clean(state.text)}<//>`}
  <//>`;
}
