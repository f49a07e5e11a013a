// Whom a conversation is linked to and what it is about: to look for, to choose from, to create. A search costs the company
// tokens of its day, so one is made when somebody asks for it, and not while they type.
import { api, withQuery } from './api.js';
import { deedText } from './deeds.js';
import { openDialog, toast } from './dialog.js';
import { el, latest } from './dom.js';
import { choice, faultBox, labelled, onSubmit } from './form.js';
import { moment } from './format.js';
import { icon } from './icons.js';
import { recordLink } from './record.js';
import { state } from './state.js';
import { t } from './text.js';

const of = (row, rest) => `/inbox/api/conversations/${encodeURIComponent(row.id)}/${rest}`;

/** A list to choose from; an error of the choice is said above it. */
function chooser(dialog, problem, rows) {
  return el(
    'ul',
    { class: 'choices' },
    rows.map(({ name, tags, about, act }) => {
      const choose = async (event) => {
        const pressed = event.currentTarget;
        pressed.disabled = true;
        try {
          await act();
          dialog().close();
        } catch (error) {
          problem.textContent = error.message;
          problem.hidden = false;
          pressed.disabled = false;
        }
      };
      return el(
        'li',
        {},
        el(
          'button',
          { type: 'button', class: 'choice', onclick: choose },
          el('span', { class: 'choice-head' }, el('strong', {}, name), tags.map((tag) => el('span', { class: 'tag' }, tag))),
          about && el('span', { class: 'choice-text' }, about),
        ),
      );
    }),
  );
}

/** A dialog whose list is asked for, at once unless it has to be told what for. `ask` gives rows. */
function listDialog(title, { before, ask, none, atOnce = true }) {
  const problem = faultBox();
  const field = el('div', { 'aria-live': 'polite' });
  const show = latest(async (isLatest, ...given) => {
    problem.hidden = true;
    field.replaceChildren(el('p', { class: 'help' }, t('loading')));
    try {
      const rows = await ask(...given);
      if (isLatest()) field.replaceChildren(rows.length > 0 ? chooser(() => dialog, problem, rows) : el('p', { class: 'help' }, t(none)));
    } catch (error) {
      if (!isLatest()) return;
      field.replaceChildren();
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });
  const dialog = openDialog(title, el('div', { class: 'dialog-body' }, before?.(show), problem, field));
  if (atOnce) show();
  dialog.querySelector('input')?.focus();
}

export function choosePerson({ row, record, change }) {
  // Whoever has the customer's number is worth a look while nobody is linked.
  const atOnce = !record.person;
  const person = ({ id, name, owner, phones, emails, same_number: same }) => ({
    name,
    tags: [same && t('sameNumber'), state.members.get(owner)].filter(Boolean),
    about: [...phones, ...emails].join(' · '),
    act: () => change('link', { person: id }),
  });
  listDialog(t('linkPerson'), {
    atOnce,
    none: 'noPersonFound',
    before: (show) =>
      onSubmit(
        el(
          'form',
          { class: 'search-form', role: 'search', novalidate: true },
          labelled(t('personSearch'), { name: 'q', type: 'search', maxlength: '100' }),
          el('button', { type: 'submit', class: 'button plain' }, icon('search', 18), t('search')),
          faultBox(),
        ),
        ({ q }) => (q.trim() || atOnce) && show(q.trim()),
      ),
    // Nobody has been asked for yet: whoever has the customer's number, which our own map mostly knows.
    ask: async (q) => (await api('GET', withQuery(of(row, 'record/candidates'), { q }))).persons.map(person),
  });
}

export function chooseDeal({ row, change }) {
  const deal = ({ id, title, owner, open }) => ({
    name: title,
    tags: [!open && t('dealClosed')].filter(Boolean),
    about: state.members.get(owner),
    act: () => change('pin', { deal: id }),
  });
  listDialog(t('chooseDeal'), { none: 'noDeals', ask: async () => (await api('GET', of(row, 'record/candidates'))).deals.map(deal) });
}

/** A dialog that creates something. */
function creating(title, fields, act) {
  const form = el(
    'form',
    { class: 'dialog-body', novalidate: true },
    fields,
    faultBox(),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'submit', class: 'button' }, t('create'))),
  );
  const dialog = openDialog(title, form, { className: 'small' });
  onSubmit(form, async (values) => {
    await act(values);
    dialog.close();
    toast(t('created'));
  });
  form.querySelector('input').focus();
}

export function createPerson({ row, change }) {
  creating(t('createPerson'), labelled(t('nameOf'), { name: 'name', maxlength: '255', value: row.name }), ({ name }) => change('person', { name }));
}

const titled = (row) => labelled(t('titleOf'), { name: 'title', maxlength: '255', value: `${state.channels.get(row.channel)?.provider_name ?? t('chat')}: ${row.name}` });

export function createLead({ row, change }) {
  creating(t('createLead'), titled(row), ({ title }) => change('lead', { title }));
}

export async function createDeal({ row, change }) {
  const pipelines = await api('GET', '/inbox/api/pipelines');
  const stages = pipelines.flatMap(({ id, name, stages: all }) => all.map((stage) => [`${id}/${stage.id}`, pipelines.length > 1 ? `${name}: ${stage.name}` : stage.name]));
  const stage = stages.length > 0 && choice(t('stage'), { name: 'stage' }, stages, stages[0][0]);
  creating(t('createDeal'), [titled(row), stage], ({ title, stage: at }) => {
    const [pipeline, chosen] = (at ?? '').split('/').map(Number);
    return change('deal', at ? { title, pipeline, stage: chosen } : { title });
  });
}

export async function showHistory({ row }) {
  const entries = await api('GET', withQuery(of(row, 'audit'), { limit: 100 }));
  const line = (entry) =>
    el(
      'li',
      { class: 'entry' },
      el('time', { datetime: entry.at, class: 'help' }, moment(entry.at)),
      el('span', {}, deedText(entry, state.members)),
      entry.record && recordLink(entry.record.kind, entry.record, entry.record.kind === 'lead' ? t('lead') : `${t(entry.record.kind)} ${entry.record.id}`),
    );
  openDialog(t('history'), el('div', { class: 'dialog-body' }, el('ul', { class: 'entries' }, entries.map(line))));
}
