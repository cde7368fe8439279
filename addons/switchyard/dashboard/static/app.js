// The frame: session, navigation, keys. Each screen is a module of its own, loaded when it is shown.

import { html, render, signal, useEffect, useState } from "./lib/html.js";
import { close, open, session } from "./lib/api.js";
import { begin, connection, resume } from "./lib/live.js";
import { Dialog, Failure, Notice } from "./lib/parts.js";
import { words } from "./words.js";

const SCREENS = ["now", "usage", "requests", "setup"];

const place = signal(read());
window.addEventListener("hashchange", () => { place.value = read(); });

/** The screen and its words after it: `#/requests?model=glm`. */
function read() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: SCREENS.includes(name) ? name : "now", query: query ?? "" };
}

function App() {
  const [error, setError] = useState(null);
  const [tries, setTries] = useState(0);
  useEffect(() => { open().then(() => setError(null), setError); }, [tries]);
  useEffect(() => { if (session.value?.authenticated) { begin(); resume(); } }, [session.value?.authenticated]);
  if (error) return html`<main class="alone"><h1>${words.title}</h1><${Failure} error=${error} again=${() => setTries(tries + 1)} /></main>`;
  if (session.value === null) return html`<main class="alone"><p role="status">${words.loading}</p></main>`;
  return session.value.authenticated ? html`<${Frame} />` : html`<${Login} />`;
}

function Login() {
  const [key, setKey] = useState("");
  const [error, setError] = useState(null);
  const enter = async (event) => {
    event.preventDefault();
    try {
      await open(key);
      if (!session.value.authenticated) setError(words.login.wrong);
    } catch (refusal) {
      setError(refusal.status === 401 || refusal.status === 403 ? words.login.wrong : refusal.message);
    }
    setKey("");
  };
  return html`<main class="alone">
    <h1>${words.login.title}</h1>
    <p>${words.login.text}</p>
    <form onSubmit=${enter}>
      <label>${words.login.field}
        <input type="password" autocomplete="current-password" required autofocus value=${key}
          onInput=${(event) => setKey(event.currentTarget.value)} /></label>
      <button class="main" type="submit">${words.login.enter}</button>
    </form>
    ${error && html`<${Notice}>${error}<//>`}
  </main>`;
}

const loaded = signal({});

function load(name) {
  if (loaded.value[name]) return;
  import(`./screens/${name}.js`).then((module) => { loaded.value = { ...loaded.value, [name]: module.default }; });
}

function Frame() {
  const [help, setHelp] = useState(false);
  const { name, query } = place.value;
  useEffect(() => load(name), [name]);
  useEffect(() => { document.title = `${words.screens[name]} · ${words.title}`; }, [name]);
  useEffect(() => {
    const press = (event) => onKey(event, () => setHelp(true));
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  const Screen = loaded.value[name];
  return html`
    <a class="skip" href="#content" onClick=${toContent}>${words.skip}</a>
    <header class="top">
      <strong class="brand">${words.title}</strong>
      <nav aria-label=${words.title}><ul>
        ${SCREENS.map((each) => html`<li><a href=${`#/${each}`} aria-current=${each === name ? "page" : undefined}>${words.screens[each]}</a></li>`)}
      </ul></nav>
      <span class=${`live ${connection.value}`} role="status">${words.connection[connection.value]}</span>
      ${session.value.needs_key && html`<button type="button" onClick=${close}>${words.login.leave}</button>`}
    </header>
    <main id="content" tabindex="-1">
      <h1 class="sr">${words.screens[name]}</h1>
      ${Screen ? html`<${Screen} key=${name} query=${query} />` : html`<p role="status">${words.loading}</p>`}
    </main>
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}`;
}

function toContent(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

function onKey(event, showHelp) {
  const field = event.target.closest?.("input, textarea, select, dialog");
  if (field || event.ctrlKey || event.metaKey || event.altKey) return;
  if (SCREENS[event.key - 1]) location.hash = `#/${SCREENS[event.key - 1]}`;
  else if (event.key === "/") search(event);
  else if (event.key === "?") showHelp();
  else if (event.key === "b") document.body.classList.toggle("blurred");
}

function search(event) {
  event.preventDefault();
  if (place.value.name !== "requests") location.hash = "#/requests?find";
  else document.querySelector("input[type=search]")?.focus();
}

function Help({ onClose }) {
  return html`<${Dialog} title=${words.help.title} onClose=${onClose}>
    <dl class="keys">${words.help.rows.map(([key, text]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${text}</dd></div>`)}</dl>
  <//>`;
}

render(html`<${App} />`, document.getElementById("app"));
