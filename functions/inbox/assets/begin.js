// Writing first: to a number of the record that the panel is beside, or to any.
import { api, withQuery } from './api.js';
import { openDialog } from './dialog.js';
import { el } from './dom.js';
import { choice, faultBox, labelled, onSubmit } from './form.js';
import { beginners, state } from './state.js';
import { t } from './text.js';

/** Numbers to choose from: every number of every person. */
const numbers = (people) => people.flatMap(({ id, name, phones }) => phones.map((phone) => ({ id, name, phone })));

function entered(people) {
  if (!people) return [labelled(t('phone'), { name: 'phone', type: 'tel', placeholder: '+44 20 7946 0000' }, t('phoneHelp')), labelled(t('optional', { label: t('nameOf') }), { name: 'name', maxlength: '100' })];
  const all = numbers(people);
  return choice(t('writeTo'), { name: 'to' }, all.map(({ name, phone }, at) => [at, `${name} · ${phone}`]), 0);
}

/** Lets a number and a channel be chosen; `open` gets the conversation. */
export async function beginDialog(open) {
  const { panel } = state;
  const people = panel && (await api('GET', withQuery('/inbox/api/people', { [panel.resource]: panel.id })));
  const channels = beginners();
  const none = channels.length === 0 ? 'noneWriteFirst' : people && numbers(people).length === 0 ? 'nobodyToWriteTo' : null;
  if (none) return openDialog(t('begin'), el('p', { class: 'dialog-body' }, t(none)), { className: 'small' });
  const form = el(
    'form',
    { class: 'dialog-body', novalidate: true },
    entered(people),
    choice(t('channel'), { name: 'channel' }, channels.map(({ id, name }) => [id, name]), channels[0].id),
    faultBox(),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'submit', class: 'button' }, t('beginIt'))),
  );
  const dialog = openDialog(t('begin'), form, { className: 'small' });
  onSubmit(form, async ({ channel, to, phone, name }) => {
    const chosen = people ? numbers(people)[to] : { phone, name };
    const row = await api('POST', '/inbox/api/conversations', { channel, phone: chosen.phone, name: chosen.name, person: chosen.id });
    dialog.close();
    open(row);
  });
  form.querySelector('input, select').focus();
  return dialog;
}
