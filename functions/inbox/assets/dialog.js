// Dialogs over the page, which keep the focus, close with Escape and give the focus back; menus; words at the edge.
import { el } from './dom.js';
import { icon } from './icons.js';
import { closePopup, openPopup } from './popup.js';
import { t } from './text.js';

let count = 0;

/** Everything around an element, from the inside out. */
function around(element) {
  const found = [];
  for (let one = element?.parentElement; one; one = one.parentElement) found.push(one);
  return found;
}

/** Opens a dialog of `content`. Returns it; `close()` ends it. */
export function openDialog(title, content, { className = '', onclose } = {}) {
  count += 1;
  const id = `dialog-${count}`;
  const before = document.activeElement;
  const home = around(before);
  const dialog = el(
    'dialog',
    { class: `dialog ${className}`, 'aria-labelledby': id },
    el(
      'div',
      { class: 'dialog-head' },
      el('h2', { id }, title),
      el('button', { type: 'button', class: 'icon-button', 'aria-label': t('close'), onclick: () => dialog.close() }, icon('close')),
    ),
    content,
  );
  dialog.addEventListener('close', () => {
    const toasts = dialog.querySelector('#toasts');
    if (toasts) document.body.append(toasts);
    dialog.remove();
    onclose?.();
    // What was done may have drawn anew what it was opened from.
    const back = before?.isConnected ? before : home.find((one) => one.isConnected)?.querySelector('button, a[href], input, select');
    back?.focus();
  });
  // A click beside it closes it; one that began inside, as when a text is selected, does not.
  let beganBeside = false;
  dialog.addEventListener('pointerdown', (event) => {
    beganBeside = event.target === dialog;
  });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog && beganBeside) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something is done that can't be undone. Resolves to whether it was confirmed. */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    let sure = false;
    const dialog = openDialog(
      title,
      el(
        'div',
        { class: 'dialog-body' },
        el('p', {}, text),
        el(
          'div',
          { class: 'dialog-actions' },
          el('button', { type: 'button', class: 'button plain', onclick: () => dialog.close() }, t('cancel')),
          el(
            'button',
            {
              type: 'button',
              class: 'button danger',
              onclick: () => {
                sure = true;
                dialog.close();
              },
            },
            action,
          ),
        ),
      ),
      { className: 'small', onclose: () => resolve(sure) },
    );
    dialog.querySelector('.plain').focus();
  });
}

/** A menu below a button. `items` are `{label, icon, danger, act}` or `{label, checked, act}`. */
export function menu(button, items) {
  if (closePopup(button)) return;
  const entries = items.filter(Boolean).map((item) =>
    el(
      'button',
      {
        type: 'button',
        role: item.checked === undefined ? 'menuitem' : 'menuitemcheckbox',
        'aria-checked': item.checked === undefined ? null : String(item.checked),
        class: item.danger ? 'danger' : '',
        tabindex: '-1',
        onclick: () => {
          close(true);
          item.act();
        },
      },
      item.checked === undefined ? icon(item.icon, 18) : el('span', { class: 'tick' }, item.checked && icon('check', 16)),
      item.label,
    ),
  );
  const box = el('div', { class: 'menu', role: 'menu', 'aria-label': button.getAttribute('aria-label') }, entries);
  const place = button.getBoundingClientRect();
  box.style.top = `${place.bottom + 4}px`;
  box.style.right = `${Math.max(4, document.documentElement.clientWidth - place.right)}px`;
  const close = openPopup(button, box, { parent: document.body, items: entries });
  // One at the lower edge opens upwards.
  if (box.getBoundingClientRect().bottom > innerHeight) box.style.top = `${Math.max(4, place.top - box.offsetHeight - 4)}px`;
}

/** Says something at the edge of the page for a while, and to who listens. */
export function toast(text, kind = '') {
  const box = document.getElementById('toasts');
  // What is outside of a dialog is neither in sight nor read aloud.
  const over = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
  if (box.parentElement !== over) over.append(box);
  const shown = el('div', { class: `toast ${kind}` }, text);
  box.append(shown);
  setTimeout(() => shown.remove(), 6000);
}
