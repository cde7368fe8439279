// Numbers, money, times and durations, by the viewer's locale and zone.

import { words } from "../words.js";

const plain = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const near = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const farDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export const UNKNOWN = "–";

export const count = (value) => (value == null ? UNKNOWN : plain.format(value));
export const short = (value) => (value == null ? UNKNOWN : compact.format(value));
export const share = (value) => (value == null ? UNKNOWN : percent.format(value));

/** US dollars. What is not known is never shown as nothing. */
export function money(value) {
  if (value == null) return UNKNOWN;
  const size = Math.abs(value);
  if (size > 0 && size < 0.001) return `$${value.toFixed(Math.min(2 - Math.ceil(Math.log10(size)), 12))}`;
  const digits = size > 0 && size < 0.1 ? 4 : 2;
  return `$${value.toFixed(digits)}`;
}

/** US dollars of many requests, of which some have no known price. */
export function sumOf(value, unknown) {
  if (!(unknown > 0)) return money(value);
  return value ? `${money(value)}+?` : "?";
}

/** Milliseconds, in the unit that reads best. */
export function millis(value) {
  if (value == null) return UNKNOWN;
  if (value < 1000) return `${Math.round(value)} ms`;
  return duration(value / 1000);
}

/** Seconds as two units: `2 h 05 min`. */
export function duration(seconds) {
  if (seconds == null) return UNKNOWN;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A moment in Unix seconds: today's as a time, others with their day. */
export function moment(seconds) {
  if (seconds == null) return UNKNOWN;
  const date = new Date(seconds * 1000);
  const time = clock.format(date);
  if (isToday(date)) return time;
  return date.getFullYear() === new Date().getFullYear() ? `${day.format(date)} ${time}` : `${farDay.format(date)} ${time}`;
}

export function precise(seconds) {
  const date = new Date(seconds * 1000);
  return isToday(date) ? exact.format(date) : `${near.format(date)} ${exact.format(date)}`;
}

export const dayOf = (seconds) => day.format(new Date(seconds * 1000));

function isToday(date) {
  return date.toDateString() === new Date().toDateString();
}

/** Unix seconds of this day's beginning in the viewer's zone, `back` days ago. */
export function dayBegin(back = 0) {
  const date = new Date();
  date.setHours(0, 0, 0, 0);
  date.setDate(date.getDate() - back);
  return date.getTime() / 1000;
}

export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** All tokens of a request or a sum, each once. */
export function allTokens(tokens) {
  const classes = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];
  return classes.reduce((sum, name) => sum + (tokens[name] ?? 0), 0);
}

/** The share of a session's or request's input that was read from a prompt cache. */
export function cacheShare(tokens) {
  const read = tokens.cache_read ?? 0;
  const all = read + (tokens.input ?? 0) + (tokens.cache_write_5m ?? 0) + (tokens.cache_write_1h ?? 0);
  return all ? read / all : null;
}

/** Text without control and direction characters, which could make it look like other text. */
export function clean(text) {
  return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** What a client asked for, or a word where it was not said. */
export const named = (text) => (text == null || text === "" ? words.none : clean(text));
