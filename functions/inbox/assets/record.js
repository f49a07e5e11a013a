// What is known of the customer, beside the chat.
import { command } from './frame.js';
import { $, el, webAddress } from './dom.js';
import { toast } from './dialog.js';
import { moment } from './format.js';
import { icon } from './icons.js';
import { avatar } from './list.js';
import { state } from './state.js';
import { t } from './text.js';

function fact(label, value) {
  return value ? [el('dt', {}, label), el('dd', {}, value)] : [];
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('copied'));
  } catch {
    // A frame may not be let at the clipboard.
    toast(text);
  }
}

function phone(row) {
  if (!row.phone) return null;
  return el('span', { class: 'with-button' }, row.phone, el('button', { type: 'button', class: 'icon-button', 'aria-label': t('copyNumber'), onclick: () => copy(row.phone) }, icon('copy', 16)));
}

/** A person in Pipedrive: around a frame by its own command, else by address. */
function personLink(row) {
  if (!row.person || !state.pipedriveUrl) return null;
  const address = webAddress(`${state.pipedriveUrl}/person/${row.person}`);
  return el(
    'a',
    {
      class: 'button plain',
      href: address,
      target: '_blank',
      rel: 'noopener noreferrer',
      onclick: (event) => {
        if (parent === window) return;
        event.preventDefault();
        command('redirect_to', { view: 'contacts', id: row.person }).then((done) => done === null && window.open(address, '_blank', 'noopener,noreferrer'));
      },
    },
    icon('open', 18),
    t('openInPipedrive'),
  );
}

/** Draws it for a conversation. */
export function drawRecord(row) {
  const channel = state.channels.get(row.channel);
  const owner = channel && (channel.own ? t('youOwn') : state.members.get(channel.owner));
  $('record-body').replaceChildren(
    el('div', { class: 'record-head' }, avatar(row, 'large'), el('h3', {}, row.name), el('p', { class: 'help' }, channel?.provider_name ?? '')),
    el(
      'dl',
      { class: 'facts' },
      fact(t('phone'), phone(row)),
      fact(t('channel'), channel?.name),
      fact(t('channelOwner'), owner),
      fact(t('lastMessage'), moment(row.last_at)),
      fact(t('replyUntil'), row.reply_by && moment(row.reply_by)),
      fact(t('stateLabel'), t(row.state === 'closed' ? 'closed' : 'openState')),
    ),
    personLink(row) ?? '',
  );
}
