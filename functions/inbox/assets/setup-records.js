// Where messages go, and what becomes of customers whom Pipedrive does not know: a setting of each channel, its owner's.
import { api } from './api.js';
import { toast } from './dialog.js';
import { $, el } from './dom.js';
import { choice, faultBox, onSubmit } from './form.js';
import { providerIcon } from './setup-channels.js';
import { t } from './text.js';

/** As one word for a form: `deal/<pipeline>/<stage>`. */
const word = ({ kind, pipeline, stage }) => (kind === 'deal' ? `deal/${pipeline}/${stage}` : kind);

function strangers(text) {
  const [kind, pipeline, stage] = text.split('/');
  return kind === 'deal' ? { kind, pipeline: Number(pipeline), stage: Number(stage) } : { kind };
}

function choices(pipelines, set) {
  const all = [['nothing', t('strangers_nothing')], ['lead', t('strangers_lead')]];
  for (const { id, name, stages } of pipelines) {
    for (const stage of stages) all.push([`deal/${id}/${stage.id}`, t('strangers_deal', { pipeline: name, stage: stage.name })]);
  }
  // A stage that is no more stays to be seen until another one is chosen.
  if (!all.some(([value]) => value === word(set))) all.push([word(set), t('strangers_gone')]);
  return all;
}

function card(channel, users, pipelines) {
  const owner = users.find(({ id }) => id === channel.owner)?.name ?? t('aColleague');
  const everybody = [['', t('channelsOwner', { name: owner })], ...users.filter(({ id }) => id !== channel.owner).map(({ id, name }) => [id, name])];
  const off = !channel.own;
  const create = el('input', { type: 'checkbox', name: 'create', checked: channel.create_persons, disabled: off });
  const form = el(
    'form',
    { class: 'card-main', novalidate: true },
    el('p', { class: 'card-title' }, el('strong', {}, channel.name), el('span', { class: 'help' }, t(`delivery_${channel.delivery}`))),
    el('label', { class: 'check' }, create, el('span', {}, t('createPersons'))),
    choice(t('strangersBecome'), { name: 'strangers', disabled: off || !channel.create_persons }, choices(pipelines, channel.strangers), word(channel.strangers)),
    choice(t('badgeOf'), { name: 'assignee', disabled: off }, everybody, channel.assignee ?? ''),
    faultBox(),
    off ? el('p', { class: 'help' }, t('ownerChanges', { name: owner })) : el('p', {}, el('button', { type: 'submit', class: 'button small' }, t('saveIt'))),
  );
  // Without a person there is neither lead nor deal.
  create.addEventListener('change', () => {
    form.elements.strangers.disabled = !create.checked;
  });
  onSubmit(form, async ({ assignee }) => {
    await api('PUT', '/inbox/api/settings', {
      channel: channel.provider_channel_id,
      create_persons: create.checked,
      strangers: strangers(form.elements.strangers.value),
      assignee: assignee ? Number(assignee) : undefined,
    });
    toast(t('changed'));
  });
  return el('li', { class: 'card' }, providerIcon(channel.provider), form);
}

/** When its tab is opened. */
export async function start() {
  const [{ company, users, channels }, pipelines] = await Promise.all([api('GET', '/inbox/api/settings'), api('GET', '/inbox/api/pipelines')]);
  const mode = company.delivery ?? 'unknown';
  $('delivery').textContent = t(`mode_${mode}`);
  $('delivery-about').textContent = [t(`modeAbout_${mode}`), company.timezone && t('daysIn', { zone: company.timezone })].filter(Boolean).join(' ');
  $('channel-settings').replaceChildren(...channels.map((channel) => card(channel, users, pipelines)));
}
