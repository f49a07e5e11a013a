// What the page knows: the company, its channels, the conversations that were loaded. It asks for changes every few seconds
// while the page is looked at, and rarely otherwise; one call tells all of them.
import { api, withQuery } from './api.js';
import { onVisibility, opened } from './frame.js';

const VISIBLE_MS = 2500;
const HIDDEN_MS = 20_000;
const LONGEST_PAUSE_MS = 60_000;
const PAGE = 100;

/** In a panel: the record that it is beside. */
function panel() {
  const [id] = (opened.selected ?? '').split(',');
  return ['person', 'deal', 'organization'].includes(opened.resource) && /^\d+$/.test(id) ? { resource: opened.resource, id: Number(id) } : null;
}

export const state = {
  panel: panel(),
  me: null,
  company: '',
  members: new Map(),
  channels: new Map(),
  /** All conversations that were loaded, by id. */
  conversations: new Map(),
  /** Ids of those that the list shows, in its order. */
  listed: [],
  filter: { channel: '', unread: false, mine: false, state: panel() ? '' : 'open' },
  /** Whether the list has been read to its end. */
  complete: false,
  openId: null,
};

const listeners = new Map();
let after = null;
let loading = null;
let since = 0;
let timer = null;
let failures = 0;
let windowShown = true;
/** Whose conversations the panel of an organization shows: its persons, as they were when it opened. */
const persons = new Set();

/** Calls `listener` when `what` happens: `list`, `conversation`, `hidden`, `offline`, `arrived`, `tick`. */
export function on(what, listener) {
  if (!listeners.has(what)) listeners.set(what, new Set());
  listeners.get(what).add(listener);
}

function emit(what, ...given) {
  for (const listener of listeners.get(what) ?? []) listener(...given);
}

/** Channels on which the company may write first. */
export const beginners = () => [...state.channels.values()].filter((channel) => channel.writes_first && channel.state === 'active');

/** Until when a customer may be written to: some businesses are allowed more than a message's own limit. */
export function replyUntil({ reply_by: by, channel }) {
  if (!by) return null;
  return new Date(Date.parse(by) + (state.channels.get(channel)?.reply_extension ?? 0) * 1000).toISOString();
}

const newestFirst = (a, b) => (a.last_at < b.last_at ? 1 : a.last_at > b.last_at ? -1 : a.id < b.id ? 1 : -1);

function matches(row) {
  const { channel, unread, mine, state: wanted } = state.filter;
  // What is open stays in sight when it is read or closed.
  if (row.id === state.openId && (!channel || row.channel === channel)) return true;
  // One that was begun and in which nothing was said is nobody's news; whoever begins it again comes back to it.
  if (!row.last) return false;
  return (!channel || row.channel === channel) && (!unread || row.unread > 0) && (!mine || row.mine) && (!wanted || row.state === wanted);
}

/** Whether a conversation is one of the record's that the panel is beside. */
function belongs(row) {
  const { panel: of } = state;
  if (!of || row.id === state.openId) return true;
  return of.resource === 'organization' ? persons.has(row.person) : row[of.resource] === of.id;
}

function take(row) {
  if (!belongs(row)) return state.conversations.delete(row.id);
  const known = state.conversations.get(row.id);
  if (known && known.changed_at > row.changed_at) return false;
  state.conversations.set(row.id, row);
  return !known || known.changed_at !== row.changed_at;
}

/** Those of the loaded conversations that belong into the list as far as it has been read. */
function relist() {
  list(state.complete ? null : after?.oldest);
}

function list(oldest) {
  const rows = [...state.conversations.values()].filter((row) => belongs(row) && matches(row) && (!oldest || row.last_at >= oldest));
  state.listed = rows.sort(newestFirst).map((row) => row.id);
  emit('list');
}

/** Opens a conversation, or none. The one that was open before is in the list no longer than its filter lets it. */
export function setOpen(id) {
  state.openId = id;
  relist();
}

export const unreadCount = () => [...state.conversations.values()].filter((row) => row.unread > 0).length;

