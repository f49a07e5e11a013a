// One message in the chat.
import { el } from './dom.js';
import { fileElement } from './files.js';
import { moment, pieces, time } from './format.js';
import { icon } from './icons.js';
import { state } from './state.js';
import { t } from './text.js';

/** A text with its web addresses as links. */
export function linked(text) {
  return pieces(text).map((piece) =>
    piece.link ? el('a', { href: piece.text, target: '_blank', rel: 'noopener noreferrer nofollow' }, piece.text) : piece.text,
  );
}

function quoteElement(message, jump) {
  const { quote, message: about } = message.reply_to;
  if (message.content?.kind === 'reaction' || (!quote && !about)) return null;
  return el(about ? 'button' : 'div', { class: 'quote', type: about ? 'button' : null, onclick: about ? () => jump(about) : null }, quote || t('earlierMessage'));
}

function contentElement({ content }) {
  switch (content?.kind) {
    case 'location': {
      const { latitude, longitude, name, address } = content;
      const place = `${Number(latitude)},${Number(longitude)}`;
      const map = `https://www.openstreetmap.org/?mlat=${Number(latitude)}&mlon=${Number(longitude)}#map=16/${Number(latitude)}/${Number(longitude)}`;
      return el(
        'a',
        { class: 'card', href: map, target: '_blank', rel: 'noopener noreferrer' },
        el('span', { class: 'card-icon' }, icon('place')),
        el('span', { class: 'card-text' }, el('span', { class: 'card-name' }, name || t('place')), el('span', { class: 'card-about' }, address || place)),
      );
    }
    case 'contacts':
      return content.people.map((person) =>
        el(
          'div',
          { class: 'card' },
          el('span', { class: 'card-icon' }, icon('person')),
          el(
            'span',
            { class: 'card-text' },
            el('span', { class: 'card-name' }, person.name || t('contact')),
            [...(person.phones ?? []), ...(person.emails ?? [])].map((line) => el('span', { class: 'card-about' }, line)),
          ),
        ),
      );
    default:
      return null;
  }
}

/** How far an outgoing message got. */
function tick(message) {
  if (message.direction !== 'out') return null;
  const is = message.underway ? 'clock' : message.status;
  const name = is === 'read' ? 'delivered' : is;
  return el('span', { class: `status ${is}`, role: 'img', 'aria-label': t(`status_${is}`), title: t(`status_${is}`) }, icon(name, 16));
}

/** The text is what structured content says in words: shown only where nothing else shows it. */
function showsText(message) {
  return message.text && !['location', 'contacts'].includes(message.content?.kind);
}

function failureElement(message, { retry, jump }) {
  if (message.direction !== 'out' || message.status !== 'failed') return null;
  const again = message.retried_as
    ? el('button', { type: 'button', class: 'link', onclick: () => jump(message.retried_as) }, t('sentAgain'))
    : el('button', { type: 'button', class: 'link retry', onclick: (event) => retry(message, event.currentTarget) }, icon('retry', 16), t('retry'));
  return el('div', { class: 'failure' }, icon('failed', 16), el('span', {}, message.failure?.text ?? t('status_failed')), again);
}

/**
 * What is there of a message, put together. `actions` has `retry`, `jump` and, where a message
 * can say what it answers, `reply`.
 */
export function bubble(message, { reactions, isFirst }, actions) {
  const { id, direction, content } = message;
  if (content?.kind === 'notice' && !message.files) {
    return el('div', { class: 'notice', id: `m-${id}`, tabindex: '-1' }, el('span', {}, message.text), el('time', { datetime: message.at }, time(message.at)));
  }
  const author = direction === 'out' && message.author && message.author !== state.me ? state.members.get(message.author) : null;
  const emoji = Object.values(reactions ?? {}).filter(Boolean);
  const onlyEmoji = !message.files && !message.deleted && /^(\p{Extended_Pictographic}|\u200d|\ufe0f|\p{Emoji_Modifier}|\s){1,12}$/u.test(message.text ?? '');
  const body = message.deleted
    ? el('p', { class: 'gone' }, t('deleted'))
    : [
        message.reply_to && quoteElement(message, actions.jump),
        (message.files ?? []).map(fileElement),
        contentElement(message),
        showsText(message) && el('p', { class: content?.kind === 'unsupported' ? 'gone' : onlyEmoji ? 'big' : '' }, linked(message.text)),
      ];
  const classes = ['message', direction, isFirst && 'first', message.status === 'failed' && 'bad', message.files && 'with-files'];
  return el(
    'div',
    { class: classes.filter(Boolean).join(' '), id: `m-${id}`, tabindex: '-1', dataset: { id } },
    author && isFirst && el('div', { class: 'author' }, author),
    el(
      'div',
      { class: 'line' },
      el(
        'div',
        { class: 'bubble' },
        el('span', { class: 'unseen' }, direction === 'in' ? t('theyWrote') : t('youWrote')),
        message.retry_of && el('button', { type: 'button', class: 'link again', onclick: () => actions.jump(message.retry_of) }, icon('retry', 14), t('retryOf')),
        content?.kind === 'template' && el('span', { class: 'label' }, icon('template', 14), t('templateNamed', { name: content.name })),
        body,
        el(
          'div',
          { class: 'meta' },
          message.edited && !message.deleted && el('span', {}, t('edited')),
          el('time', { datetime: message.at, title: moment(message.at) }, time(message.at)),
          tick(message),
        ),
        emoji.length > 0 && el('div', { class: 'reactions', role: 'img', 'aria-label': t('reactions', { emoji: emoji.join(' ') }) }, emoji.join('')),
      ),
      !message.deleted &&
        actions.reply &&
        el('button', { type: 'button', class: 'icon-button reply', 'aria-label': t('replyTo'), title: t('reply'), onclick: () => actions.reply(message) }, icon('reply', 18)),
    ),
    failureElement(message, actions),
  );
}
