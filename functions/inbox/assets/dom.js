// Elements, made without markup: whatever comes from outside is text and can't be anything else.

/**
 * An element. Attributes as they are written in HTML; `class`, `dataset`, properties that begin with a dot, listeners that
 * begin with `on`. Children are elements or texts; what is null or false is left out.
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name.startsWith('.')) made[name.slice(1)] = value;
    else if (name === 'dataset') Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const $ = (id) => document.getElementById(id);

/** Shows or hides, and sets the text. */
export function say(element, text) {
  element.textContent = text ?? '';
  element.hidden = !text;
}

/** The outcome of the last call alone: an earlier one that ends later does not count. */
export function latest(act) {
  let turn = 0;
  return async (...given) => {
    const mine = ++turn;
    return act(() => mine === turn, ...given);
  };
}

/** At most once in `pause` milliseconds, the last time for sure unless `cancel()` comes before. */
export function debounced(act, pause) {
  let timer;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), pause);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** An http(s) address, or none: nothing else may become a link. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return ['http:', 'https:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
