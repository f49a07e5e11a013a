// The page and Pipedrive's own SDK inside another host than the simulated Pipedrive, see host.mjs: what it asks of a host, in
// which order, and what it makes of the answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUNDLE, PATIENCE, customer, newPage } from './harness.mjs';
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

test('commands that a host refuses do no harm', async (t) => {
  const { app, complaints } = await inHost(t, 'inbox', {
    before: () => {
      for (const command of ['set_notification', 'redirect_to', 'show_floating_window']) window.answers[command] = { error: 'not here' };
    },
  });
  await app.locator('.row').first().click(PATIENCE);
  await app.locator('#messages:not([aria-busy])').waitFor(PATIENCE);
  assert.deepEqual(complaints, []);
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
