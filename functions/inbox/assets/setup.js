// The set-up page: lists a company's channels, connects and removes them. Its API keys are in keys.js.
//
// Pipedrive opens it in an iframe with a signed token in the address. The token is taken out of the address at once and
// exchanged for a short session, which is kept in this script alone.
'use strict';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const frame = query.get('id');
let pipedriveToken = query.get('token');
let session = null;

if (['dark', 'light'].includes(query.get('theme'))) document.documentElement.dataset.theme = query.get('theme');
for (const name of ['token', 'installed']) {
  const clean = new URL(location.href);
  clean.searchParams.delete(name);
  history.replaceState(null, '', clean);
}

/** A command to Pipedrive around the iframe, in the protocol of its app extensions SDK. */
function pipedrive(command, args) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.data));
    setTimeout(() => reject(new Error('Pipedrive does not answer.')), 10000);
    parent.postMessage({ payload: { command, args, type: 'command' }, id: frame }, '*', [port2]);
  });
}

class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (session) headers.Authorization = `Bearer ${session}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new ApiError(0, 'No connection. Try again.');
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, answer.data?.message ?? 'That did not work. Try again later.');
  return answer.data;
}

async function openSession() {
  session = null;
  session = (await call('POST', '/session', { token: pipedriveToken })).token;
}

/** A call with the session; with a new one if it has ended. */
async function api(method, path, body) {
  try {
    return await call(method, path, body);
  } catch (error) {
    if (error.status !== 401 || !frame) throw error;
    pipedriveToken = (await pipedrive('get_signed_token')).token;
    await openSession();
    return call(method, path, body);
  }
}

/** Says what happened, and takes the focus where it would be lost with what was pressed. */
function notice(text) {
  $('notice').textContent = text;
  $('notice').hidden = !text;
  $('notice').focus();
}

function showOutside(text) {
  if (text) $('outside-text').textContent = text;
  $('start').hidden = query.has('installed');
  $('outside').hidden = false;
}

/** What the bundle can connect, as it says itself. */
let providers = [];
/** How often to look how far an import is. */
const IMPORT_EVERY_MS = 3000;
const STATES = { active: '', uninstalled: ', not served: its owner removed the app' };

function show(element, text) {
  element.textContent = text ?? '';
  element.hidden = !text;
}

function importText({ messages, done, problem }) {
  if (problem) return `Earlier messages: ${messages} imported, then it ended. ${problem}`;
  return done ? `Earlier messages: ${messages} imported.` : `Earlier messages are being imported: ${messages} so far …`;
}

function row(channel) {
  const item = $('channel').content.firstElementChild.cloneNode(true);
  item.querySelector('img').src = `/inbox/assets/icon-${encodeURIComponent(channel.provider)}.png`;
  item.querySelector('.name').textContent = channel.name;
  item.querySelector('.state').textContent =
    `${providers.find((one) => one.provider === channel.provider)?.name ?? channel.provider}${STATES[channel.state] ?? ''}`;
  show(item.querySelector('.problem'), channel.problem && `${channel.problem} Connect the channel again when that is settled.`);
  show(item.querySelector('.import'), channel.import && importText(channel.import));
  item.querySelector('.webhook').textContent = channel.webhook_url;
  const remove = item.querySelector('.remove');
  remove.setAttribute('aria-label', `Remove ${channel.name}`);
  remove.hidden = !channel.own;
  remove.addEventListener('click', () => confirmed(remove, channel));
  return item;
}

function unconfirmed(button, channel) {
  button.classList.replace('danger', 'quiet');
  button.textContent = 'Remove';
  button.setAttribute('aria-label', `Remove ${channel.name}`);
}

/** The first click asks, the second removes: browsers show no dialogs of an iframe. */
async function confirmed(button, channel) {
  if (!button.classList.contains('danger')) {
    button.classList.replace('quiet', 'danger');
    button.textContent = 'Remove with all conversations';
    button.setAttribute('aria-label', `Remove ${channel.name} with all its conversations`);
    // Whoever goes elsewhere has not confirmed.
    button.addEventListener('blur', () => button.disabled || unconfirmed(button, channel), { once: true });
    return;
  }
  button.disabled = true;
  try {
    await api('DELETE', `/setup/channels/${encodeURIComponent(channel.provider_channel_id)}`);
    notice(`${channel.name} is removed.`);
  } catch (error) {
    notice(error.message);
  }
  await refresh();
}

let shown = '';

async function refresh() {
  try {
    const channels = await api('GET', '/setup/channels');
    // Somebody may be about to confirm a removal: what has not changed stays as it is.
    const now = JSON.stringify(channels);
    if (now !== shown) $('list').replaceChildren(...channels.map(row));
    shown = now;
    $('none').hidden = channels.length > 0;
    if (channels.some((channel) => channel.import && !channel.import.done)) setTimeout(refresh, IMPORT_EVERY_MS);
  } catch (error) {
    notice(error.message);
  }
}

function chooseProvider() {
  const chosen = providers.find((one) => one.provider === $('form').elements.provider.value);
  $('fields-title').textContent = chosen.name;
  $('fields').replaceChildren(...chosen.fields.map(field));
  show($('by-hand'), chosen.webhook_by_hand && `Enter this address at ${chosen.name}, for its webhooks: ${chosen.webhook_url}`);
  showError('');
}

/** An input for one of a provider's credentials. */
function field({ name, label, help, secret, optional }) {
  const made = $('field').content.firstElementChild.cloneNode(true);
  const input = made.querySelector('input');
  input.id = input.name = name;
  input.type = secret ? 'password' : 'text';
  input.setAttribute('aria-describedby', `${name}-help`);
  made.querySelector('label').htmlFor = name;
  made.querySelector('label').textContent = optional ? `${label} (optional)` : label;
  made.querySelector('.help').id = `${name}-help`;
  made.querySelector('.help').textContent = `${help}.`;
  return made;
}

function choice({ provider, name }, index) {
  const made = $('provider').content.firstElementChild.cloneNode(true);
  const radio = made.querySelector('input');
  radio.value = provider;
  radio.checked = index === 0;
  radio.addEventListener('change', chooseProvider);
  made.querySelector('span').textContent = name;
  return made;
}

/** An error of the form, at the field that it names if there is one: `credentials.access_token: is missing`. */
function showError(message) {
  for (const input of document.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  const [, field, problem] = message.match(/^(?:credentials\.)?(\w+): (.*)$/s) ?? [];
  const input = field && document.querySelector(`input[name="${field}"]:not(:disabled)`);
  const label = input?.labels?.[0]?.textContent;
  $('error').textContent = label ? `${label} ${problem}.` : message.replace(/^credentials: /, '');
  $('error').hidden = !message;
  if (input) input.setAttribute('aria-invalid', 'true');
  if (message) (input ?? $('error')).focus();
}

async function connect(event) {
  event.preventDefault();
  const form = $('form');
  const { provider, name, ...entered } = Object.fromEntries(new FormData(form));
  const credentials = Object.fromEntries(Object.entries(entered).filter(([, value]) => value.trim()));
  showError('');
  $('submit').disabled = true;
  try {
    $('submit').textContent = 'Connecting …';
    const channel = await api('POST', '/setup/channels', { provider, name, credentials });
    form.reset();
    chooseProvider();
    notice(`${channel.name} is connected. Its webhook address: ${channel.webhook_url}`);
    await refresh();
  } catch (error) {
    showError(error.message);
  } finally {
    $('submit').textContent = 'Connect';
    $('submit').disabled = false;
  }
}

async function start() {
  if (query.has('installed')) notice('Pipedrive is connected.');
  // Pipedrive shows an iframe only once it has greeted; it may do so while the session opens.
  if (frame) pipedrive('initialize', {}).catch(() => {});
  if (!pipedriveToken) return showOutside();
  try {
    await openSession();
  } catch (error) {
    return showOutside(error.status === 403 ? 'You have not connected Pipedrive yet.' : error.message);
  }
  try {
    providers = await api('GET', '/setup/providers');
  } catch (error) {
    return showOutside(error.message);
  }
  $('providers').replaceChildren(...providers.map(choice));
  chooseProvider();
  $('connected').hidden = $('connect').hidden = $('keys').hidden = false;
  $('form').addEventListener('submit', connect);
  await Promise.all([refresh(), startKeys()]);
}

start();
