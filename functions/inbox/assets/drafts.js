// What was typed and not sent, by conversation: kept in the browser for a week, for the same user alone. Where a frame may
// not store anything, it is kept until the page is closed.
const KEEP_MS = 7 * 86_400_000;
const memory = new Map();
let owner = '';

const name = (conversation) => `pigeonpost.draft.${owner}.${conversation}`;

function stored() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** From now on, drafts are this user's. What is older than a week goes. */
export function openDrafts(company, user) {
  owner = `${company}.${user}`;
  const storage = stored();
  if (!storage) return;
  for (const key of Object.keys(storage).filter((one) => one.startsWith('pigeonpost.draft.'))) {
    const at = Number(storage.getItem(key)?.split(' ', 1)[0]);
    if (!(at > Date.now() - KEEP_MS)) storage.removeItem(key);
  }
}

export function draftOf(conversation) {
  const kept = memory.get(conversation) ?? stored()?.getItem(name(conversation)) ?? '';
  return kept.slice(kept.indexOf(' ') + 1);
}

export function keepDraft(conversation, text) {
  const kept = text.trim() ? `${Date.now()} ${text}` : '';
  if (kept) memory.set(conversation, kept);
  else memory.delete(conversation);
  try {
    if (kept) stored()?.setItem(name(conversation), kept);
    else stored()?.removeItem(name(conversation));
  } catch {
    // The storage is full or closed to us: the draft lives as long as the page.
  }
}
