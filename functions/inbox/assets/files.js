// Files of a message, in place: pictures, films, sound; everything else as a card that saves it.
import { el, webAddress } from './dom.js';
import { openDialog } from './dialog.js';
import { size } from './format.js';
import { icon } from './icons.js';
import { t } from './text.js';

function enlarge(file, name) {
  const address = webAddress(file.url);
  openDialog(
    name,
    el(
      'div',
      { class: 'enlarged' },
      el('img', { src: address, alt: name }),
      el('a', { class: 'button plain', href: address, target: '_blank', rel: 'noopener noreferrer', download: '' }, icon('download', 18), t('save')),
    ),
    { className: 'wide' },
  );
}

function card(file, name, about) {
  const inside = [
    el('span', { class: 'card-icon' }, icon(file.kind === 'document' ? 'document' : file.kind === 'voice' ? 'audio' : file.kind === 'sticker' ? 'image' : file.kind)),
    el('span', { class: 'card-text' }, el('span', { class: 'card-name' }, name), el('span', { class: 'card-about' }, about)),
  ];
  const address = file.state === 'stored' ? webAddress(file.url) : null;
  if (!address) return el('div', { class: `card ${file.state}` }, inside);
  return el('a', { class: 'card', href: address, target: '_blank', rel: 'noopener noreferrer' }, inside, icon('download', 18));
}

/** A file as the chat shows it. */
export function fileElement(file) {
  const name = file.name ?? t(`file_${file.kind}`);
  const about = file.size ? size(file.size) : t(`file_${file.kind}`);
  if (file.state === 'awaited') return card(file, name, t('fetching'));
  if (file.state === 'lost') return card(file, name, file.problem ?? t('lost'));
  const address = webAddress(file.url);
  if (!address) return card(file, name, about);
  switch (file.kind) {
    case 'image':
    case 'sticker': {
      const picture = el('img', { src: webAddress(file.preview_url) ?? address, alt: file.name ?? t('pictureAlt'), loading: 'lazy' });
      const button = el('button', { type: 'button', class: `picture ${file.kind}`, 'aria-label': t('enlarge', { name }), onclick: () => enlarge(file, name) }, picture);
      picture.addEventListener('error', () => button.replaceWith(card(file, name, about)));
      return button;
    }
    case 'video':
      return el('video', { controls: true, preload: 'metadata', src: address, 'aria-label': name });
    case 'audio':
    case 'voice':
      return el('audio', { controls: true, preload: 'metadata', src: address, 'aria-label': name });
    default:
      return card(file, name, about);
  }
}
