// Connecting a channel, step by step: what to prepare, what to enter, what is left to do.
import { api } from './api.js';
import { copy } from './clipboard.js';
import { openDialog } from './dialog.js';
import { el } from './dom.js';
import { faultBox, labelled, onSubmit } from './form.js';
import { icon } from './icons.js';
import { GUIDES } from './setup-guides.js';
import { t } from './text.js';

/** Which step of how many, for the eye and the ear. */
function progress(step) {
  const names = [t('stepPrepare'), t('stepEnter'), t('stepDone')];
  return el(
    'ol',
    { class: 'steps' },
    names.map((name, at) => el('li', { class: at < step ? 'past' : '', 'aria-current': at === step ? 'step' : null }, el('span', { class: 'number', 'aria-hidden': 'true' }, at < step ? icon('check', 14) : String(at + 1)), name)),
  );
}

function prepare(provider, next) {
  const guide = GUIDES[provider.provider];
  return el(
    'div',
    { class: 'dialog-body' },
    progress(0),
    el('ol', { class: 'guide' }, (guide?.steps ?? []).map((step) => el('li', {}, t(step)))),
    guide?.site && el('p', {}, el('a', { href: guide.site, target: '_blank', rel: 'noopener noreferrer' }, t('openSite', { name: provider.name }))),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'button', class: 'button', onclick: next }, t('next'))),
  );
}

function field({ name, label, help, secret, optional }) {
  const attributes = { name, type: secret ? 'password' : 'text', spellcheck: 'false', required: !optional };
  return labelled(optional ? t('optional', { label }) : label, attributes, `${help}.`);
}

function enter(provider, { name, back, connect }) {
  const submit = el('button', { type: 'submit', class: 'button' }, t('connectIt'));
  const form = el(
    'form',
    { class: 'dialog-body', novalidate: true },
    progress(1),
    labelled(t('channelName'), { name: 'name', maxlength: '100', value: name ?? provider.name }, t('channelNameHelp')),
    provider.fields.map(field),
    el('p', { class: 'help' }, t('secretsKept')),
    faultBox(),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'button', class: 'button plain', onclick: back }, t('back')), submit),
  );
  return onSubmit(form, async ({ name: called, ...entered }) => {
    const credentials = Object.fromEntries(Object.entries(entered).filter(([, value]) => value.trim()));
    submit.textContent = t('connecting');
    try {
      await connect({ provider: provider.provider, name: called, credentials });
    } finally {
      submit.textContent = t('connectIt');
    }
  });
}

function done(provider, channel, close) {
  const address = el('code', { class: 'address' }, channel.webhook_url);
  return el(
    'div',
    { class: 'dialog-body' },
    progress(2),
    el('p', { class: 'success' }, icon('check'), el('span', {}, t('isConnected', { name: channel.name }))),
    provider.webhook_by_hand
      ? [el('p', {}, t('enterWebhook', { name: provider.name })), el('p', { class: 'with-button' }, address, el('button', { type: 'button', class: 'icon-button', 'aria-label': t('copyWebhook'), onclick: () => copy(channel.webhook_url, address) }, icon('copy', 18)))]
      : el('p', { class: 'help' }, t('nothingLeft')),
    el('div', { class: 'dialog-actions' }, el('button', { type: 'button', class: 'button', onclick: close }, t('ready'))),
  );
}

/** Opens it for a provider; with a name, for a channel that is connected anew. `connected` is called afterwards. */
export function connectDialog(provider, { name, connected }) {
  const body = el('div');
  const dialog = openDialog(t(name ? 'reconnectTitle' : 'connectTitleOf', { name: name ?? provider.name }), body);
  const show = (content) => {
    body.replaceChildren(content);
    content.querySelector('input, .dialog-actions .button:last-child')?.focus();
  };
  const first = () => show(prepare(provider, second));
  const second = () =>
    show(
      enter(provider, {
        name,
        back: first,
        connect: async (wanted) => {
          const channel = await api('POST', '/setup/channels', wanted);
          show(done(provider, channel, () => dialog.close()));
          await connected();
        },
      }),
    );
  if (name) second();
  else first();
}
