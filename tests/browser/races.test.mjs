// What is answered late, or done in two places at once: it ends where it began, and nothing that somebody typed or chose is lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUNDLE, PATIENCE, choose, customer, floating, held, open, pick, say, told, withPerson } from './harness.mjs';

const csv = (name) => ({ name, mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') });

test('a retry that is answered late is drawn into its own conversation', async () => {
  await customer('whatsapp', '15550100004', 'Edsger Dijkstra', undefined, 'fails');
  const { page, app, close } = await floating();
  await choose(app, 'Edsger Dijkstra');
  const text = `Once more ${Date.now()}`;
  await say(app, text);
  const failed = app.locator('.message.out.bad', { hasText: text });
  await failed.locator('.retry').waitFor(PATIENCE);
  await customer('whatsapp', '15550100004', 'Edsger Dijkstra', undefined, 'reads');
  const { asked, release } = await held(page, '**/inbox/api/messages/*/retry', 'POST');
  await failed.locator('.retry').click();
  await asked;
  await choose(app, 'Ada Lovelace');
  await told(page, release);
  assert.equal(await app.locator('.message', { hasText: text }).count(), 0, 'not in this one');
  await choose(app, 'Edsger Dijkstra');
  await app.locator('.message.out:has(.again)', { hasText: text }).waitFor(PATIENCE);
  await close();
});

test('a conversation that is closed late leaves the head of the open one as it is', async () => {
  const { page, app, close } = await floating();
  await choose(app, 'Grace Hopper');
  const { asked, release } = await held(page, '**/inbox/api/conversations/*/state', 'PUT');
  await app.locator('#toggle-state').click();
  await asked;
  await choose(app, 'Ada Lovelace');
  release();
  await app.locator('.toast', { hasText: 'Closed' }).waitFor(PATIENCE);
  assert.equal(await app.locator('#chat-name').textContent(), 'Ada Lovelace');
  assert.equal(await app.locator('#toggle-state').getAttribute('aria-label'), 'Close chat');
  await customer('whatsapp', '15550100002', 'Grace Hopper', { text: 'Open again, please' });
  await app.locator('.row', { hasText: 'Grace Hopper' }).waitFor(PATIENCE);
  await close();
});

test('a file that is attached while a message is sent waits for the next one', async () => {
  const { page, app, close } = await floating();
  await choose(app, 'Emmy Noether');
  await app.locator('#file').setInputFiles([csv('first.csv')]);
  await app.locator('.chip.done').waitFor(PATIENCE);
  const { asked, release } = await held(page, '**/inbox/api/conversations/*/messages', 'POST');
  await app.locator('#send').click();
  await asked;
  await app.locator('#file').setInputFiles([csv('second.csv')]);
  await app.locator('.chip.done', { hasText: 'second.csv' }).waitFor(PATIENCE);
  await told(page, release);
  await app.locator('.message.out a.card', { hasText: 'first.csv' }).waitFor(PATIENCE);
  assert.deepEqual(await app.locator('.chip .chip-name').allTextContents(), ['second.csv']);
  await app.locator('#send').click();
  await app.locator('.message.out a.card', { hasText: 'second.csv' }).waitFor(PATIENCE);
  await close();
});

test('what was sent at once does not come back as a draft', async () => {
  const { page, app, frame, close } = await floating();
  await choose(app, 'Ada Lovelace');
  const text = `Sent at once ${Date.now()}`;
  await say(app, text);
  await app.locator('.message.out', { hasText: text }).waitFor(PATIENCE);
  // By then whatever was to be kept is.
  await told(page);
  const kept = await frame.evaluate(() => Object.values(window.localStorage));
  assert.ok(!kept.some((one) => one.includes(text)), JSON.stringify(kept));
  await close();
});

test('two places do not erase each other’s drafts', async () => {
  const { page, app, frame, close } = await floating();
  const other = await page.context().newPage();
  await other.goto(`${BUNDLE}/sim/pipedrive/app?surface=floating`);
  const beside = other.frameLocator('iframe[title="Pigeonpost"]');
  await choose(app, 'Katherine Johnson');
  await choose(beside, 'Katherine Johnson');
  await app.locator('#text').fill('From the window');
  const kept = () => frame.waitForFunction(() => Object.values(window.localStorage).some((one) => one.endsWith('From the window')), null, PATIENCE);
  await kept();
  await choose(beside, 'Ada Lovelace');
  await kept();
  await page.reload();
  const anew = page.frameLocator('iframe[title="Pigeonpost"]');
  await choose(anew, 'Katherine Johnson');
  assert.equal(await anew.locator('#text').inputValue(), 'From the window');
  // The other place shows it as well, and empties it for both.
  await choose(beside, 'Katherine Johnson');
  assert.equal(await beside.locator('#text').inputValue(), 'From the window');
  await beside.locator('#text').fill('');
  await choose(beside, 'Ada Lovelace');
  await choose(anew, 'Ada Lovelace');
  await choose(anew, 'Katherine Johnson');
  assert.equal(await anew.locator('#text').inputValue(), '');
  await close();
});

test('a record that was asked for before a change does not undo it', async () => {
  await customer('telegram', '5903', 'Lise Meitner', { text: 'Is it about me?' });
  const { page, app, frame, close } = await floating();
  await choose(app, 'Lise Meitner');
  const person = app.locator('.linked[data-kind=person]');
  if (await withPerson(app)) await told(page);
  // The page hears of its own change too, and asks for the record anew.
  const { asked, release } = await held(page, '**/inbox/api/conversations/*/record', 'GET');
  await pick(app, '.linked[data-kind=person] .icon-button', 'Unlink');
  await app.locator('.unlinked').waitFor(PATIENCE);
  assert.ok(await frame.evaluate(() => document.getElementById('record-linked').contains(document.activeElement)), 'the keyboard stays where it was');
  await asked;
  const news = await held(page, '**/inbox/api/updates?*', 'GET');
  await app.getByRole('button', { name: 'Create a person' }).click();
  await app.locator('dialog button[type=submit]').click();
  await person.waitFor(PATIENCE);
  await Promise.all([page.waitForResponse('**/inbox/api/conversations/*/record', PATIENCE), release()]);
  await frame.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
  assert.equal(await person.count(), 1, 'the answer of before the change is not shown');
  news.release();
  await told(page);
  assert.equal(await person.count(), 1);
  await close();
});

test('a record that cannot be loaded says so, is not busy for ever, and is loaded when somebody asks again', async () => {
  const { page, app, close } = await floating({ expected: /500/ });
  await choose(app, 'Ada Lovelace');
  await page.route('**/inbox/api/conversations/*/record', (route) => route.fulfill({ status: 500, json: { success: false, data: { code: 'x', message: 'Not now' } } }), { times: 1 });
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked .error', { hasText: 'Not now' }).waitFor(PATIENCE);
  assert.equal(await app.locator('#record-linked').getAttribute('aria-busy'), null);
  await app.getByRole('button', { name: 'Try again' }).click();
  await app.locator('#record-linked .facts').waitFor(PATIENCE);
  await close();
});

test('a record goes with its chat', async () => {
  const { app, page, close } = await floating({ width: 1240, size: [1200, 720] });
  await choose(app, 'Ada Lovelace');
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
  await app.locator('#text').focus();
  await page.keyboard.press('Escape');
  await app.locator('#chat-none').waitFor(PATIENCE);
  assert.ok(await app.locator('#record').isHidden());
  await close();
});

test('while a menu is open, keys do not lead away from its conversation', async () => {
  const { app, page, close } = await floating();
  await choose(app, 'Ada Lovelace');
  await app.locator('#chat-more').press('Enter');
  await app.getByRole('menu').waitFor(PATIENCE);
  for (const key of ['Alt+ArrowDown', 'Alt+ArrowUp']) {
    await page.keyboard.press(key);
    assert.equal(await app.locator('#chat-name').textContent(), 'Ada Lovelace', key);
  }
  await page.keyboard.press('Escape');
  await page.keyboard.press('Alt+ArrowDown');
  await app.locator('#chat-name:not(:text("Ada Lovelace"))').waitFor(PATIENCE);
  await close();
});

test('a dialog stays while a text is selected beyond its edge, and closes by a click beside it', async () => {
  const { page, app, close } = await floating();
  await pick(app, '#list-more', 'New conversation');
  const phone = app.locator('dialog input[name=phone]');
  await phone.fill('+1 555 010 9999');
  const box = await phone.boundingBox();
  const frame = await page.locator('iframe[title="Pigeonpost"]').boundingBox();
  await page.mouse.move(box.x + 40, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(frame.x + 5, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  assert.ok(await app.locator('dialog').isVisible());
  await page.mouse.click(frame.x + 5, frame.y + 5);
  await app.locator('dialog').waitFor({ state: 'detached', ...PATIENCE });
  await close();
});

test('a list of dead letters that is asked for twice is shown once', async () => {
  const { page, app, close } = await open('settings');
  const letter = { message_id: 'm_1', customer: 'Customer 1', direction: 'in', text: 'Hello?', attachments: 0, sent_at: '2026-11-20T09:15:00.000Z', dead_at: '2026-11-23T09:15:00.000Z', reason: { code: 'x', text: 'Pipedrive refused it.' } };
  let answers = 0;
  let letGo;
  const gate = new Promise((resolve) => {
    letGo = resolve;
  });
  await page.route('**/inbox/api/dead?*', async (route) => {
    await gate;
    await route.fulfill({ json: { success: true, data: [letter], additional_data: { after: '' } } });
    answers += 1;
  });
  await app.locator('#tab-dead').click();
  await app.locator('#tab-channels').click();
  await app.locator('#tab-dead').click();
  letGo();
  await app.locator('#dead .card').first().waitFor(PATIENCE);
  await app.locator('#panel-dead:not([aria-busy])').waitFor(PATIENCE);
  for (let tries = 0; answers < 2 && tries < 100; tries += 1) await page.waitForTimeout(50);
  await page.waitForTimeout(100);
  assert.equal(answers, 2, 'it was asked for twice');
  assert.equal(await app.locator('#dead .card').count(), 1);
  await close();
});
