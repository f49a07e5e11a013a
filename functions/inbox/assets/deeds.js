// What was done in Pipedrive for a conversation, and why, in words.
import { t } from './text.js';

/** An entry of the audit as a sentence. `names` are the company's users'. */
export function deedText({ what, why, user, code, others }, names) {
  const reason = why === 'hand' ? (names.get(user) ?? t('aColleague')) : t(`why_${why}`, { code, n: others?.length ?? 0 });
  return `${t(`deed_${what}`)} (${reason})`;
}
