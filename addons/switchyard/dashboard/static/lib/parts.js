// Small pieces that screens are made of.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { clean, duration } from "./format.js";
import { now } from "./live.js";
import { words } from "../words.js";

/** A route as chips: `cc 429`, `glm ok`. */
export function Route({ steps }) {
  return html`<ol class="route" aria-label=${words.requests.columns.route}>
    ${(steps ?? []).map((step) => html`<li class=${`chip ${stepKind(step)}`}>${clean(step)}</li>`)}
  </ol>`;
}

function stepKind(step) {
  if (/ ok(?: |$)/.test(step)) return "good";
  if (step.endsWith("unfinished") || step === "no attempt") return "quiet";
  return "bad";
}

/** The route of a record: each attempt with its outcome. */
export const stepsOf = (row) =>
  row.route ?? row.tries.map((one) => `${one.provider} ${one.outcome === "ok" ? "ok" : one.status ?? one.outcome}`);

export function State({ value, label }) {
  const kind = { complete: "good", closed: "good", active: "good", running: "live", open: "bad", failed: "bad",
    cut: "bad", refused: "warn", interrupted: "bad", blocked: "bad", "half-open": "warn" }[value] ?? "quiet";
  return html`<span class=${`state ${kind}`}>${label}</span>`;
}

/** A share as a bar, with its number beside: colour never stands alone. */
export function Meter({ value, label }) {
  const kind = value >= 0.95 ? "bad" : value >= 0.8 ? "warn" : "good";
  const known = value != null;
  return html`<span class="meter">
    <progress class=${kind} max="1" value=${known ? Math.min(value, 1) : 0} aria-label=${label}></progress>
  </span>`;
}

/** What is left until a moment, computed here each second. */
export function Until({ at, text }) {
  const left = at - now.value;
  return left > 0 ? text(duration(left)) : null;
}

export function Notice({ kind = "bad", children }) {
  return html`<p class=${`notice ${kind}`} role=${kind === "bad" ? "alert" : "status"}>${children}</p>`;
}

export function Panel({ title, children, actions, id }) {
  return html`<section class="panel">
    <header><h2 id=${id}>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</header>
    ${children}
  </section>`;
}

export function Choice({ label, value, options, onChange }) {
  return html`<label class="choice"><span>${label}</span>
    <select value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
      ${Object.entries(options).map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </label>`;
}

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
  };
  return html`<button type="button" onClick=${copy} aria-live="polite">${done ? words.copied : words.copy}</button>`;
}

export function Snippet({ text }) {
  return html`<div class="snippet"><pre tabindex="0">${text}</pre><${Copy} key=${text} text=${text} /></div>`;
}

/**
 * A dialog of the browser: it holds the focus, and Escape closes it. It is shown as soon as it is in the page, since one
 * that is closed before it was shown would tell nobody, and then stay.
 */
export function Dialog({ title, onClose, children, wide }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${box} class=${wide ? "wide" : ""} onClose=${onClose} aria-label=${title}>
    <header><h2>${title}</h2><button type="button" onClick=${() => box.current.close()}>${words.close}</button></header>
    ${children}
  </dialog>`;
}

/** What a promise becomes: its value, or a text for what went wrong; `again` asks anew. */
export function useAsked(ask, inputs) {
  const [state, setState] = useState({ value: null, error: null, busy: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    setState((before) => ({ ...before, busy: true }));
    ask().then(
      (value) => current && setState({ value, error: null, busy: false }),
      (error) => current && setState((before) => ({ ...before, error, busy: false })),
    );
    return () => { current = false; };
  }, [...inputs, turn]);
  return { ...state, again: () => setTurn((before) => before + 1) };
}

export function Failure({ error, again }) {
  if (!error) return null;
  return html`<${Notice}>${clean(error.message)} ${again && html`<button type="button" onClick=${again}>${words.retry}</button>`}<//>`;
}
