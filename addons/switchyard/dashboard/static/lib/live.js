// The stream of events, folded into signals four times a second.

import { batch, signal } from "./html.js";
import { get, recent, session } from "./api.js";

const KEPT = 2000;
const EVERY = 250;
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15000;

export const running = signal(new Map());
export const finished = signal([]);
/** How many ended without a row, since too many ended at once. */
export const skipped = signal(0);
export const health = signal(null);
export const windows = signal([]);
/** The ETag of the configuration in force, null until it is known: screens read it again when it changes. */
export const configuration = signal(null);
/** `connecting`, `live`, or `lost` with the stream's next try under way. */
export const connection = signal("connecting");
/** Unix seconds, once a second: countdowns are computed from it. */
export const now = signal(Date.now() / 1000);
/** Seconds by which the router's clock is ahead of this browser's. */
let ahead = 0;

let source = null;
let waiting = [];
let pause = FIRST_PAUSE;
let timer = 0;
let started = false;

export function begin() {
  if (started) return;
  started = true;
  setInterval(() => { now.value = Date.now() / 1000 + ahead; }, 1000);
  setInterval(fold, EVERY);
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : connect()));
  connect();
}

function connect() {
  clearTimeout(timer);
  if (source || document.hidden || !session.value?.authenticated) return;
  source = new EventSource("/v0/management/events");
  source.onopen = () => { pause = FIRST_PAUSE; };
  source.onerror = lost;
  for (const kind of ["snapshot", "begun", "tried", "ended", "skipped", "progress", "health", "quota", "config"])
    source.addEventListener(kind, (event) => waiting.push([kind, event.data]));
}

function end() {
  source?.close();
  source = null;
  clearTimeout(timer);
}

// The browser's own retries end at an error status, and it does not say which one it was.
async function lost() {
  end();
  connection.value = "lost";
  timer = setTimeout(async () => {
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    try {
      const state = await get("session");
      session.value = state.authenticated ? { ...session.value, ...state } : state;
      connect();
    } catch {
      lost();
    }
  }, pause);
}

/** Connects where there is a session now: after a login. */
export function resume() {
  end();
  pause = FIRST_PAUSE;
  connect();
}

function fold() {
  if (!waiting.length) return;
  const events = waiting;
  waiting = [];
  batch(() => events.forEach(([kind, data]) => apply(kind, JSON.parse(data))));
}

function apply(kind, data) {
  if (kind === "snapshot") {
    ahead = data.time - Date.now() / 1000;
    running.value = new Map(data.running.map((row) => [row.id, row]));
    health.value = stamped(data.health);
    windows.value = data.quota;
    configuration.value = data.config.etag;
    connection.value = "live";
    load();
  } else if (kind === "begun") {
    set(data.id, data);
  } else if (kind === "tried") {
    set(data.id, { ...running.value.get(data.id), ...data });
  } else if (kind === "progress") {
    data.running.forEach((row) => set(row.id, { ...running.value.get(row.id), ...row }));
  } else if (kind === "skipped") {
    skipped.value += data.count;
    remove(data.ids);
  } else if (kind === "ended") {
    remove([data.id]);
    finished.value = [data, ...finished.value.filter((row) => row.id !== data.id)].slice(0, KEPT);
  } else if (kind === "health") {
    health.value = stamped(data);
  } else if (kind === "quota") {
    windows.value = data.windows;
  } else if (kind === "config") {
    configuration.value = data.etag;
  }
}

function set(id, row) {
  if (!row.started) return; // progress of a request whose beginning a snapshot replaced
  running.value = new Map(running.value).set(id, row);
}

function remove(ids) {
  const rows = new Map(running.value);
  ids.forEach((id) => rows.delete(id));
  running.value = rows;
}

const stamped = (data) => ({ ...data, at: Date.now() / 1000 + ahead });

const AGAIN = 5000;
let loaded = -AGAIN;
let reading = 0;

/** The last requests on record: a snapshot has none of those that ended while nobody listened. */
function load() {
  clearTimeout(reading);
  reading = setTimeout(read, Math.max(loaded + AGAIN - performance.now(), 0));
}

async function read() {
  loaded = performance.now();
  try {
    const page = await recent("records", { limit: 50 });
    const rows = new Map([...page.records, ...finished.value].map((row) => [row.id, row]));
    // Ids begin with the time.
    finished.value = [...rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, KEPT);
  } catch {
    // Nothing is on record: usage is off, or the store is away.
  }
}