export async function start() {
  const started = await api('GET', '/inbox/api/start');
  state.me = started.me;
  state.company = started.company;
  state.members = new Map(started.members.map((member) => [member.user, member.name]));
  state.channels = new Map(started.channels.map((channel) => [channel.id, channel]));
  since = started.since;
  const first = state.panel ? await api('GET', withQuery('/inbox/api/conversations', { [state.panel.resource]: state.panel.id })) : started;
  for (const person of first.persons ?? []) persons.add(person);
  first.conversations.forEach(take);
  read(first);
  schedule(VISIBLE_MS);
  document.addEventListener('visibilitychange', wake);
  onVisibility(({ is_visible: shown }) => {
    windowShown = shown !== false;
    wake();
  });
  return started;
}

function read({ conversations, after: next }) {
  state.complete = !next;
  if (next) after = { cursor: next, oldest: conversations.at(-1)?.last_at ?? after?.oldest ?? null };
  else after = null;
  relist();
}

/** Reads the list anew, by another filter. A panel's list is whole from the beginning. */
export function setFilter(filter) {
  Object.assign(state.filter, filter);
  if (state.panel) return relist();
  after = null;
  state.complete = false;
  loading = null;
  list(null);
  return loadMore();
}

/** Reads the next page of the list, once at a time. */
export function loadMore() {
  if (state.complete) return null;
  const asked = JSON.stringify(state.filter);
  loading ??= (async () => {
    try {
      const page = await api('GET', withQuery('/inbox/api/conversations', { ...flags(), after: after?.cursor, limit: PAGE }));
      if (asked !== JSON.stringify(state.filter)) return;
      for (const row of page.conversations) take(row);
      read(page);
    } finally {
      loading = null;
    }
  })();
  return loading;
}

function flags() {
  const { channel, unread, mine, state: wanted } = state.filter;
  return { channel, state: wanted, unread: unread ? 'true' : '', mine: mine ? 'true' : '' };
}

/** Takes a conversation that was just begun. */
export function welcome(row) {
  state.openId = row.id;
  learn(row);
}

/** Takes a row that another call brought. */
export function learn(row) {
  if (!take(row)) return;
  relist();
  emit('conversation', row);
}

/** What this page itself changed of a row, before the API tells it. */
export function patch(id, changes) {
  const row = state.conversations.get(id);
  if (!row) return;
  const changed = { ...row, ...changes };
  state.conversations.set(id, changed);
  relist();
  emit('conversation', changed);
}

/** Takes a conversation out that is gone. */
export function forget(id) {
  if (state.conversations.delete(id)) relist();
}

/** Takes a channel out that its owner keeps to themselves from now on, with what is open of it. */
function hide(channel) {
  state.channels.delete(channel);
  for (const { id } of [...state.conversations.values()].filter((row) => row.channel === channel)) {
    if (id === state.openId) emit('hidden', id);
    forget(id);
  }
}

export const isLookedAt = () => document.visibilityState === 'visible' && windowShown;

function schedule(pause) {
  clearTimeout(timer);
  timer = setTimeout(poll, pause);
}

function wake() {
  if (isLookedAt()) schedule(0);
}

/** Asks for changes at once. */
export const refresh = () => schedule(0);

async function poll() {
  try {
    const { conversations, hidden = [], since: next, more } = await api('GET', withQuery('/inbox/api/updates', { since }));
    since = next;
    if (failures > 0) emit('offline', false);
    failures = 0;
    hidden.forEach(hide);
    const before = new Map(conversations.map(({ id }) => [id, state.conversations.get(id)]));
    const changed = conversations.filter(take);
    if (changed.length > 0) relist();
    for (const row of changed) {
      emit('conversation', row);
      if (row.unread > (before.get(row.id)?.unread ?? 0)) emit('arrived', row);
    }
    emit('tick');
    schedule(more ? 0 : isLookedAt() ? VISIBLE_MS : HIDDEN_MS);
  } catch (error) {
    failures += 1;
    if (failures > 1) emit('offline', true, error);
    schedule(Math.min(LONGEST_PAUSE_MS, VISIBLE_MS * 2 ** failures));
  }
}
