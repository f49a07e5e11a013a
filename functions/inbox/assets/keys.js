// The API keys on the set-up page: made, listed, changed, rotated, revoked. A secret is shown once, and kept nowhere.
// Loaded before setup.js, whose helpers it uses when that has started.
'use strict';

const TROUBLES = {
  needs_reconnect: 'Calls of API keys fail: Pipedrive no longer accepts the connection of anybody in this company.',
  account_closed: 'Calls of API keys fail: Pipedrive has closed this company’s account. They work again once it is open.',
};
const DAY = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const MOMENT = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

/** What there is to say of a key, in one line. */
function facts(key) {
  const said = [
    `made ${DAY.format(new Date(key.created_at))}`,
    key.last_used_at ? `last used ${MOMENT.format(new Date(key.last_used_at))}` : 'never used',
    `${key.per_second} a second, ${key.burst} at once`,
  ];
  if (!key.own) said.push('made by a colleague');
  if (key.old_secret_until) said.push(`old secret works until ${MOMENT.format(new Date(key.old_secret_until))}`);
  return said.join(' · ');
}

/** The first click asks, the second does it: browsers show no dialogs of an iframe. */
function askFirst(button, question, act) {
  const { textContent: before } = button;
  const label = button.getAttribute('aria-label');
  const calm = () => {
    if (button.disabled) return;
    button.classList.replace('danger', 'quiet');
    button.textContent = before;
    button.setAttribute('aria-label', label);
  };
  button.addEventListener('click', async () => {
    if (!button.classList.contains('danger')) {
      button.classList.replace('quiet', 'danger');
      button.textContent = question;
      button.setAttribute('aria-label', `${question}: ${label}`);
      // Whoever goes elsewhere has not confirmed.
      button.addEventListener('blur', calm, { once: true });
      return;
    }
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      notice(error.message);
    }
    await refreshKeys();
  });
}

/** Shows a key for the only time. */
function showKey(title, key) {
  $('shown-title').textContent = title;
  $('shown-key').textContent = key;
  $('copied').textContent = '';
  $('shown').hidden = false;
  $('shown').focus();
  $('shown').scrollIntoView({ block: 'nearest' });
}

function forgetKey() {
  $('shown-key').textContent = '';
  $('shown').hidden = true;
  $('key-name').focus();
}

async function copyKey() {
  try {
    await navigator.clipboard.writeText($('shown-key').textContent);
    $('copied').textContent = 'Copied.';
  } catch {
    // An iframe may not be let at the clipboard: selected, it is one keystroke away.
    getSelection().selectAllChildren($('shown-key'));
    $('copied').textContent = 'Press Ctrl+C or ⌘C to copy it.';
  }
}

/** An error at a field of a form, or at its end. */
function showFault(form, error, message) {
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  const [, field, problem] = message.match(/^(\w+): (.*)$/s) ?? [];
  const input = field && form.elements[field];
  const label = input?.labels?.[0]?.firstChild?.textContent.trim();
  error.textContent = label ? `${label} ${problem}.` : message;
  error.hidden = !message;
  input?.setAttribute('aria-invalid', 'true');
  if (message) (input ?? error).focus();
}

function keyRow(key) {
  const item = $('key').content.firstElementChild.cloneNode(true);
  const find = (selector) => item.querySelector(selector);
  const path = `/setup/keys/${encodeURIComponent(key.id)}`;
  find('.name').textContent = key.name;
  find('.prefix').textContent = `${key.prefix}_…`;
  find('.facts').textContent = facts(key);
  find('.bad').textContent = 'Its last call failed for this reason.';
  find('.bad').hidden = !key.trouble;
  for (const action of ['change', 'rotate', 'revoke']) {
    const button = find(`.${action}`);
    button.setAttribute('aria-label', `${button.textContent} ${key.name}`);
  }
  askFirst(find('.rotate'), 'Make a new secret', async () => {
    const rotated = await api('POST', `${path}/rotate`);
    showKey(`${rotated.name} has a new secret. The old one works for 24 hours more.`, rotated.key);
  });
  askFirst(find('.revoke'), 'Revoke for good', async () => {
    await api('DELETE', path);
    notice(`${key.name} is revoked.`);
  });

  const form = find('.edit');
  const open = (shown) => {
    form.hidden = !shown;
    find('.change').setAttribute('aria-expanded', String(shown));
    (shown ? form.elements.name : find('.change')).focus();
  };
  find('.change').addEventListener('click', () => {
    for (const field of ['name', 'per_second', 'burst']) form.elements[field].value = key[field];
    showFault(form, find('.error'), '');
    open(form.hidden);
  });
  find('.cancel').addEventListener('click', () => open(false));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { name, per_second: perSecond, burst } = form.elements;
    try {
      await api('PATCH', path, { name: name.value, per_second: Number(perSecond.value), burst: Number(burst.value) });
      notice(`${name.value.trim()} is changed.`);
      await refreshKeys();
    } catch (error) {
      showFault(form, find('.error'), error.message);
    }
  });
  return item;
}

async function refreshKeys() {
  try {
    const keys = await api('GET', '/setup/keys');
    $('key-list').replaceChildren(...keys.map(keyRow));
    $('no-keys').hidden = keys.length > 0;
    const trouble = keys.map((key) => key.trouble).find(Boolean);
    $('trouble').hidden = !trouble;
    $('trouble-text').textContent = TROUBLES[trouble] ?? '';
    $('trouble-link').hidden = trouble !== 'needs_reconnect';
  } catch (error) {
    notice(error.message);
  }
}

async function makeKey(event) {
  event.preventDefault();
  const form = $('key-form');
  const button = form.querySelector('button');
  showFault(form, $('key-error'), '');
  button.disabled = true;
  try {
    const made = await api('POST', '/setup/keys', { name: form.elements.name.value });
    form.reset();
    await refreshKeys();
    showKey(`The key of ${made.name}`, made.key);
  } catch (error) {
    showFault(form, $('key-error'), error.message);
  } finally {
    button.disabled = false;
  }
}

/** Once there is a session. */
async function startKeys() {
  $('key-form').addEventListener('submit', makeKey);
  $('copy').addEventListener('click', copyKey);
  $('done').addEventListener('click', forgetKey);
  await refreshKeys();
}
