// Calls of the management API. Nothing is kept in the browser: the session is an HttpOnly cookie.

import { signal } from "./html.js";
import { words } from "../words.js";

const PATH = "/v0/management";

/** The session: null until it is known, then the answer of `GET session`. */
export const session = signal(null);

/** An answer that is no success: its status, a text for people, and problems by line. */
export class Refusal extends Error {
  constructor(status, text, problems = []) {
    super(text);
    this.status = status;
    this.problems = problems;
  }
}

/** Sends a request; returns the parsed answer. Throws Refusal. */
export async function call(method, path, { query, body, text, headers, raw } = {}) {
  const url = `${PATH}/${path}${query ? `?${written(query)}` : ""}`;
  const sent = { ...headers };
  if (body !== undefined) sent["content-type"] = "application/json";
  if (method !== "GET" && session.value?.csrf) sent["x-csrf-token"] = session.value.csrf;
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: sent,
      body: text ?? (body === undefined ? undefined : JSON.stringify(body)),
      credentials: "same-origin",
    });
  } catch {
    throw new Refusal(0, words.unreachable);
  }
  if (!response.ok) {
    if (response.status === 401 && path !== "session") session.value = { authenticated: false, needs_key: true };
    throw await refusalOf(response);
  }
  if (raw) return { text: await response.text(), etag: response.headers.get("etag") };
  return response.status === 204 ? null : response.json();
}

export const get = (path, query) => call("GET", path, { query });
/** What many pages ask for at once: an answer that is two seconds old will do. */
export const recent = (path, query) => call("GET", path, { query, headers: { "cache-control": "max-age=2" } });
export const post = (path, body) => call("POST", path, { body: body ?? {} });

async function refusalOf(response) {
  let said = {};
  try {
    said = await response.json();
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  const text = said.detail ?? said.title ?? `${words.refused} (${response.status})`;
  return new Refusal(response.status, text, said.problems ?? []);
}

export function written(query) {
  const pairs = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return new URLSearchParams(pairs).toString();
}

/** Looks whether there is a session, and begins one where none needs a key. */
export async function open(key) {
  const state = await get("session");
  if (!state.authenticated || !state.csrf) {
    if (state.needs_key && !key && !state.authenticated) {
      session.value = state;
      return;
    }
    const headers = key ? { authorization: `Bearer ${key}` } : {};
    session.value = await call("POST", "session", { headers, body: {} });
    return;
  }
  session.value = state;
}

export async function close() {
  session.value = await call("DELETE", "session");
}

/** Sends a client's request to the router's own endpoint, whole and with another model; its id, status and milliseconds. */
export async function send(url, body, model, key) {
  const path = new URL(url, location.href).pathname.replace(/(\/models\/).+?(:)(?:streamG|g)enerateContent$/, (_, begin, colon) =>
    `${begin}${encodeURIComponent(model)}${colon}generateContent`);
  const named = path.includes("/models/") ? body : { ...body, model, stream: false };
  if (named.stream_options) delete named.stream_options; // it is for streams alone
  const begun = performance.now();
  const headers = { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(named), credentials: "omit" });
    await response.arrayBuffer();
  } catch {
    throw new Refusal(0, words.unreachable);
  }
  const id = response.headers.get("x-switchyard-request");
  if (!id) throw new Refusal(response.status, `${words.refused} (${response.status})`);
  return { id, status: response.status, ms: performance.now() - begun };
}

export const canWrite = () => session.value?.role === "admin";
