// The company's channels with how they fare, and the providers that another one can be connected to.
import { api } from './api.js';
import { copy } from './clipboard.js';
import { confirmed, menu, toast } from './dialog.js';
import { $, el } from './dom.js';
import { icon } from './icons.js';
import { connectDialog } from './setup-connect.js';
import { t } from './text.js';

/** How often to look how far an import is. */
const IMPORT_EVERY_MS = 3000;

let providers = [];
let shown = '';

export const providerIcon = (provider, size = 40) =>
  el('img', { src: `/inbox/assets/icon-${encodeURIComponent(provider)}.png`, alt: '', width: size, height: size });

function health(channel) {
  if (channel.state !== 'active') return el('span', { class: 'tag warn' }, t('notServed'));
  return channel.problem ? el('span', { class: 'tag bad' }, t('hasProblem')) : el('span', { class: 'tag good' }, t('works'));
}

function imported({ messages, done, problem }) {
  if (problem) return el('p', { class: 'error' }, t('importEnded', { n: messages, problem }));
  if (done) return messages > 0 && el('p', { class: 'help' }, t('importDone', { n: messages }));
  return el('p', { class: 'help importing', role: 'status' }, el('span', { class: 'spinner small', 'aria-hidden': 'true' }), t('importing', { n: messages }));
}

async function remove(channel) {
  if (!(await confirmed(t('removeTitle', { name: channel.name }), t('removeText'), t('removeAction')))) return;
  try {
    await api('DELETE', `/setup/channels/${encodeURIComponent(channel.provider_channel_id)}`);
    toast(t('removed', { name: channel.name }));
  } catch (error) {
    toast(error.message, 'bad');
  }
  await refresh();
}

function card(channel) {
  const provider = providers.find((one) => one.provider === channel.provider);
  const again = () => connectDialog(provider, { name: channel.name, connected: refresh });
  const button = el('button', { type: 'button', class: 'icon-button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': t('optionsOf', { name: channel.name }) }, icon('more'));
  button.addEventListener('click', () =>
    menu(button, [
      { label: t('copyWebhook'), icon: 'copy', act: () => copy(channel.webhook_url) },
      channel.own && { label: t('reconnect'), icon: 'retry', act: again },
      channel.own && { label: t('removeChannel'), icon: 'trash', danger: true, act: () => remove(channel) },
    ]),
  );
  return el(
    'li',
    { class: 'card' },
    providerIcon(channel.provider),
    el(
      'div',
      { class: 'card-main' },
      el('p', { class: 'card-title' }, el('strong', {}, channel.name), health(channel), !channel.own && el('span', { class: 'tag' }, t('ofColleague'))),
      el('p', { class: 'help' }, `${provider?.name ?? channel.provider} · ${t(`delivery_${channel.delivery}`)}`),
      channel.problem && el('p', { class: 'error', role: 'status' }, channel.problem),
      channel.problem && channel.own && el('p', {}, el('button', { type: 'button', class: 'button small', onclick: again }, t('reconnect'))),
      channel.import && imported(channel.import),
    ),
    button,
  );
}

async function refresh() {
  const channels = await api('GET', '/setup/channels');
  // A menu may be open at a card: what has not changed stays as it is.
  const now = JSON.stringify(channels);
  if (now !== shown) $('channels').replaceChildren(...channels.map(card));
  shown = now;
  $('no-channels').hidden = channels.length > 0;
  if (channels.some((channel) => channel.import && !channel.import.done)) {
    setTimeout(() => refresh().catch(() => {}), IMPORT_EVERY_MS);
  }
}

function choice(provider) {
  return el(
    'li',
    {},
    el(
      'button',
      { type: 'button', class: 'provider', onclick: () => connectDialog(provider, { connected: refresh }) },
      providerIcon(provider.provider),
      el('span', {}, el('strong', {}, provider.name), el('span', { class: 'help' }, t(`about_${provider.provider}`))),
    ),
  );
}

/** Once there is a session. */
export async function startChannels() {
  providers = await api('GET', '/setup/providers');
  $('providers').replaceChildren(...providers.map(choice));
  await refresh();
}
