// What the pages say. A language is one more file like text-en.js; which one is used is decided here.
import { EN } from './text-en.js';

const TEXTS = { en: EN };
const wanted = navigator.languages.map((language) => language.split('-')[0]).find((language) => TEXTS[language]) ?? 'en';
const texts = TEXTS[wanted];

/** For times and numbers: the language as it is written where the reader is. */
export const LANGUAGE = navigator.languages.find((language) => language.split('-')[0] === wanted) ?? wanted;

/** The text of `key`, with `{name}` replaced from `values`. A key that counts has `one` and `other`. */
export function t(key, values = {}) {
  let text = texts[key] ?? EN[key] ?? key;
  if (typeof text === 'object') text = text[new Intl.PluralRules(wanted).select(values.n ?? 0)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Puts texts into a page's own elements: `data-t` is the text, `data-t-label`, `data-t-title`, `data-t-placeholder` attributes. */
export function translate(root = document) {
  document.documentElement.lang = wanted;
  for (const element of root.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  for (const [name, attribute] of [['tLabel', 'aria-label'], ['tTitle', 'title'], ['tPlaceholder', 'placeholder']]) {
    const data = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (const element of root.querySelectorAll(`[data-${data}]`)) element.setAttribute(attribute, t(element.dataset[name]));
  }
}
