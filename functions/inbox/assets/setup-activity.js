// What was done in Pipedrive for the company's conversations, and what that cost of its daily tokens.
import { api, withQuery } from './api.js';
import { $, el, webAddress } from './dom.js';
import { deedText } from './deeds.js';
import { count, moment } from './format.js';
import { t } from './text.js';

function bar({ day, spent, total }, most) {
  const what = Object.entries(spent)
    .sort((a, b) => b[1] - a[1])
    .map(([name, tokens]) => `${t(`spent_${name}`)} ${count(tokens)}`)
    .join(', ');
  return el(
    'li',
    { class: 'bar' },
    el('span', { class: 'bar-day' }, day),
    el('meter', { min: '0', max: String(most), value: String(total), 'aria-label': t('spentOn', { day }) }),
    el('span', { class: 'bar-total' }, count(total)),
    el('span', { class: 'bar-what help' }, what),
  );
}

function entry(told, names) {
  const { record } = told;
  return el(
    'li',
    { class: 'entry' },
    el('span', { class: 'entry-head' }, el('strong', {}, told.name), el('time', { datetime: told.at, class: 'help' }, moment(told.at))),
    el('span', {}, deedText(told, names)),
    record && el('a', { href: webAddress(record.url), target: '_blank', rel: 'noopener noreferrer' }, t(record.kind), record.kind === 'lead' ? '' : ` ${record.id}`),
  );
}

/** When its tab is opened. */
export async function start() {
  const [days, audit, { users }] = await Promise.all([api('GET', '/inbox/api/budget'), api('GET', withQuery('/inbox/api/audit', { limit: 50 })), api('GET', '/inbox/api/settings')]);
  const most = Math.max(1, ...days.map(({ total }) => total));
  $('budget').replaceChildren(...days.map((day) => bar(day, most)));
  const [today] = days;
  const told = today && today.limit !== null && today.limit !== undefined;
  $('budget-left').textContent = days.length === 0 ? t('nothingSpent') : told ? t('budgetLeft', { left: count(today.remaining), limit: count(today.limit), at: moment(today.seen_at) }) : '';
  const names = new Map(users.map(({ id, name }) => [id, name]));
  $('audit').replaceChildren(...audit.entries.map((one) => entry(one, names)));
  const about = audit.entries.length === 0 ? 'nothingDone' : audit.all ? 'auditAll' : 'auditSome';
  $('audit-about').textContent = t(about, { n: audit.conversations });
}
