// Times, sizes, names and links as people read them.
import { LANGUAGE, t } from './text.js';

const TIME = new Intl.DateTimeFormat(LANGUAGE, { hour: 'numeric', minute: '2-digit' });
const WEEKDAY = new Intl.DateTimeFormat(LANGUAGE, { weekday: 'long' });
const SHORT_WEEKDAY = new Intl.DateTimeFormat(LANGUAGE, { weekday: 'short' });
const DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short' });
const LONG_DAY = new Intl.DateTimeFormat(LANGUAGE, { weekday: 'long', day: 'numeric', month: 'long' });
const YEAR_DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', year: 'numeric' });
const MOMENT = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short' });
const DAY_MS = 86_400_000;

function daysAgo(date, now) {
  const midnight = (one) => new Date(one.getFullYear(), one.getMonth(), one.getDate()).getTime();
  return Math.round((midnight(now) - midnight(date)) / DAY_MS);
}

/** For the list: today the time, this week the day. */
export function when(text, now = new Date()) {
  const date = new Date(text);
  const days = daysAgo(date, now);
  if (days <= 0) return TIME.format(date);
  if (days === 1) return t('yesterday');
  if (days < 7) return SHORT_WEEKDAY.format(date);
  return date.getFullYear() === now.getFullYear() ? DAY.format(date) : YEAR_DAY.format(date);
}

/** For the line between two days of a conversation. */
export function dayLine(text, now = new Date()) {
  const date = new Date(text);
  const days = daysAgo(date, now);
  if (days <= 0) return t('today');
  if (days === 1) return t('yesterday');
  if (days < 7) return WEEKDAY.format(date);
  return date.getFullYear() === now.getFullYear() ? LONG_DAY.format(date) : YEAR_DAY.format(date);
}

export const dayOf = (text) => new Date(text).toDateString();
export const time = (text) => TIME.format(new Date(text));
export const moment = (text) => MOMENT.format(new Date(text));

/** How long until then, in its two largest units; none if it is over. */
export function timeLeft(text, now = Date.now()) {
  const minutes = Math.floor((new Date(text).getTime() - now) / 60_000);
  if (minutes < 0) return null;
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  if (days > 0) return t('leftDays', { days, hours });
  return hours > 0 ? t('leftHours', { hours, minutes: minutes % 60 }) : t('leftMinutes', { minutes });
}

export const count = (n) => new Intl.NumberFormat(LANGUAGE).format(n);

export function size(bytes) {
  if (bytes < 1024) return t('bytes', { n: bytes });
  const [value, unit] = bytes < 1024 * 1024 ? [bytes / 1024, 'kilobytes'] : [bytes / 1024 / 1024, 'megabytes'];
  return t(unit, { n: new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value) });
}

/** One or two letters that stand for a name. */
export function initials(name) {
  const words = name.normalize().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join('') || '#';
}

/** One of eight colours, the same each time for a name. */
export const hue = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 997, 7) % 8;

/** A text as pieces: plain ones and web addresses. */
export function pieces(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/gu)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: match[0], link: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}
