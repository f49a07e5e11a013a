// The open conversation: its messages, oldest above, and what is done with it as a whole.
import { ApiError, api, withQuery } from './api.js';
import { bubble } from './bubble.js';
import { startComposer, openComposer, replyTo, showWindow } from './composer.js';
import { confirmed, menu, toast } from './dialog.js';
import { $, el, webAddress } from './dom.js';
import { dayLine, dayOf } from './format.js';
import { icon } from './icons.js';
import { avatar } from './list.js';
import { isShownElsewhere, reactionsOf } from './reactions.js';
import { forget, isLookedAt, learn, on, patch, refresh, state } from './state.js';
import { t } from './text.js';

const PAGE = 50;
const MOST = 100;
/** Messages of one side within so many milliseconds stand together. */
const TOGETHER_MS = 5 * 60_000;
/** How near to its end the chat has to be to follow new messages, in pixels. */
const NEAR = 80;

let conversation = null;
let messages = new Map();
let older = null;
let readingOlder = false;
let drawn = new Map();
let changedAt = 0;
let reading = null;
let hooks;

const path = (rest = '', id = conversation) => `/inbox/api/conversations/${encodeURIComponent(id)}${rest}`;
const sorted = () => [...messages.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
const atEnd = () => $('messages').scrollHeight - $('messages').scrollTop - $('messages').clientHeight < NEAR;

function toEnd() {
  $('messages').scrollTop = $('messages').scrollHeight;
  $('newer').hidden = true;
}

/** Opens a conversation; the keyboard goes to its composer unless it is somewhere else on purpose. */
export async function openChat(id, { focus = true, message = null } = {}) {
  conversation = id;
  messages = new Map();
  drawn = new Map();
  older = null;
  changedAt = 0;
  $('messages-field').replaceChildren();
  $('newer').hidden = true;
  $('chat').hidden = false;
  $('chat-none').hidden = true;
  $('messages').setAttribute('aria-busy', 'true');
  const row = state.conversations.get(id);
  if (row) head(row);
  openComposer(id, row);
  if (focus) $('text').focus({ preventScroll: true });
  await read();
  if (conversation !== id) return;
  $('messages').removeAttribute('aria-busy');
  toEnd();
  if (message) await jump(message);
}

export function closeChat() {
  conversation = null;
  $('chat').hidden = true;
  $('chat-none').hidden = false;
}

/** Reads the newest messages, as many as are shown. One call at a time; a change that comes meanwhile is read after it. */
async function read() {
  const id = conversation;
  if (reading?.id === id) {
    reading.again = true;
    return reading.done;
  }
  const turn = { id, again: false };
  turn.done = (async () => {
    try {
      do {
        turn.again = false;
        const limit = Math.min(MOST, Math.max(PAGE, messages.size));
        const thread = await api('GET', withQuery(path(), { limit }));
        if (conversation !== id) return;
        const newest = sorted().at(-1)?.id;
        const isApart = Boolean(thread.after) && Boolean(newest) && thread.messages.every((message) => message.id > newest);
        // More came than is read at once: what is between is read on from here.
        if (isApart) messages = new Map();
        if (messages.size === 0) older = thread.after ?? null;
        changedAt = thread.conversation.changed_at;
        learn(thread.conversation);
        head(thread.conversation);
        showWindow(thread.conversation);
        for (const message of thread.messages) messages.set(message.id, message);
        draw();
        markRead();
      } while (turn.again);
    } catch (error) {
      if (conversation === id) failedToRead(id, error);
    } finally {
      if (reading === turn) reading = null;
    }
  })();
  reading = turn;
  return turn.done;
}

/** A conversation is no more. */
function leave(id) {
  if (conversation === id) hooks.left();
  forget(id);
}

function gone(id) {
  leave(id);
  toast(t('conversationGone'));
}

function failedToRead(id, error) {
  if (error instanceof ApiError && error.status === 404) {
    gone(id);
  } else {
    toast(error.message, 'bad');
  }
}

async function readOlder() {
  if (!older || readingOlder) return;
  readingOlder = true;
  const id = conversation;
  try {
    const thread = await api('GET', withQuery(path(), { limit: PAGE, after: older }));
    if (conversation !== id) return;
    older = thread.after ?? null;
    const box = $('messages');
    const fromEnd = box.scrollHeight - box.scrollTop;
    for (const message of thread.messages) messages.set(message.id, message);
    draw();
    box.scrollTop = box.scrollHeight - fromEnd;
  } catch (error) {
    toast(error.message, 'bad');
  } finally {
    readingOlder = false;
  }
}

/** Nothing is read by a window that nobody looks at. */
function markRead() {
  const row = state.conversations.get(conversation);
  const newest = sorted().at(-1);
  if (!row || row.unread === 0 || !newest || !isLookedAt()) return;
  api('POST', path('/read'), { seen: newest.id }).then(refresh, () => {});
  patch(conversation, { unread: 0 });
}

function head(row) {
  const channel = state.channels.get(row.channel);
  const about = [channel?.name, row.phone, row.email].filter(Boolean).join(' · ');
  const signature = JSON.stringify([row.name, about, row.state, row.avatar_url]);
  if ($('chat-head').dataset.shown === signature) return;
  $('chat-head').dataset.shown = signature;
  $('chat-avatar').replaceChildren(avatar(row));
  $('chat-name').textContent = row.name;
  $('chat-about').textContent = about;
  const isClosed = row.state === 'closed';
  $('toggle-state').replaceChildren(icon(isClosed ? 'inbox' : 'archive'), el('span', { class: 'wide-only' }, t(isClosed ? 'reopen' : 'closeIt')));
  $('toggle-state').setAttribute('aria-label', t(isClosed ? 'reopen' : 'closeIt'));
  const problem = channel?.problem ?? (channel && channel.state !== 'active' ? t('channelUninstalled') : null);
  $('chat-problem').hidden = !problem;
  $('chat-problem-text').textContent = problem ?? '';
}

function draw() {
  const follow = atEnd();
  const all = sorted();
  const reactions = reactionsOf(all);
  const known = new Set(messages.keys());
  const field = $('messages-field');
  const kept = new Map();
  const replies = state.channels.get(state.conversations.get(conversation)?.channel)?.replies;
  const can = { ...actions, reply: replies && actions.reply };
  let before = null;
  let day = null;
  let last = null;
  const put = (key, signature, make) => {
    let one = drawn.get(key);
    if (one?.signature !== signature) {
      const element = make();
      // What is being played or typed at is not taken away for a tick.
      if (one) one.element.replaceWith(element);
      one = { signature, element };
    }
    kept.set(key, one);
    const next = before ? before.nextSibling : field.firstChild;
    if (next !== one.element) field.insertBefore(one.element, next);
    before = one.element;
  };
  if (!older) put('begin', 'begin', () => el('div', { class: 'notice begin' }, t('beginning')));
  for (const message of all) {
    if (isShownElsewhere(message, known)) continue;
    if (dayOf(message.at) !== day) {
      day = dayOf(message.at);
      last = null;
      put(`day-${day}`, dayLine(message.at), () => el('div', { class: 'day', role: 'separator' }, el('span', {}, dayLine(message.at))));
    }
    const isFirst = !last || last.direction !== message.direction || last.author !== message.author || new Date(message.at) - new Date(last.at) > TOGETHER_MS;
    const about = { reactions: reactions.get(message.id), isFirst };
    // Signed addresses change by the day; a picture is not loaded anew for that.
    const stable = { ...message, files: message.files?.map(({ url, preview_url: preview, ...rest }) => [rest, Boolean(url), Boolean(preview)]) };
    put(message.id, JSON.stringify([stable, about]), () => bubble(message, about, can));
    last = message;
  }
  for (const [key, { element }] of drawn) if (!kept.has(key)) element.remove();
  const newest = all.at(-1);
  const hasNew = newest && newest.direction === 'in' && drawn.size > 0 && !drawn.has(newest.id);
  drawn = kept;
  if (follow) toEnd();
  else if (hasNew) $('newer').hidden = false;
}

/** Scrolls to a message, reading on until it is there. */
async function jump(id) {
  const here = conversation;
  for (let tries = 0; !messages.has(id) && older && tries < 20; tries += 1) {
    await readOlder();
    if (conversation !== here) return;
  }
  const element = document.getElementById(`m-${id}`);
  if (!element) {
    toast(t('notFound'));
    return;
  }
  element.scrollIntoView({ block: 'center' });
  element.focus({ preventScroll: true });
  element.classList.add('found');
  setTimeout(() => element.classList.remove('found'), 2000);
}

/** A failed message once more, because somebody says so. */
async function retry(message, button) {
  const here = conversation;
  const unsure = message.failure?.code === 'outcome_unknown';
  if (unsure && !(await confirmed(t('retryTitle'), t('retryUnsure'), t('retry')))) return;
  button.disabled = true;
  try {
    const again = await api('POST', `/inbox/api/messages/${encodeURIComponent(message.id)}/retry`);
    if (conversation === here) sent(again);
    else refresh();
  } catch (error) {
    button.disabled = false;
    toast(error.message, 'bad');
  }
  if (conversation === here) await read();
}

/** A message that was just sent, or refused. */
function sent(message) {
  messages.set(message.id, message);
  draw();
  toEnd();
  refresh();
}

const actions = { reply: (message) => replyTo(message), retry, jump };

async function toggleState() {
  const row = state.conversations.get(conversation);
  const wanted = row.state === 'open' ? 'closed' : 'open';
  try {
    await api('PUT', path('/state'), { state: wanted });
    patch(row.id, { state: wanted });
    const now = state.conversations.get(row.id);
    if (conversation === row.id && now) head(now);
    toast(t(wanted === 'closed' ? 'isClosed' : 'isOpen'));
    refresh();
  } catch (error) {
    toast(error.message, 'bad');
  }
}

async function remove() {
  const id = conversation;
  const { name } = state.conversations.get(id);
  if (!(await confirmed(t('deleteTitle'), t('deleteText', { name }), t('delete')))) return;
  try {
    await api('DELETE', path('', id));
    leave(id);
    toast(t('isDeleted'));
  } catch (error) {
    toast(error.message, 'bad');
  }
}

function more() {
  const row = state.conversations.get(conversation);
  const link = row.link && webAddress(row.link);
  menu($('chat-more'), [
    { label: t('details'), icon: 'person', act: () => hooks.details() },
    link && { label: t('openAtProvider'), icon: 'open', act: () => window.open(link, '_blank', 'noopener,noreferrer') },
    row.own && { label: t('deleteConversation'), icon: 'trash', danger: true, act: remove },
  ]);
}

/** Once. `details()` shows what is known of the customer, `left()` leads away from a conversation that is gone. */
export function startChat(given) {
  hooks = given;
  startComposer({ sent, conversationChanged: read });
  $('messages').addEventListener('scroll', () => {
    if ($('messages').scrollTop < 300) readOlder();
    if (atEnd()) $('newer').hidden = true;
  }, { passive: true });
  $('newer').addEventListener('click', toEnd);
  $('toggle-state').addEventListener('click', toggleState);
  $('chat-more').addEventListener('click', more);
  document.addEventListener('visibilitychange', () => conversation && markRead());
  // Pictures that load late must not push the newest message out of sight.
  let height = 0;
  new ResizeObserver(() => {
    const grown = $('messages-field').offsetHeight - height;
    height += grown;
    if (grown > 0 && $('messages').scrollHeight - $('messages').scrollTop - $('messages').clientHeight < NEAR + grown) toEnd();
  }).observe($('messages-field'));
  on('conversation', (row) => {
    if (row.id === conversation && row.changed_at > changedAt) read();
  });
  on('hidden', gone);
  on('tick', () => {
    // What waits for its provider or for its files changes without a word.
    const waits = [...messages.values()].some((message) => message.underway);
    if (conversation && waits) read();
  });
}
