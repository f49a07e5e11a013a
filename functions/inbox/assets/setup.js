// The settings page of the app: channels first, and a tab for each other part. Greets Pipedrive first, and loads afterwards.
import { ApiError, api, openSession } from './api.js';
import { toast } from './dialog.js';
import { $ } from './dom.js';
import { greet, opened } from './frame.js';
import { drawIcons } from './icons.js';
import { startChannels } from './setup-channels.js';
import { startKeys } from './setup-keys.js';
import { t, translate } from './text.js';

/** What else there is comes when its tab is opened, and anew each time. */
const PARTS = {
  'tab-records': () => import('./setup-records.js'),
  'tab-dead': () => import('./setup-dead.js'),
  'tab-activity': () => import('./setup-activity.js'),
  'tab-sharing': () => import('./setup-sharing.js'),
};

async function load(tab) {
  const panel = $(tab.getAttribute('aria-controls'));
  panel.setAttribute('aria-busy', 'true');
  try {
    await (await PARTS[tab.id]()).start();
  } catch (error) {
    toast(error.message, 'bad');
  } finally {
    panel.removeAttribute('aria-busy');
  }
}

function select(tab) {
  for (const one of document.querySelectorAll('[role="tab"]')) {
    const is = one === tab;
    one.setAttribute('aria-selected', String(is));
    one.tabIndex = is ? 0 : -1;
    $(one.getAttribute('aria-controls')).hidden = !is;
  }
  tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  if (PARTS[tab.id]) load(tab);
}

function tabs() {
  const all = [...document.querySelectorAll('[role="tab"]')];
  for (const tab of all) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', (event) => {
      const at = all.indexOf(tab);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = all[(to + all.length) % all.length];
      select(next);
      next.focus();
    });
  }
}

function outside(title, text, connect) {
  $('splash').hidden = true;
  $('outside').hidden = false;
  $('outside-title').textContent = title;
  $('outside-text').textContent = text;
  $('outside-connect').hidden = !connect;
}

async function run() {
  document.title = t('settings');
  translate();
  drawIcons();
  const greeted = greet().catch(() => false);
  // The browser comes here too once it has installed the app, outside of Pipedrive.
  if (!opened.token && !opened.id) {
    return opened.installed ? outside(t('installedTitle'), t('installedText'), false) : outside(t('settings'), t('settingsOutside'), true);
  }
  try {
    await Promise.all([greeted, opened.token ? openSession() : greeted.then(() => openSession())]);
    const [{ users }] = await Promise.all([api('GET', '/inbox/api/settings'), startChannels(), startKeys()]);
    $('reconnect').hidden = users.every(({ own, connected }) => !own || connected);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return outside(t('connectTitle'), t('connectText'), true);
    if (error instanceof ApiError && error.status === 401) return outside(t('expiredTitle'), t('expiredText'), false);
    return outside(t('brokenTitle'), error.message, false);
  }
  tabs();
  $('splash').hidden = true;
  $('page').hidden = false;
  if (opened.installed) toast(t('installedTitle'));
  return undefined;
}

run();
