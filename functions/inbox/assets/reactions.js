// Reactions are messages of their own. Shown are they at the message that they are about, the last one of each side.

/** Emoji by message: what each side's last reaction to it is. */
export function reactionsOf(messages) {
  const found = new Map();
  for (const { direction, content, reply_to: about } of messages) {
    if (content?.kind !== 'reaction' || !about?.message) continue;
    const at = found.get(about.message) ?? {};
    at[direction] = content.emoji ?? null;
    found.set(about.message, at);
  }
  return found;
}

/** Whether a reaction is shown at its message, and not by itself. */
export const isShownElsewhere = (message, known) => message.content?.kind === 'reaction' && known.has(message.reply_to?.message);
