// Icons as lines on a field of 20 × 20, drawn in the colour of the text around them. They are decoration: what a button does
// is in its label.
const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  back: 'M12.5 4.5 7 10l5.5 5.5',
  close: 'M5 5l10 10M15 5 5 15',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM13 13l4 4',
  send: 'M3.5 10 17 3.5 13 17l-3.5-5.5L3.5 10ZM9.5 11.5 17 3.5',
  attach: 'M15.5 9.5 10 15a3.5 3.5 0 0 1-5-5l6-6a2.4 2.4 0 0 1 3.4 3.4l-5.9 5.9a1.2 1.2 0 0 1-1.7-1.7L12 6.4',
  emoji: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM7.5 8.2v.1M12.5 8.2v.1M7 11.8c.7 1.2 1.8 1.9 3 1.9s2.3-.7 3-1.9',
  template: 'M4 3.5h12v13H4zM7 7.5h6M7 10.5h6M7 13.5h3.5',
  check: 'M4 10.5 8 14.5 16 6',
  sent: 'M4.5 10.5 8 14 15.5 6.5',
  delivered: 'M1.5 10.5 5 14 12.5 6.5M9 13.5l.5.5L17.5 6.5',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6v4.2l2.8 1.8',
  failed: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6.5v4.3M10 13.4v.1',
  retry: 'M15.5 10a5.5 5.5 0 1 1-1.7-4M16 3.5V7h-3.5',
  reply: 'M8 5 3.5 9.5 8 14M4 9.5h6.5c3.5 0 5.5 2 5.5 6',
  document: 'M5 2.5h6.5L15.5 6.5v11H5zM11.5 2.5v4h4',
  image: 'M3 4h14v12H3zM3.5 14.5l4-4.5 3 3 2-2 4 4M12.5 7.5v.1',
  video: 'M3 5h9.5v10H3zM12.5 8.5 17 6v8l-4.5-2.5',
  audio: 'M10 3v9M7.5 5.5A2.5 2.5 0 0 1 12.5 5.5v4a2.5 2.5 0 0 1-5 0zM5 9.5a5 5 0 0 0 10 0M10 14.5V17',
  place: 'M10 17.5s5.5-4.7 5.5-9a5.5 5.5 0 0 0-11 0c0 4.3 5.5 9 5.5 9ZM10 6.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z',
  person: 'M10 3a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM3.5 17c.6-3.2 3.2-5 6.5-5s5.9 1.8 6.5 5',
  download: 'M10 3v9.5M6 9l4 4 4-4M4 16.5h12',
  open: 'M8 4H4v12h12v-4M11 3.5h5.5V9M16 4l-7 7',
  more: 'M10 4.5v.1M10 10v.1M10 15.5v.1',
  down: 'M10 4v11.5M5 10.5l5 5 5-5',
  archive: 'M3 4h14v3.5H3zM4.5 7.5V16h11V7.5M8 11h4',
  inbox: 'M3.5 11.5 5.5 4h9l2 7.5V16h-13zM3.5 11.5h4l1 2h3l1-2h4',
  trash: 'M4 6h12M8 6V3.5h4V6M5.5 6l.8 10.5h7.4L14.5 6M8.5 9v4.5M11.5 9v4.5',
  copy: 'M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7',
  warning: 'M10 3 18 16.5H2zM10 8v4M10 14.2v.1',
  plug: 'M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0zM10 15v3',
  key: 'M13 3.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10.5 9.5 3.5 16.5M5.5 14.5l2 2',
  add: 'M10 4v12M4 10h12',
  pin: 'M7 3.5h6M8 3.5v5L5.5 12h9L12 8.5v-5M10 12v5',
  deal: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM12.3 7.6c-.5-.7-1.3-1-2.3-1-1.3 0-2.2.6-2.2 1.6 0 2.3 4.7 1.1 4.7 3.5 0 1-1 1.7-2.4 1.7-1.1 0-2-.4-2.5-1.1M10 5.3v9.4',
  lead: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 7.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6Z',
  write: 'M4 16l.8-3.5L13.5 3.8l2.7 2.7L7.5 15.2zM11.7 5.6l2.7 2.7',
  share: 'M7 6.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5ZM2 17c.4-2.6 2.3-4 5-4s4.6 1.4 5 4M13 5.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM13.5 12c2.3 0 4 1.2 4.5 3.5',
  settings: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4',
};

export function icon(name, size = 20) {
  const svg = document.createElementNS(SVG, 'svg');
  const attributes = { viewBox: '0 0 20 20', width: size, height: size, 'aria-hidden': 'true', class: `icon icon-${name}` };
  for (const [attribute, value] of Object.entries(attributes)) svg.setAttribute(attribute, value);
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** Puts icons into a page's own elements, before what they say: `data-icon`. */
export function drawIcons(root = document) {
  for (const element of root.querySelectorAll('[data-icon]')) element.prepend(icon(element.dataset.icon));
}
