// The API keys: made, listed, changed, rotated, revoked. A secret is shown once, and kept nowhere.
import { api } from './api.js';
import { copy } from './clipboard.js';
import { confirmed, menu, openDialog, toast } from './dialog.js';
import { $, el } from './dom.js';
import { faultBox, labelled, onSubmit } from './form.js';
import { moment } from './format.js';
import { icon } from './icons.js';
import { t } from './text.js';

const path = (key, rest = '') => `/setup/keys/${encodeURIComponent(key.id)}${rest}`;

/** What there is to say of a key, in one line. */
function facts(key) {
  return [
    t('keyMade', { at: moment(key.created_at) }),
    key.last_used_at ? t('keyUsed', { at: moment(key.last_used_at) }) : t('keyUnused'),
    t('keyLimits', { second: key.per_second, burst: key.burst }),
    !key.own && t('ofColleague'),
    key.old_secret_until && t('keyOld', { at: moment(key.old_secret_until) }),
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Shows a key for the only time. */
function showKey(title, secret) {
  const shown = el('code', { class: 'address', id: 'shown-key' }, secret);
  const dialog = openDialog(
    title,
    el(
      'div',
      { class: 'dialog-body' },
      el('p', {}, t('keyOnce')),
      el('p', {}, shown),
      el('div', { class: 'dialog-actions' }, el('button', { type: 'button', class: 'button plain', onclick: () => copy(secret, shown) }, icon('copy', 18), t('copy')), el('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, t('haveIt'))),
    ),
  );
}

function change(key) {
  const form = el(
    'form',
    { class: 'dialog-body', novalidate: true },
    labelled(t('keyName'), { name: 'name', maxlength: '100', value: key.name }),
    labelled(t('keyPerSecond'), { name: 'per_second', type: 'number', min: '1', max: '100', value: key.per_second }),
    labelled(t('keyBurst'), { name: 'burst', type: 'number', min: '1', max: '200', value: key.burst }),
    faultBox(),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'submit', class: 'button' }, t('saveIt'))),
  );
  const dialog = openDialog(t('changeOf', { name: key.name }), form);
  onSubmit(form, async ({ name, per_second: perSecond, burst }) => {
    await api('PATCH', path(key), { name, per_second: Number(perSecond), burst: Number(burst) });
    dialog.close();
    toast(t('changed'));
    await refresh();
  });
}

async function rotate(key) {
  if (!(await confirmed(t('rotateTitle', { name: key.name }), t('rotateText'), t('rotate')))) return;
  try {
    const rotated = await api('POST', path(key, '/rotate'));
    await refresh();
    showKey(t('keyRotated', { name: rotated.name }), rotated.key);
  } catch (error) {
    toast(error.message, 'bad');
  }
}

async function revoke(key) {
  if (!(await confirmed(t('revokeTitle', { name: key.name }), t('revokeText'), t('revoke')))) return;
  try {
    await api('DELETE', path(key));
    toast(t('revoked', { name: key.name }));
  } catch (error) {
    toast(error.message, 'bad');
  }
  await refresh();
}

function card(key) {
  const button = el('button', { type: 'button', class: 'icon-button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': t('optionsOf', { name: key.name }) }, icon('more'));
  button.addEventListener('click', () =>
    menu(button, [
      { label: t('change'), icon: 'settings', act: () => change(key) },
      { label: t('rotate'), icon: 'retry', act: () => rotate(key) },
      { label: t('revoke'), icon: 'trash', danger: true, act: () => revoke(key) },
    ]),
  );
  return el(
    'li',
    { class: 'card' },
    el('span', { class: 'card-icon' }, icon('key')),
    el(
      'div',
      { class: 'card-main' },
      el('p', { class: 'card-title' }, el('strong', {}, key.name), el('code', {}, `${key.prefix}_…`)),
      el('p', { class: 'help' }, facts(key)),
      key.trouble && el('p', { class: 'error' }, t('keyFailed')),
    ),
    button,
  );
}

async function refresh() {
  const keys = await api('GET', '/setup/keys');
  $('keys').replaceChildren(...keys.map(card));
  $('no-keys').hidden = keys.length > 0;
  const trouble = keys.map((key) => key.trouble).find(Boolean);
  $('trouble').hidden = !trouble;
  $('trouble-text').textContent = trouble ? t(`trouble_${trouble}`) : '';
  $('trouble-link').hidden = trouble !== 'needs_reconnect';
}

async function make({ name }) {
  const made = await api('POST', '/setup/keys', { name });
  $('key-form').reset();
  await refresh();
  showKey(t('keyOf', { name: made.name }), made.key);
}

/** Once there is a session. */
export async function startKeys() {
  onSubmit($('key-form'), make);
  await refresh();
}
