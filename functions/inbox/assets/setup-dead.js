// Dead letters: messages that could not be delivered to Pipedrive, with the reason; delivered again, one or all.
import { api, withQuery } from './api.js';
import { confirmed, toast } from './dialog.js';
import { $, el, latest } from './dom.js';
import { moment } from './format.js';
import { icon } from './icons.js';
import { t } from './text.js';

const PAGE = 30;

let after = '';

async function resend(letter, card, button) {
  button.disabled = true;
  try {
    await api('POST', `/inbox/api/dead/${encodeURIComponent(letter.message_id)}/resend`);
    card.remove();
    shown();
    toast(t('isResent'));
  } catch (error) {
    button.disabled = false;
    toast(error.message, 'bad');
  }
}

function card(letter) {
  const button = el('button', { type: 'button', class: 'button plain small', onclick: () => resend(letter, made, button) }, icon('retry', 16), t('resend'));
  const files = letter.attachments > 0 && t('withFiles', { n: letter.attachments });
  const made = el(
    'li',
    { class: 'card' },
    el('span', { class: 'card-icon' }, icon('failed')),
    el(
      'div',
      { class: 'card-main' },
      el('p', { class: 'card-title' }, el('strong', {}, letter.customer), el('span', { class: 'help' }, t(letter.direction === 'in' ? 'wroteAt' : 'wasSentAt', { at: moment(letter.sent_at) }))),
      el('p', { class: 'letter' }, [letter.text, files].filter(Boolean).join(' · ')),
      el('p', { class: 'error' }, letter.reason?.text ?? ''),
      el('p', {}, button),
    ),
  );
  return made;
}

function shown() {
  const none = $('dead').children.length === 0;
  $('no-dead').hidden = !none || after !== '';
  $('resend-all').hidden = none;
  $('dead-more').hidden = after === '';
}

/** Shows the letters behind `from`; from the beginning, in the place of those that are shown. */
const read = latest(async (isLatest, from) => {
  let next = '';
  const letters = await api('GET', withQuery('/inbox/api/dead', { limit: PAGE, after: from }), undefined, (more) => {
    next = more?.after ?? '';
  });
  if (!isLatest()) return;
  if (from === '') $('dead').replaceChildren();
  $('dead').append(...letters.map(card));
  after = next;
  shown();
});

const tried = (work) => work.catch((error) => toast(error.message, 'bad'));

async function resendAll() {
  if (!(await confirmed(t('resendAll'), t('resendAllText'), t('resend')))) return;
  let from = '';
  let resent = 0;
  let full = 0;
  try {
    do {
      const done = await api('POST', withQuery('/inbox/api/dead/resend', { limit: 100, after: from }), undefined, (more) => {
        from = more?.after ?? '';
      });
      resent += done.resent;
      full += done.full;
    } while (from);
    toast([t('areResent', { n: resent }), full > 0 && t('areFull', { n: full })].filter(Boolean).join(' '));
  } catch (error) {
    toast(error.message, 'bad');
  }
  await tried(read(''));
}

/** When its tab is opened. */
export async function start() {
  $('dead-more').onclick = () => tried(read(after));
  $('resend-all').onclick = resendAll;
  await read('');
}
