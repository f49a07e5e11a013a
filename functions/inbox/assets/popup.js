// A box that opens at a button: arrow keys within; Escape, Tab and a press beside it close it.

/** How to close what is open at a button. */
const open = new WeakMap();

/** Where a key leads from `at`: around in a column, to the edges and no further in a grid. */
function step(key, at, { length, columns }) {
  const to = { Home: 0, End: length - 1, ArrowDown: at + columns, ArrowUp: at - columns }[key];
  if (columns === 1) return to === undefined ? undefined : (to + length) % length;
  const sideways = { ArrowRight: at + 1, ArrowLeft: at - 1 }[key] ?? to;
  return sideways === undefined ? undefined : Math.min(length - 1, Math.max(0, sideways));
}

/** Puts `box` into `parent`, where it stays until the function that is returned closes it. `items` are what the keys lead through. */
export function openPopup(button, box, { parent, items, columns = 1 }) {
  const close = (focus) => {
    open.delete(button);
    box.remove();
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    if (focus) button.focus();
  };
  const outside = (event) => {
    if (!box.contains(event.target) && !button.contains(event.target)) close(false);
  };
  box.addEventListener('keydown', (event) => {
    // While it is open, no key means anything to the page below.
    event.stopPropagation();
    const to = step(event.key, items.indexOf(document.activeElement), { length: items.length, columns });
    if (to !== undefined) {
      event.preventDefault();
      items[to].focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      close(true);
    }
  });
  open.set(button, close);
  parent.append(box);
  button.setAttribute('aria-expanded', 'true');
  document.addEventListener('pointerdown', outside, true);
  items[0]?.focus();
  return close;
}

/** Closes the box that is open at a button. Whether there was one. */
export function closePopup(button) {
  const close = open.get(button);
  close?.(true);
  return Boolean(close);
}
