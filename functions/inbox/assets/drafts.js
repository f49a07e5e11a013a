// What was typed and not sent, by conversation: kept in the browser for a week, for the same user alone. The window and the panels
// beside records share it, so a place writes only what was typed in it. Where a frame may not store anything, drafts live as
// long as the page.
const KEEP_MS = 7 * 86_400_000;
/** What this place showed or wrote last, by conversation, and whether the browser took it. */
const here = new Map();
let owner = '';

const name = (conversation) => `pigeonpost.draft.${owner}.${conversation}`;

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** From now on, drafts are this user's. What is older than a week goes. */
export function openDrafts(company, user) {
  owner = `${company}.${user}`;
  const box = storage();
  if (!box) return;
  for (const key of Object.keys(box).filter((one) => one.startsWith('pigeonpost.draft.'))) {
    const at = Number(box.getItem(key)?.split(' ', 1)[0]);
    if (!(at > Date.now() - KEEP_MS)) box.removeItem(key);
  }
}

/** As it is stored: a time, a space, the text. */
function stored(conversation) {
  const kept = storage()?.getItem(name(conversation)) ?? '';
  return kept.slice(kept.indexOf(' ') + 1);
}

/** Whether the browser took it. */
function store(conversation, text, before) {
  try {
    const box = storage();
    if (text) box?.setItem(name(conversation), `${Date.now()} ${text}`);
    // What another place wrote there meanwhile stays.
    else if (stored(conversation) === before) box?.removeItem(name(conversation));
    return box !== null;
  } catch {
    // It is full.
    return false;
  }
}

/** The draft: what was typed here, else in another place. One that another place has sent is no more. */
export function draftOf(conversation) {
  const mine = here.get(conversation) ?? { text: '', taken: true };
  const shared = stored(conversation);
  const text = mine.taken && !shared ? '' : mine.text || shared;
  here.set(conversation, { ...mine, text });
  return text;
}

/** Keeps what is typed, if it is not what was there before. */
export function keepDraft(conversation, text) {
  const draft = text.trim() ? text : '';
  const before = here.get(conversation)?.text ?? '';
  if (draft !== before) here.set(conversation, { text: draft, taken: store(conversation, draft, before) });
}
