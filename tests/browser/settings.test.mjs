// The settings page: a channel is connected step by step, settings are changed, dead letters looked at, a key made and revoked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, open, overflow, pick } from './harness.mjs';

const CREDENTIALS = JSON.parse(process.env.CHAT_CREDENTIALS);

test('a channel is connected step by step', async () => {
  const { app, shot, close } = await open('settings', { expected: /400/ });
  await app.locator('#channels .card', { hasText: 'WhatsApp' }).first().waitFor(PATIENCE);
  assert.equal(await app.locator('.provider').count(), 5, 'one for each provider');
  await shot('settings');
  await app.locator('.provider', { hasText: 'A chat of your own' }).click();
  await app.locator('.guide li').nth(2).waitFor(PATIENCE);
  await shot('connect-prepare');
  await app.getByRole('button', { name: 'Next' }).click();
  await app.locator('dialog input[name=name]').fill('Website chat');
  await app.locator('dialog input[name=send_url]').fill('not an address');
  await app.locator('dialog input[name=signing_secret]').fill(CREDENTIALS.signing_secret);
  await app.locator('dialog button[type=submit]').click();
  await app.locator('dialog .error:not([hidden])').waitFor(PATIENCE);
  assert.equal(await app.locator('dialog input[name=send_url]').getAttribute('aria-invalid'), 'true');
  await shot('connect-refused');
  await app.locator('dialog input[name=send_url]').fill(CREDENTIALS.send_url);
  await app.locator('dialog button[type=submit]').click();
  await app.locator('.success', { hasText: 'Website chat is connected.' }).waitFor(PATIENCE);
  await shot('connect-done');
  await app.locator('.dialog-actions .button').click();
  await app.locator('#channels .card', { hasText: 'Website chat' }).waitFor(PATIENCE);
  await close();
});

test('a channel says what becomes of strangers, and keeps it', async () => {
  const { page, app, shot, close } = await open('settings');
  await app.locator('#tab-records').click();
  const card = app.locator('#channel-settings .card', { hasText: 'WhatsApp' }).first();
  await card.waitFor(PATIENCE);
  assert.match(await app.locator('#delivery').textContent(), /^To /, 'how messages are delivered');
  await shot('settings-records');
  await card.locator('select[name=strangers]').selectOption('nothing');
  await card.locator('button[type=submit]').click();
  await app.locator('.toast', { hasText: 'changed' }).waitFor(PATIENCE);
  await page.reload();
  await app.locator('#tab-records').click();
  await card.waitFor(PATIENCE);
  assert.equal(await card.locator('select[name=strangers]').inputValue(), 'nothing');
  await card.locator('select[name=strangers]').selectOption('lead');
  await card.locator('button[type=submit]').click();
  await app.locator('.toast', { hasText: 'changed' }).waitFor(PATIENCE);
  await close();
});

test('dead letters are delivered again, one or all', async () => {
  const letter = (n) => ({ message_id: `m_${n}`, customer: `Customer ${n}`, direction: 'in', text: 'Are you there?', attachments: n, sent_at: '2026-11-20T09:15:00.000Z', dead_at: '2026-11-23T09:15:00.000Z', reason: { code: 'x', text: 'Pipedrive refused it.' } });
  const { page, app, shot, close } = await open('settings');
  // What is dead by nature takes three days: the API is answered for.
  const asked = [];
  let left = [1, 2, 3];
  await page.route('**/inbox/api/dead**', (route) => {
    const request = route.request();
    asked.push(`${request.method()} ${new URL(request.url()).pathname}`);
    if (request.method() === 'GET') return route.fulfill({ json: { success: true, data: left.map(letter), additional_data: { after: '' } } });
    const one = request.url().match(/m_(\d)/);
    const resent = one ? 1 : left.length;
    left = one ? left.filter((n) => n !== Number(one[1])) : [];
    return route.fulfill({ json: { success: true, data: { resent, full: 0 }, additional_data: { after: '' } } });
  });
  await app.locator('#tab-dead').click();
  await app.locator('#dead .card').nth(2).waitFor(PATIENCE);
  await shot('settings-dead');
  await app.locator('#dead .card', { hasText: 'Customer 2' }).getByRole('button').click();
  await app.locator('.toast', { hasText: 'on its way' }).waitFor(PATIENCE);
  assert.equal(await app.locator('#dead .card').count(), 2);
  await app.locator('#resend-all').click();
  await app.locator('.button.danger').click();
  await app.locator('.toast', { hasText: '2 messages are on their way again' }).waitFor(PATIENCE);
  await app.locator('#no-dead').waitFor(PATIENCE);
  assert.deepEqual(asked.filter((one) => one.startsWith('POST')), ['POST /inbox/api/dead/m_2/resend', 'POST /inbox/api/dead/resend']);
  await close();
});

test('what was done, what it cost and who shares it can be seen', async () => {
  const { app, frame, shot, close } = await open('settings');
  await app.locator('#tab-activity').click();
  await app.locator('#budget .bar').first().waitFor(PATIENCE);
  await shot('settings-activity');
  await app.locator('#tab-sharing').click();
  await app.locator('#people .card', { hasText: 'Ada Admin' }).waitFor(PATIENCE);
  const shared = app.locator('#shares select');
  assert.ok((await shared.count()) >= 5, 'each channel says who sees it');
  assert.deepEqual([...new Set(await shared.evaluateAll((all) => all.map((one) => one.value)))], ['all']);
  await shot('settings-sharing');
  assert.deepEqual(await overflow(frame), []);
  await close();
});

test('a key is shown once, and revoked', async () => {
  const { app, shot, close } = await open('settings');
  await app.locator('#tab-keys').click();
  await app.locator('#key-name').fill('Browser test');
  await app.locator('#key-form button').click();
  await app.locator('#shown-key').waitFor(PATIENCE);
  await shot('key');
  const secret = await app.locator('#shown-key').textContent();
  await app.locator('.dialog-actions .button').last().click();
  assert.ok(!(await app.locator('body').textContent()).includes(secret));
  const card = app.locator('#keys .card', { hasText: 'Browser test' });
  await pick(app, '#keys .card:has-text("Browser test") .icon-button', 'Revoke');
  await app.locator('.button.danger').click();
  await card.waitFor({ state: 'detached', ...PATIENCE });
  await close();
});
