// The list of conversations: one row each, filters above, arrow keys within.
import { $, el } from './dom.js';
import { hue, initials, when } from './format.js';
import { icon } from './icons.js';
import { beginners, loadMore, on, setFilter, state } from './state.js';
import { t } from './text.js';
import { VirtualList } from './virtual.js';

/** Must be the height of `.row` in inbox.css. */
const ROW = 68;
const FILE_ICONS = { image: 'image', sticker: 'image', video: 'video', audio: 'audio', voice: 'audio', document: 'document' };

let list;
let open;
/** The conversation that the arrow keys are at. */
let atId = null;
let focused = false;

/** A customer's picture, or letters that stand for their name. */
export function avatar(row, className = '') {
  const letters = el('span', { class: `avatar hue-${hue(row.id)} ${className}`, 'aria-hidden': 'true' }, initials(row.name));
  if (row.avatar_url) {
    const picture = el('img', { src: row.avatar_url, alt: '', loading: 'lazy', onerror: () => picture.remove() });
    letters.append(picture);
  }
  const channel = state.channels.get(row.channel);
  if (channel) letters.append(el('img', { class: 'badge', src: `/inbox/assets/icon-${channel.provider}.png`, alt: '' }));
  return letters;
}

/** What the newest message is, in a few words. */
export function glimpse(row) {
  const { last } = row;
  if (!last) return [el('em', {}, t('nothingSaid'))];
  if (last.deleted) return [el('em', {}, t('deleted'))];
  const parts = [];
  if (last.direction === 'out') parts.push(el('span', { class: 'you' }, t('you')));
  if (last.file) parts.push(icon(FILE_ICONS[last.file] ?? 'document', 15));
  parts.push(last.text || (last.file ? t(`file_${last.file}`) : ''));
  return parts;
}

/** What of a row is shown by colours and pictures alone, in words. */
function unseen(row) {
  const channel = state.channels.get(row.channel);
  const said = [row.unread > 0 && t('unreadCount', { n: row.unread }), row.state === 'closed' && t('closed'), channel?.name];
  return el('span', { class: 'unseen' }, `, ${said.filter(Boolean).join(', ')}, `);
}

function rowElement(id, index) {
  const row = state.conversations.get(id);
  const isOpen = id === state.openId;
  const classes = ['row', row.unread > 0 && 'unread', isOpen && 'open', focused && id === atId && 'at'].filter(Boolean).join(' ');
  return el(
    'div',
    {
      class: classes,
      role: 'option',
      id: `row-${id}`,
      'aria-selected': String(isOpen),
      'aria-setsize': state.complete ? state.listed.length : -1,
      'aria-posinset': index + 1,
      dataset: { id },
    },
    avatar(row),
    el(
      'span',
      { class: 'about' },
      el('span', { class: 'top' }, el('span', { class: 'name' }, row.name), unseen(row), el('time', { datetime: row.last_at }, when(row.last_at))),
      el(
        'span',
        { class: 'bottom' },
        el('span', { class: 'glimpse' }, glimpse(row)),
        row.state === 'closed' && icon('archive', 16),
        row.unread > 0 && el('span', { class: 'count', 'aria-hidden': 'true' }, row.unread > 99 ? '99+' : String(row.unread)),
      ),
    ),
  );
}

/** A row is another when anything that it shows is. */
function rowKey(id) {
  const row = state.conversations.get(id);
  const { name, unread, state: is, last_at: at, last, avatar_url: picture } = row;
  return JSON.stringify([id, state.complete, name, unread, is, at, last, Boolean(picture), when(at), id === state.openId, focused && id === atId]);
}

function choose(id) {
  atId = id;
  open(id);
}

function draw() {
  list.show(state.listed);
  const none = state.listed.length === 0;
  $('list-empty').hidden = !none || !state.complete;
  $('list-loading').hidden = !none || state.complete;
  const filtered = Object.entries(state.filter).some(([name, value]) => value && !(name === 'state' && value === 'open'));
  const nothing = state.panel ? 'noneOfRecord' : 'noneYet';
  $('list-empty-text').textContent = filtered ? t('noneMatch') : t(state.channels.size > 0 ? nothing : 'noChannels');
  $('list-begin').hidden = filtered || beginners().length === 0;
  if (focused && atId) $('list').setAttribute('aria-activedescendant', `row-${atId}`);
  else $('list').removeAttribute('aria-activedescendant');
}

function key(event) {
  const { length } = state.listed;
  const at = state.listed.indexOf(atId);
  const page = Math.max(1, Math.floor($('list').clientHeight / ROW) - 1);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: length - 1, PageDown: at + page, PageUp: at - page }[event.key];
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    if (atId) choose(atId);
  } else if (to !== undefined && length > 0) {
    event.preventDefault();
    const index = Math.min(length - 1, Math.max(0, to));
    atId = state.listed[index];
    list.reveal(index);
    draw();
  }
}

function channelChoices() {
  const options = [el('option', { value: '' }, t('allChannels'))];
  for (const channel of state.channels.values()) options.push(el('option', { value: channel.id }, channel.name));
  $('filter-channel').replaceChildren(...options);
  $('filter-channel').hidden = state.channels.size < 2;
  $('filter-channel').value = state.filter.channel;
}

function toggle(name) {
  const button = $(`filter-${name}`);
  button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', String(!state.filter[name]));
    $('list').scrollTop = 0;
    setFilter({ [name]: !state.filter[name] })?.catch(() => {});
  });
}

/** Once there is something to show. `openConversation` is called with the id of the one that was chosen. */
export function startList(openConversation) {
  open = openConversation;
  const box = $('list');
  list = new VirtualList(box, { height: ROW, make: rowElement, key: rowKey, end: () => loadMore()?.catch(() => {}) });
  box.addEventListener('keydown', key);
  // At the place, not at the row that was pressed: an update may have put another one there meanwhile.
  box.addEventListener('click', (event) => {
    const row = document.elementFromPoint(event.clientX, event.clientY)?.closest('.row');
    if (row) choose(row.dataset.id);
  });
  box.addEventListener('focus', () => {
    // The mouse shows where it is by itself.
    focused = box.matches(':focus-visible');
    if (!focused) return;
    atId = state.listed.includes(atId) ? atId : (state.openId ?? state.listed[0] ?? null);
    if (!state.listed.includes(atId)) atId = state.listed[0] ?? null;
    if (atId) list.reveal(state.listed.indexOf(atId));
    draw();
  });
  box.addEventListener('blur', () => {
    focused = false;
    draw();
  });
  channelChoices();
  toggle('unread');
  toggle('mine');
  for (const name of ['channel', 'state']) {
    $(`filter-${name}`).addEventListener('change', (event) => {
      box.scrollTop = 0;
      setFilter({ [name]: event.target.value })?.catch(() => {});
    });
  }
  on('list', draw);
  draw();
}

/** The neighbours of the open conversation, for the keyboard. */
export function neighbour(step) {
  const at = state.listed.indexOf(state.openId);
  return state.listed[at + step] ?? null;
}
