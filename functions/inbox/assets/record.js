// What is known of the customer, beside the chat: what the provider tells, and what they are in Pipedrive.
import { api } from './api.js';
import { copy } from './clipboard.js';
import { menu, toast } from './dialog.js';
import { $, el, webAddress } from './dom.js';
import { moment } from './format.js';
import { command } from './frame.js';
import { icon } from './icons.js';
import { avatar } from './list.js';
import { refresh, replyUntil, state } from './state.js';
import { t } from './text.js';

const VIEWS = { person: 'contacts', deal: 'deals', lead: 'leads' };

/** The conversation that is drawn, what of it is drawn, and its records as they were last told. */
let row = null;
let drawn = '';
let record = null;
/** Counts what was asked for: an answer is shown if nothing was asked or changed since. */
let turn = 0;

const path = (rest, of = row.id) => `/inbox/api/conversations/${encodeURIComponent(of)}/${rest}`;

function fact(label, value) {
  return value ? [el('dt', {}, label), el('dd', {}, value)] : [];
}

/** What can be copied. */
function copied(text, label) {
  return text && el('span', { class: 'with-button' }, text, el('button', { type: 'button', class: 'icon-button', 'aria-label': label, onclick: () => copy(text) }, icon('copy', 16)));
}

/** A record's page in Pipedrive: around a frame by its own command, else by address. */
export function recordLink(kind, { id, url }, text) {
  const address = webAddress(url);
  const go = (event) => {
    if (parent === window || !VIEWS[kind]) return;
    event.preventDefault();
    command('redirect_to', { view: VIEWS[kind], id }).then((done) => done || window.open(address, '_blank', 'noopener,noreferrer'));
  };
  return el('a', { href: address, target: '_blank', rel: 'noopener noreferrer', title: t('openInPipedrive'), onclick: go }, text, icon('open', 14));
}

/** Does something with the link of a conversation, and shows what is so then. */
async function change(of, deed, body = {}) {
  const told = await api('POST', path(`record/${deed}`, of), body);
  refresh();
  if (row?.id !== of) return;
  // What was asked for before tells what was so before.
  turn += 1;
  show(told);
}

const tried = (work) => work.catch((error) => toast(error.message, 'bad'));

/** Dialogs to link and to create come when they are asked for. Whatever is opened meanwhile, they are about what was open then. */
function dialog(name, ...given) {
  const { id } = row;
  const about = { row, record, change: (deed, body) => change(id, deed, body) };
  return tried(import('./record-dialogs.js').then((dialogs) => dialogs[name](about, ...given)));
}

function card(kind, shown, { tags = [], actions = [] }) {
  const owner = state.members.get(shown.owner);
  const more = el('button', { type: 'button', class: 'icon-button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': t('optionsOf', { name: shown.name ?? t(kind) }) }, icon('more', 18));
  more.addEventListener('click', () => menu(more, actions));
  return el(
    'div',
    { class: 'linked', dataset: { kind } },
    el('span', { class: 'card-icon' }, icon(kind, 18)),
    el(
      'div',
      { class: 'linked-about' },
      el('p', { class: 'help' }, t(kind)),
      el('p', { class: 'linked-name' }, recordLink(kind, shown, shown.name ?? t('unseenRecord'))),
      (owner || tags.length > 0) && el('p', { class: 'linked-more' }, tags.map((tag) => el('span', { class: 'tag' }, tag)), owner && el('span', { class: 'help' }, owner)),
    ),
    actions.length > 0 && more,
  );
}

const button = (text, name, act) => el('button', { type: 'button', class: 'button plain small', onclick: act }, icon(name, 16), text);

function personPart({ person, refused }) {
  const { id } = row;
  if (person) {
    return card('person', person, {
      actions: [
        { label: t('linkOther'), icon: 'search', act: () => dialog('choosePerson') },
        { label: t('unlink'), icon: 'close', danger: true, act: () => tried(change(id, 'unlink')) },
      ],
    });
  }
  return el(
    'div',
    { class: 'unlinked' },
    el('p', { class: 'help' }, t(refused ? 'wasUnlinked' : 'notLinked')),
    el('p', { class: 'buttons' }, button(t('linkPerson'), 'search', () => dialog('choosePerson')), button(t('createPerson'), 'add', () => dialog('createPerson'))),
  );
}

