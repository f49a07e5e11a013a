// Where an answer is written: text, files, emoji, a template. What was typed is kept for each conversation.
import { api } from './api.js';
import { toast } from './dialog.js';
import { $, debounced, say } from './dom.js';
import { draftOf, keepDraft } from './drafts.js';
import { timeLeft } from './format.js';
import { replyUntil, state } from './state.js';
import { t } from './text.js';
import { Uploads } from './uploads.js';

/** Less than this much of the reply window left is said in a louder voice. */
const SOON_MS = 2 * 3_600_000;
const HIGHEST = 160;

let conversation = null;
let channel = null;
let row = null;
let answered = null;
let sending = false;
let uploads;
let hooks;
/** Files that were chosen for a conversation stay with it until they are sent. */
const waiting = new Map();

const isOver = () => Boolean(row?.reply_by) && timeLeft(replyUntil(row)) === null;
/** Only templates go out. A provider without them may still take what comes late, and says so itself if it does not. */
const isLocked = () => isOver() && Boolean(channel?.templates);
const keep = debounced((id, text) => keepDraft(id, text), 300);

/** Takes the composer to a conversation. */
export function openComposer(id, known) {
  keep.cancel();
  if (conversation) keepDraft(conversation, $('text').value);
  conversation = id;
  row = known ?? null;
  channel = state.channels.get(known?.channel) ?? null;
  $('text').value = draftOf(id);
  replyTo(null);
  $('chips').replaceChildren();
  uploads = waiting.get(id) ?? new Uploads($('chips'), { changed: update, refused: (text) => toast(text, 'bad') });
  waiting.set(id, uploads);
  $('chips').append(...uploads.files.map((file) => file.element));
  grow();
  showWindow(known);
}

/** Says what can still be sent. */
export function showWindow(known) {
  row = known ?? row;
  channel = state.channels.get(row?.channel) ?? channel;
  const until = row && replyUntil(row);
  const left = until && timeLeft(until);
  const over = isOver();
  const templates = Boolean(channel?.templates);
  $('composer').classList.toggle('over', isLocked());
  $('window').classList.toggle('soon', Boolean(left) && new Date(until) - Date.now() < SOON_MS);
  say($('window'), until && !over ? t('windowLeft', { left }) : null);
  const whyOver = !row?.last ? 'beginWithTemplate' : templates ? 'windowOverTemplates' : 'windowOver';
  say($('window-over'), over ? t(whyOver, { name: row.name }) : null);
  $('use-template').hidden = !templates;
  $('over-template').hidden = !over || !templates;
  const locked = isLocked();
  for (const id of ['text', 'attach', 'emoji']) $(id).disabled = locked;
  $('text').placeholder = locked ? t('onlyTemplates') : t('write', { channel: channel?.name ?? '' });
  update();
}

/** The message that is answered, shown above the text; none ends it. */
export function replyTo(message) {
  answered = message?.id ?? null;
  $('answering').hidden = !message;
  if (!message) return;
  $('answering-name').textContent = message.direction === 'in' ? (row?.name ?? '') : t('yourself');
  $('answering-text').textContent = message.text || t(`file_${message.files?.[0]?.kind ?? 'document'}`);
  $('text').focus();
}

function update() {
  $('chips').hidden = uploads?.isEmpty ?? true;
  const empty = !$('text').value.trim() && $('chips').hidden;
  const most = channel?.max_text ?? Infinity;
  const length = [...$('text').value].length;
  const tooLong = length > most;
  say($('length'), length > most * 0.9 ? t('length', { n: length, most }) : null);
  $('length').classList.toggle('bad', tooLong);
  $('send').disabled = empty || tooLong || sending || isLocked() || !(uploads?.isReady ?? true);
}

function grow() {
  const box = $('text');
  box.style.height = 'auto';
  box.style.height = `${Math.min(HIGHEST, box.scrollHeight)}px`;
}

/** Puts text where the cursor is. */
function insert(text) {
  const box = $('text');
  box.setRangeText(text, box.selectionStart, box.selectionEnd, 'end');
  box.dispatchEvent(new Event('input'));
  box.focus();
}

/** Sends to the conversation for which it was written, whichever is open by now. */
async function post(id, body) {
  const about = conversation === id ? answered : null;
  const path = `/inbox/api/conversations/${encodeURIComponent(id)}/messages`;
  const message = await api('POST', path, { ...body, reply_to: about ?? undefined });
  if (conversation !== id) return;
  if (answered === about) replyTo(null);
  hooks.sent(message);
}

async function send() {
  update();
  if ($('send').disabled) return;
  const [id, text, mine] = [conversation, $('text').value, uploads];
  const files = [...mine.files];
  sending = true;
  $('composer').classList.add('sending');
  update();
  // The next message may be typed while this one is under way.
  $('text').value = '';
  keep.cancel();
  keepDraft(id, '');
  grow();
  try {
    await post(id, { text, files: files.map(({ id: file, name }) => ({ id: file, name })) });
    mine.drop(files);
  } catch (error) {
    toast(error.message, 'bad');
    // The text is given back, before what was typed meanwhile.
    const whole = (typed) => (typed ? `${text}\n${typed}` : text);
    const given = whole(conversation === id ? $('text').value : draftOf(id));
    if (conversation === id) $('text').value = given;
    keepDraft(id, given);
    hooks.conversationChanged();
  } finally {
    sending = false;
    $('composer').classList.remove('sending');
    grow();
    update();
  }
}

/** What is not needed at first comes when it is asked for. */
function later(module, then) {
  module.then(then, () => toast(t('noConnection'), 'bad'));
}

function template() {
  const id = conversation;
  const send = (body) => post(id, { template: body });
  later(import('./templates.js'), ({ chooseTemplate }) => chooseTemplate(row, send));
}

function takeFiles(list) {
  if (isLocked() || !conversation || list.length === 0) return false;
  uploads.add(list);
  $('text').focus();
  return true;
}

function dropping() {
  let depth = 0;
  const chat = $('chat');
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  chat.addEventListener('dragenter', (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    chat.classList.add('dropping');
  });
  chat.addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) chat.classList.remove('dropping');
  });
  chat.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
  chat.addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    chat.classList.remove('dropping');
    takeFiles([...(event.dataTransfer?.files ?? [])]);
  });
}

/** Once. `sent(message)` and `conversationChanged()` are called back. */
export function startComposer(given) {
  hooks = given;
  const box = $('text');
  box.addEventListener('input', () => {
    keep(conversation, box.value);
    grow();
    update();
  });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === 'Escape' && answered) {
      event.stopPropagation();
      replyTo(null);
    }
  });
  box.addEventListener('paste', (event) => {
    if (takeFiles([...(event.clipboardData?.files ?? [])])) event.preventDefault();
  });
  $('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  $('attach').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', () => {
    takeFiles([...$('file').files]);
    $('file').value = '';
  });
  $('emoji').addEventListener('click', () => later(import('./emoji.js'), ({ openEmoji }) => openEmoji($('emoji'), insert)));
  for (const id of ['use-template', 'over-template']) $(id).addEventListener('click', template);
  $('answering-end').addEventListener('click', () => {
    replyTo(null);
    box.focus();
  });
  dropping();
  setInterval(() => conversation && showWindow(), 15_000);
  addEventListener('pagehide', () => conversation && keepDraft(conversation, box.value));
}
