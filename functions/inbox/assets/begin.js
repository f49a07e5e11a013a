// Writing first: to a number of the record that the panel is beside, or to any.
import { api, withQuery } from './api.js';
import { openDialog } from './dialog.js';
import { el } from './dom.js';
import { choice, faultBox, labelled, onSubmit } from './form.js';
import { beginners, state } from './state.js';
import { t } from './text.js';

/** Numbers to choose from: every number of every person. */
const numbers = (people) => people.flatMap(({ id, name, phones }) => phones.map((phone) => ({ id, name, phone })));

const number = (value) => labelled(t('phone'), { name: 'phone', type: 'tel', placeholder: '+44 20 7946 0000', value }, t('phoneHelp'));

/** Records have numbers as somebody wrote them down, often without their country's code: one is chosen, and can be made whole. */
function entered(all) {
  if (!all) return [number(''), labelled(t('optional', { label: t('nameOf') }), { name: 'name', maxlength: '100' })];
  const field = number(all[0].phone);
  const chosen = choice(t('writeTo'), { name: 'to' }, all.map(({ name, phone }, at) => [at, `${name} · ${phone}`]), 0);
  chosen.addEventListener('change', (event) => {
    field.querySelector('input').value = all[event.target.value].phone;
  });
  return [chosen, field];
}

/** Lets a number and a channel be chosen; `open` gets the conversation. */
export async function beginDialog(open) {
  const { panel } = state;
  const all = panel && numbers(await api('GET', withQuery('/inbox/api/people', { [panel.resource]: panel.id })));
  const channels = beginners();
  const none = channels.length === 0 ? 'noneWriteFirst' : all?.length === 0 ? 'nobodyToWriteTo' : null;
  if (none) return openDialog(t('begin'), el('p', { class: 'dialog-body' }, t(none)), { className: 'small' });
  const form = el(
    'form',
    { class: 'dialog-body', novalidate: true },
    entered(all),
    choice(t('channel'), { name: 'channel' }, channels.map(({ id, name }) => [id, name]), channels[0].id),
    faultBox(),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'submit', class: 'button' }, t('beginIt'))),
  );
  const dialog = openDialog(t('begin'), form, { className: 'small' });
  onSubmit(form, async ({ channel, to, phone, name }) => {
    const whom = all ? { name: all[to].name, person: all[to].id } : { name };
    const about = panel?.resource === 'deal' ? { deal: panel.id } : {};
    const row = await api('POST', '/inbox/api/conversations', { channel, phone, ...whom, ...about });
    dialog.close();
    open(row);
  });
  form.querySelector('input, select').focus();
  return dialog;
}
