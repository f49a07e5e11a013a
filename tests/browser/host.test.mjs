// The page and Pipedrive's own SDK inside another host than the simulated Pipedrive, see host.mjs: what it asks of a host, in
// which order, and what it makes of the answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUNDLE, PATIENCE, SCREENSHOTS, choose, customer, newPage, pick, withPerson } from './harness.mjs';
import { startHost, token } from './host.mjs';

const CLAIMS = { userId: Number(process.env.DEMO_USER), companyId: Number(process.env.DEMO_COMPANY) };

/** Opens a page of the app in the host. `before` is run in the host before its frame loads. */
async function inHost(t, path, { before, claims = CLAIMS, signed = token(claims), query = {} } = {}) {
  const host = await startHost();
  t.after(host.stop);
  const { context, page, complaints } = await newPage();
  t.after(() => context.close());
  await page.exposeFunction('sign', () => token(claims));
  const calls = [];
  page.on('request', (request) => calls.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.goto(`${host.url}/?id=the-host`);
  if (before) await page.evaluate(before);
  const address = new URLSearchParams({ userId: CLAIMS.userId, companyId: CLAIMS.companyId, id: 'the-host', theme: 'light', token: signed, ...query });
  await page.locator('iframe').evaluate((frame, url) => {
    frame.src = url;
  }, `${BUNDLE}/${path}?${address}`);
  const app = page.frameLocator('iframe');
  const log = () => page.evaluate(() => window.log.map(({ type, name, args, ports }) => ({ type, name, args, ports })));
  return { page, app, calls, complaints, log };
}

test('it greets before it loads, and is patient', async (t) => {
  const { page, app, calls, complaints, log } = await inHost(t, 'inbox', {
    before: () => {
      window.held.initialize = new Promise((resolve) => {
        window.goOn = resolve;
      });
    },
  });
  await page.waitForResponse('**/session', PATIENCE);
  await page.waitForFunction(() => window.log.some(({ name }) => name === 'initialize'), null, PATIENCE);
  assert.ok(!calls.includes('GET /inbox/api/start'), 'nothing is loaded before the host has answered');
  const [greeting] = (await log()).filter(({ name }) => name === 'initialize');
  assert.deepEqual(greeting, { type: 'command', name: 'initialize', args: { size: { height: 700, width: 800 } }, ports: 1 });
  await page.evaluate(() => window.goOn());
  await app.locator('.row').first().waitFor(PATIENCE);
  const listening = (await log()).filter(({ type }) => type === 'listener').map(({ name }) => name);
  assert.deepEqual(listening.sort(), ['user_settings_change', 'visibility']);
  const { url } = await page.locator('iframe').evaluate((frame) => ({ url: frame.src })).then(() => ({ url: page.frames()[1].url() }));
  assert.ok(!url.includes('token='), url);
  assert.deepEqual(complaints, []);
});

test('it follows the theme, counts at the dock, and comes forward when a message comes in and somebody asked for that', async (t) => {
  const { page, app, complaints, log } = await inHost(t, 'inbox');
  await app.locator('.row').first().waitFor(PATIENCE);
  await page.evaluate(() => window.emit('user_settings_change', { theme: 'dark' }));
  await app.locator('html[data-theme="dark"]').waitFor({ state: 'attached', ...PATIENCE });
  await app.locator('#list-more').click();
  await app.getByRole('menuitemcheckbox', { name: 'Open this window' }).click();
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { text: `Knock ${Date.now()}` });
  await page.waitForFunction(() => window.log.some(({ name }) => name === 'show_floating_window'), null, PATIENCE);
  const counted = (await log()).filter(({ name }) => name === 'set_notification').at(-1);
  assert.ok(counted.args.number > 0);
  await app.locator('#list-more').click();
  await app.getByRole('menuitem', { name: 'Settings' }).click();
  await page.waitForFunction(() => window.log.some(({ name, args }) => name === 'redirect_to' && args.view === 'settings'), null, PATIENCE);
  assert.deepEqual(complaints, []);
});

test('commands that a host refuses are called, and do no harm', async (t) => {
  const { page, app, complaints, log } = await inHost(t, 'inbox', {
    before: () => {
      for (const command of ['set_notification', 'redirect_to', 'show_floating_window']) window.answers[command] = { error: 'not here' };
    },
  });
  await app.locator('.row').first().waitFor(PATIENCE);
  await app.locator('#list-more').click();
  await app.getByRole('menuitemcheckbox', { name: 'Open this window' }).click();
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { text: `Knock again ${Date.now()}` });
  await page.waitForFunction(() => window.log.some(({ name }) => name === 'show_floating_window'), null, PATIENCE);
  await app.locator('#list-more').click();
  await app.getByRole('menuitem', { name: 'Settings' }).click();
  await page.waitForFunction(() => window.log.some(({ name }) => name === 'redirect_to'), null, PATIENCE);
  assert.ok((await log()).some(({ name }) => name === 'set_notification'));
  await choose(app, 'Ada Lovelace');
  assert.deepEqual(complaints, []);
});

