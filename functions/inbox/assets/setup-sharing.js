// Who uses the app and sees the conversations, and whose the channels are.
import { api } from './api.js';
import { $, el } from './dom.js';
import { icon } from './icons.js';
import { t } from './text.js';

/** When its tab is opened. */
export async function start() {
  const { users, channels } = await api('GET', '/inbox/api/settings');
  const person = ({ id, name, connected }) => {
    const own = channels.filter(({ owner }) => owner === id).map((channel) => channel.name);
    const about = own.length > 0 ? t('ownsChannels', { names: own.join(', ') }) : t('ownsNone');
    return el('li', { class: 'card' }, el('span', { class: 'card-icon' }, icon('person')), el('div', { class: 'card-main' }, el('p', { class: 'card-title' }, el('strong', {}, name), !connected && el('span', { class: 'tag warn' }, t('notConnected'))), el('p', { class: 'help' }, about)));
  };
  $('people').replaceChildren(...users.map(person));
}
