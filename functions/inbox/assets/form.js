// Forms: their fields, and what the API found wrong with one.
import { el, say } from './dom.js';

/** A field with its label and, below, what helps to fill it. */
export function labelled(label, attributes, help = null) {
  const id = `${attributes.name}-help`;
  return el(
    'label',
    { class: 'field-label' },
    el('span', {}, label),
    el('input', { class: 'input', autocomplete: 'off', ...attributes, 'aria-describedby': help ? id : null }),
    help && el('span', { class: 'help plain', id }, help),
  );
}

/** A choice with its label. `options` are pairs of value and text. */
export function choice(label, attributes, options, chosen) {
  const values = options.map(([value, text]) => el('option', { value, selected: String(value) === String(chosen) }, text));
  return el('label', { class: 'field-label' }, el('span', {}, label), el('select', { class: 'select', ...attributes }, values));
}

/** Where a form says what is wrong. */
export const faultBox = () => el('p', { class: 'error', role: 'alert', hidden: true });

/** Says what is wrong, at the field that the message names (`credentials.access_token: is missing`); nothing clears it. */
function showFault(form, message) {
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  const [, name, problem] = message?.match(/^(?:credentials\.)?(\w+): (.*)$/s) ?? [];
  const input = name && form.elements[name];
  const label = input?.labels?.[0]?.firstElementChild?.textContent;
  say(form.querySelector('[role="alert"]'), label ? `${label} ${problem}.` : message?.replace(/^credentials: /, ''));
  input?.setAttribute('aria-invalid', 'true');
  if (message) (input ?? form.querySelector('input, select'))?.focus();
}

/** Has `form` call `act` with its values, its button disabled meanwhile, and say what `act` throws. */
export function onSubmit(form, act) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('[type="submit"]');
    showFault(form, null);
    button.disabled = true;
    try {
      await act(Object.fromEntries(new FormData(form)));
    } catch (error) {
      showFault(form, error.message);
    } finally {
      button.disabled = false;
    }
  });
  return form;
}