function dealPart({ person, deal, lead, pinned }) {
  const { id } = row;
  const parts = [];
  if (deal) {
    parts.push(
      card('deal', deal, {
        tags: [pinned && t('pinned'), !deal.open && t('dealClosed')].filter(Boolean),
        actions: [
          pinned ? { label: t('unpin'), icon: 'close', act: () => tried(change(id, 'unpin')) } : { label: t('pin'), icon: 'pin', act: () => tried(change(id, 'pin', { deal: deal.id })) },
          person && { label: t('otherDeal'), icon: 'search', act: () => dialog('chooseDeal') },
        ].filter(Boolean),
      }),
    );
  }
  if (lead) parts.push(card('lead', lead, {}));
  if (person) {
    const choices = [!deal && button(t('chooseDeal'), 'search', () => dialog('chooseDeal')), button(t('createDeal'), 'add', () => dialog('createDeal')), !lead && button(t('createLead'), 'add', () => dialog('createLead'))];
    parts.push(el('p', { class: 'buttons' }, choices));
  }
  return parts;
}

function writtenPart({ audit, assignee, delivery }) {
  const said = [audit.notes > 0 && t('notes', { n: audit.notes }), audit.files > 0 && t('copiedFiles', { n: audit.files }), audit.skipped > 0 && t('skipped', { n: audit.skipped })].filter(Boolean);
  return [
    el('dl', { class: 'facts' }, fact(t('assignee'), state.members.get(assignee)), fact(t('writtenTo'), delivery && t(`delivery_${delivery}`)), fact(t('written'), said.join(', '))),
    audit.last_at && el('p', { class: 'buttons' }, button(t('history'), 'clock', () => dialog('showHistory'))),
  ];
}

/** Draws what is linked. Where the keyboard was in it, it stays: at the same card, or at the first thing to press. */
function fill(...parts) {
  const box = $('record-linked');
  if (!box) return;
  const at = box.contains(document.activeElement) ? document.activeElement : null;
  const kind = at?.closest('[data-kind]')?.dataset.kind;
  box.replaceChildren(...parts.flat(Infinity).filter(Boolean));
  box.removeAttribute('aria-busy');
  if (at) ((kind && box.querySelector(`[data-kind="${kind}"] button`)) || box.querySelector('button'))?.focus();
}

function show(told) {
  record = told;
  fill(personPart(told), dealPart(told), writtenPart(told));
}

async function load() {
  turn += 1;
  const mine = turn;
  try {
    const told = await api('GET', path('record'));
    if (mine === turn) show(told);
  } catch (error) {
    if (mine === turn) fill(el('p', { class: 'error' }, error.message), button(t('retryLoad'), 'retry', load));
  }
}

/** Draws it for a conversation; its records are asked for when what they rest on changed. */
export function drawRecord(given) {
  const another = row?.id !== given.id || !$('record-linked');
  row = given;
  const channel = state.channels.get(row.channel);
  const owner = channel && (channel.own ? t('youOwn') : state.members.get(channel.owner));
  const until = replyUntil(row);
  const head = el('div', { class: 'record-head' }, avatar(row, 'large'), el('h3', {}, row.name), el('p', { class: 'help' }, channel?.provider_name ?? ''));
  const facts = el(
    'dl',
    { class: 'facts' },
    fact(t('phone'), copied(row.phone, t('copyNumber'))),
    fact(t('email'), copied(row.email, t('copyEmail'))),
    fact(t('channel'), channel?.name),
    fact(t('channelOwner'), owner),
    fact(t('lastMessage'), row.last && moment(row.last_at)),
    fact(t('replyUntil'), until && moment(until)),
    fact(t('stateLabel'), t(row.state === 'closed' ? 'closed' : 'openState')),
  );
  const rests = JSON.stringify([row.id, row.person, row.deal]);
  if (another) {
    const linked = el('div', { id: 'record-linked', class: 'linked-list', 'aria-busy': 'true' }, el('p', { class: 'help' }, t('loading')));
    const part = (title, ...inside) => el('section', { 'aria-label': title }, el('h3', { class: 'record-part' }, title), inside);
    $('record-body').replaceChildren(el('div', { id: 'record-head' }), part(t('inPipedrive'), linked), part(t('chat'), el('div', { id: 'record-facts' })));
  }
  $('record-head').replaceChildren(head);
  $('record-facts').replaceChildren(facts);
  if (another || rests !== drawn) load();
  drawn = rests;
}
