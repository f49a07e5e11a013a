// Searching: names and numbers of the whole company, texts of the open conversation and of the recent ones. What is shown
// says how far it looked.
import { api, withQuery } from './api.js';
import { $, debounced, el, latest } from './dom.js';
import { moment, when } from './format.js';
import { avatar, glimpse } from './list.js';
import { learn, state } from './state.js';
import { t } from './text.js';

const FEWEST = 2;
/** Pages of names that are looked through by themselves. */
const PAGES = 5;

let open;

/** A text with what was looked for marked in it. */
function marked(text, query) {
  const at = text.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0) return [text];
  return [text.slice(0, at), el('mark', {}, text.slice(at, at + query.length)), text.slice(at + query.length)];
}

function found(row, inside, act) {
  return el('li', {}, el('button', { type: 'button', class: 'result', onclick: act }, avatar(row), el('span', { class: 'about' }, inside)));
}

/** What the customer is found by beside their name, else what was said last. */
function reached({ phone, email, ...row }, query) {
  const is = email?.toLowerCase().includes(query.toLowerCase()) ? email : (phone ?? email);
  return is ? marked(is, query) : glimpse(row);
}

function personResult(row, query) {
  return found(
    row,
    [
      el('span', { class: 'top' }, el('span', { class: 'name' }, marked(row.name, query)), el('time', { datetime: row.last_at }, when(row.last_at))),
      el('span', { class: 'bottom' }, el('span', { class: 'glimpse' }, reached(row, query))),
    ],
    () => open(row.id),
  );
}

function messageResult(message, query) {
  const row = state.conversations.get(message.conversation);
  if (!row) return null;
  return found(
    row,
    [
      el('span', { class: 'top' }, el('span', { class: 'name' }, row.name), el('time', { datetime: message.at }, when(message.at))),
      el('span', { class: 'bottom' }, el('span', { class: 'glimpse wrap' }, message.direction === 'out' ? `${t('you')} ` : '', marked(message.text, query))),
    ],
    () => open(message.conversation, { message: message.id }),
  );
}

function looked({ open: here, recent }) {
  const said = [];
  if (here) said.push(here.all ? t('lookedAllHere') : t('lookedHere', { n: here.messages, since: moment(here.back_to) }));
  said.push(t('lookedRecent', { conversations: recent.conversations, n: recent.messages }));
  return said.join(' ');
}

const search = latest(async (isLatest, query) => {
  const names = $('found-names');
  const texts = $('found-texts');
  $('search-status').textContent = t('searching');
  names.replaceChildren();
  texts.replaceChildren();
  $('looked-names').textContent = '';
  $('looked-texts').textContent = '';
  const byName = async () => {
    let after;
    let seen = 0;
    for (let page = 0; page < PAGES; page += 1) {
      const answer = await api('GET', withQuery('/inbox/api/search/conversations', { q: query, after }));
      if (!isLatest()) return;
      answer.conversations.forEach(learn);
      names.append(...answer.conversations.map((row) => personResult(row, query)));
      seen += answer.looked;
      after = answer.after;
      $('looked-names').textContent = after ? t('lookedNames', { n: seen }) : t('lookedAllNames', { n: seen });
      if (!after || names.children.length >= 50) return;
    }
  };
  const byText = async () => {
    const answer = await api('GET', withQuery('/inbox/api/search/messages', { q: query, conversation: state.openId }));
    if (!isLatest()) return;
    texts.replaceChildren(...answer.messages.map((message) => messageResult(message, query)).filter(Boolean));
    $('looked-texts').textContent = looked(answer);
  };
  try {
    await Promise.all([byName(), byText()]);
    if (isLatest()) $('search-status').textContent = t('foundCount', { n: names.children.length + texts.children.length });
  } catch (error) {
    if (isLatest()) $('search-status').textContent = error.message;
  }
});

function show(query) {
  const searching = query.length >= FEWEST;
  $('results').hidden = !searching;
  $('browse').hidden = searching;
  return searching;
}

function endSearch() {
  $('search').value = '';
  show('');
}

/** Once. `openConversation(id, {message})` shows what was chosen. */
export function startSearch(openConversation) {
  open = (id, options) => openConversation(id, options);
  const begin = debounced((query) => show(query) && search(query), 250);
  $('search').addEventListener('input', (event) => {
    const query = event.target.value.trim();
    if (show(query)) begin(query);
  });
  $('search').addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && $('search').value) {
      event.preventDefault();
      event.stopPropagation();
      endSearch();
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      ($('results').hidden ? $('list') : $('results').querySelector('button'))?.focus();
    }
  });
  $('results').addEventListener('keydown', (event) => {
    const all = [...$('results').querySelectorAll('button')];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    (all[to] ?? $('search')).focus();
  });
}