test('a record opens in the host, and in a window of its own where the host refuses', async (t) => {
  const { page, app, log } = await inHost(t, 'inbox');
  await choose(app, 'Ada Lovelace');
  await withPerson(app);
  const link = app.locator('.linked[data-kind=person] a');
  const redirects = async () => (await log()).filter(({ name, args }) => name === 'redirect_to' && args.view === 'contacts').length;
  // This host answers with nothing, which is not a refusal.
  await link.click();
  await page.waitForFunction(() => window.log.some(({ name }) => name === 'redirect_to'), null, PATIENCE);
  await page.evaluate(() => {
    window.answers.redirect_to = { error: 'not here' };
  });
  await page.context().route('**/person/*', (route) => route.fulfill({ body: 'A record' }));
  const [opened] = await Promise.all([page.context().waitForEvent('page', PATIENCE), link.click()]);
  await opened.waitForURL(/\/person\/\d+$/, PATIENCE);
  assert.equal(await redirects(), 2);
  assert.equal(page.context().pages().length, 2, 'one window, of the refused one');
});

test('what a colleague keeps to themselves is gone from a page that is open, and comes back', async (t) => {
  const colleague = { userId: Number(process.env.COLLEAGUE), companyId: CLAIMS.companyId };
  const { page, app, complaints } = await inHost(t, 'inbox', { claims: colleague, query: { userId: String(colleague.userId) } });
  await choose(app, 'Emmy Noether');
  const settings = await inHost(t, 'setup');
  await settings.app.locator('#tab-sharing').click();
  const card = settings.app.locator('#shares .card', { hasText: 'Telegram' });
  await card.waitFor(PATIENCE);
  const keep = async (who) => {
    await card.locator('select[name=by]').selectOption(who);
    await card.locator('button[type=submit]').click();
    await settings.app.locator('.toast', { hasText: 'It is changed.' }).last().waitFor(PATIENCE);
  };
  await keep('owner');
  await settings.page.locator('iframe').screenshot({ path: `${SCREENSHOTS}/settings-private.png`, animations: 'disabled' });
  await customer('telegram', '5001', 'Emmy Noether', { text: 'Between the two of us' });
  await app.locator('#chat-none').waitFor(PATIENCE);
  assert.equal(await app.locator('.row', { hasText: 'Emmy Noether' }).count(), 0);
  await app.locator('#search').fill('Noether');
  await app.locator('#search-status', { hasText: '0 results' }).waitFor(PATIENCE);
  await app.locator('#search').fill('');
  const theirs = await inHost(t, 'setup', { claims: colleague, query: { userId: String(colleague.userId) } });
  await theirs.app.locator('#tab-sharing').click();
  const seen = theirs.app.locator('#shares .card', { hasText: 'Telegram' });
  await seen.locator('.help', { hasText: 'Only Ada Admin can change this' }).waitFor(PATIENCE);
  assert.equal(await seen.locator('select').inputValue(), 'owner');
  assert.ok(await seen.locator('select').isDisabled());
  await keep('all');
  await customer('telegram', '5001', 'Emmy Noether', { text: 'Now everybody may know' });
  await app.locator('.row', { hasText: 'Emmy Noether' }).waitFor(PATIENCE);
  assert.deepEqual([...complaints, ...settings.complaints, ...theirs.complaints], []);
});

test('a session that ends is renewed by a token that the host signs', async (t) => {
  const { page, app, log } = await inHost(t, 'inbox');
  await app.locator('.row').first().waitFor(PATIENCE);
  let refused = 0;
  await page.route('**/inbox/api/conversations/*', (route) => {
    if (refused > 0) return route.continue();
    refused += 1;
    return route.fulfill({ status: 401, json: { success: false, data: { code: 'UNAUTHORIZED', message: 'over' } } });
  });
  await app.locator('.row').first().click();
  await app.locator('.message').first().waitFor(PATIENCE);
  assert.equal((await log()).filter(({ name }) => name === 'get_signed_token').length, 1);
});

test('it shows the settings in a host as well', async (t) => {
  const { app, complaints } = await inHost(t, 'setup');
  await app.locator('#channels .card').first().waitFor(PATIENCE);
  assert.deepEqual(complaints, []);
});

test('tokens of nobody, of others and of no signature let nobody in', async (t) => {
  const unsigned = `${token(CLAIMS, 'x', { alg: 'none', typ: 'JWT' }).split('.').slice(0, 2).join('.')}.`;
  const none = { userId: 999, companyId: CLAIMS.companyId };
  for (const [what, options, title] of [
    ['another secret', { signed: token(CLAIMS, 'not the secret of this app, but as long') }, 'session has ended'],
    ['no signature', { signed: unsigned }, 'session has ended'],
    ['expired', { signed: token({ ...CLAIMS, exp: Math.floor(Date.now() / 1000) - 3600 }) }, 'session has ended'],
    ['another company in the address', { query: { companyId: '2002' } }, 'session has ended'],
    ['not installed', { claims: none, query: { userId: '999' } }, 'Connect Pipedrive'],
  ]) {
    const { app, calls } = await inHost(t, 'inbox', options);
    await app.locator('#outside-title', { hasText: title }).waitFor(PATIENCE);
    assert.ok(!calls.some((call) => call.includes('/inbox/api/')), what);
  }
});
