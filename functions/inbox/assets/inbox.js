// The inbox page. Greets Pipedrive first, which shows the frame only then, and loads afterwards.
import { ApiError, openSession } from './api.js';
import { closeChat, openChat, startChat } from './chat.js';
import { menu, toast } from './dialog.js';
import { $ } from './dom.js';
import { openDrafts } from './drafts.js';
import { command, greet, inFrame, opened } from './frame.js';
import { drawIcons } from './icons.js';
import { neighbour, startList } from './list.js';
import { drawRecord } from './record.js';
import { startSearch } from './search.js';
import { beginners, on, setOpen, start, state, unreadCount, welcome } from './state.js';
import { t, translate } from './text.js';

const WINDOW = { height: 700, width: 800 };
const PANEL = { height: 600 };
const POPUP = 'pigeonpost.popup';

const view = (name) => {
  $('page').dataset.view = name;
};

async function open(id, options) {
  setOpen(id);
  view('chat');
  if ($('record').dataset.shown) showRecord(true);
  await openChat(id, options);
}

function back() {
  const id = state.openId;
  const isElsewhere = $('list-pane').contains(document.activeElement);
  view('list');
  setOpen(null);
  closeChat();
  showRecord(false);
  if (!isElsewhere) $('list').focus();
  if (id) document.getElementById(`row-${id}`)?.scrollIntoView({ block: 'nearest' });
}

function showRecord(shown) {
  const row = state.conversations.get(state.openId);
  $('record').hidden = !shown || !row;
  $('record').dataset.shown = shown ? 'true' : '';
  $('page').classList.toggle('with-record', Boolean(shown && row));
  if (shown && row) drawRecord(row);
}

/** Whether the window opens by itself when a message comes in; the browser remembers it where it may. */
function popup(set) {
  try {
    if (set !== undefined) window.localStorage.setItem(POPUP, set ? 'yes' : 'no');
    return window.localStorage.getItem(POPUP) === 'yes';
  } catch {
    return false;
  }
}

function badge() {
  const n = unreadCount();
  if (!opened.resource) command('set_notification', { number: n });
  document.title = n > 0 ? t('titleUnread', { n }) : t('title');
}

/** Beside a record there is but its own conversations; if that is one, it is what the panel is for. */
function beside() {
  $('page').classList.add('beside');
  $('list-title').classList.remove('unseen');
  if (state.listed.length === 1) open(state.listed[0], { focus: false });
}

function begin() {
  const opening = (row) => {
    welcome(row);
    open(row.id);
  };
  import('./begin.js').then(({ beginDialog }) => beginDialog(opening)).catch((error) => toast(error.message, 'bad'));
}

function keys(event) {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if ($('page').classList.contains('with-record') && $('record').contains(document.activeElement)) {
      showRecord(false);
      $('chat-more').focus();
    } else if (state.openId) back();
  } else if (event.key === '/' && !typing) {
    event.preventDefault();
    view('list');
    $('search').focus();
  } else if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
    const next = neighbour(event.key === 'ArrowDown' ? 1 : -1);
    if (next) {
      event.preventDefault();
      open(next);
    }
  }
}

function outside(title, text, { connect = false } = {}) {
  $('page').hidden = true;
  $('splash').hidden = true;
  $('outside').hidden = false;
  $('outside-title').textContent = title;
  $('outside-text').textContent = text;
  $('outside-connect').hidden = !connect;
}

function refused(error) {
  if (error instanceof ApiError && error.status === 403) outside(t('connectTitle'), t('connectText'), { connect: true });
  else if (error.message === t('notInPipedrive')) outside(t('title'), error.message);
  else if (error instanceof ApiError && error.status === 401) outside(t('expiredTitle'), t('expiredText'));
  else outside(t('brokenTitle'), error.message);
}

async function run() {
  translate();
  drawIcons();
  const greeted = greet(opened.resource ? PANEL : WINDOW).catch(() => false);
  const session = opened.token ? openSession() : greeted.then(() => openSession());
  try {
    await Promise.all([greeted, session]);
    const { company } = await start();
    openDrafts(company, state.me);
  } catch (error) {
    return refused(error);
  }
  $('page').hidden = false;
  $('splash').hidden = true;
  startChat({ details: () => showRecord(true), left: back });
  startList((id) => open(id));
  startSearch((id, options) => open(id, options));
  $('chat-back').addEventListener('click', back);
  $('record-close').addEventListener('click', () => {
    showRecord(false);
    $('chat-more').focus();
  });
  $('list-more').addEventListener('click', () =>
    menu($('list-more'), [
      beginners().length > 0 && { label: t('begin'), icon: 'write', act: begin },
      inFrame() && !opened.resource && { label: t('popup'), checked: popup(), act: () => popup(!popup()) },
      { label: t('openSettings'), icon: 'settings', act: () => command('redirect_to', { view: 'settings' }) },
    ]),
  );
  $('list-begin').addEventListener('click', begin);
  document.addEventListener('keydown', keys);
  on('list', badge);
  badge();
  if (state.panel) beside();
  on('conversation', (row) => {
    if (row.id === state.openId && $('record').dataset.shown) drawRecord(row);
  });
  on('offline', (is) => {
    $('offline').hidden = !is;
  });
  on('arrived', (row) => {
    $('announce').textContent = t('arrived', { name: row.name });
    if (popup() && !opened.resource) command('show_floating_window', { conversation: row.id });
  });
  return undefined;
}

run();
