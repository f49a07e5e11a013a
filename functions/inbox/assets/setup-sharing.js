// Who uses the app, whose the channels are, and who sees what is on them.
import { api } from './api.js';
import { toast } from './dialog.js';
import { $, el } from './dom.js';
import { choice, faultBox, onSubmit } from './form.js';
import { icon } from './icons.js';
import { providerIcon } from './setup-channels.js';
import { t } from './text.js';

/** A channel, with who sees its conversations; its owner changes that. */
function share(channel, users) {
  const owner = users.find(({ id }) => id === channel.owner)?.name ?? t('aColleague');
  const seenBy = [['all', t('seenByAll')], ['owner', channel.own ? t('seenByYou') : t('seenByOwner', { name: owner })]];
  const form = el(
    'form',
    { class: 'card-main', novalidate: true },
    el('p', { class: 'card-title' }, el('strong', {}, channel.name)),
    choice(t('seenBy'), { name: 'by', disabled: !channel.own }, seenBy, channel.private ? 'owner' : 'all'),
    faultBox(),
    channel.own ? el('p', {}, el('button', { type: 'submit', class: 'button small' }, t('saveIt'))) : el('p', { class: 'help' }, t('ownerChanges', { name: owner })),
  );
  onSubmit(form, async ({ by }) => {
    await api('PUT', '/inbox/api/sharing', { channel: channel.provider_channel_id, private: by === 'owner' });
    toast(t('changed'));
  });
  return el('li', { class: 'card' }, providerIcon(channel.provider), form);
}

function person({ id, name, connected }, channels) {
  const own = channels.filter(({ owner }) => owner === id).map((channel) => channel.name);
  const about = own.length > 0 ? t('ownsChannels', { names: own.join(', ') }) : t('ownsNone');
  return el(
    'li',
    { class: 'card' },
    el('span', { class: 'card-icon' }, icon('person')),
    el('div', { class: 'card-main' }, el('p', { class: 'card-title' }, el('strong', {}, name), !connected && el('span', { class: 'tag warn' }, t('notConnected'))), el('p', { class: 'help' }, about)),
  );
}

/** When its tab is opened. */
export async function start() {
  const { users, channels } = await api('GET', '/inbox/api/settings');
  $('shares').replaceChildren(...channels.map((channel) => share(channel, users)));
  $('people').replaceChildren(...users.map((user) => person(user, channels)));
}
