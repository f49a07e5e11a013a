// The chat in the floating window: receiving, answering, files, templates, searching, sending again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, choose, customer, floating, pick, say } from './harness.mjs';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAT0lEQVR4nO3PQQ0AIBDAsAP/nuGNAvZoFSzZOjNnDwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA8BHzWgF/Aq1gWQAAAABJRU5ErkJggg==', 'base64');

test('a message comes in within seconds, is read and answered', async () => {
  const { page, app, shot, close } = await floating();
  await app.locator('.row').first().waitFor(PATIENCE);
  await shot('list');
  const text = `Is the lamp still there? ${Date.now()}`;
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { text });
  const row = app.locator('.row', { hasText: text.slice(0, 20) }).first();
  await row.locator('.count').waitFor(PATIENCE);
  await page.locator('#badge', { hasText: /^[1-9]\d*\+?$/ }).waitFor(PATIENCE);
  await choose(app, 'Ada Lovelace');
  await app.locator('.bubble', { hasText: text }).waitFor(PATIENCE);
  await app.locator('.row.open:not(.unread)').waitFor(PATIENCE);
  await say(app, 'It is. 😀 Shall I put it aside?\nhttps://example.com/lamp?id=1');
  const sent = app.locator('.message.out', { hasText: 'Shall I put it aside' }).last();
  await sent.locator('.status.read').waitFor(PATIENCE);
  assert.equal(await sent.locator('a').getAttribute('href'), 'https://example.com/lamp?id=1');
  assert.equal(await app.locator('#text').inputValue(), '');
  await shot('chat');
  await close();
});

test('replies, reactions and edits of the customer are shown where they belong', async () => {
  const { app, shot, close } = await floating();
  await choose(app, 'Ada Lovelace');
  await say(app, 'Blue or green?');
  await app.locator('.message.out', { hasText: 'Blue or green?' }).waitFor(PATIENCE);
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { reply: 'Gren' });
  await app.locator('.message.in .quote').last().waitFor(PATIENCE);
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { edit: 'Green, please' });
  await app.locator('.message.in', { hasText: 'Green, please' }).locator('.meta', { hasText: 'edited' }).waitFor(PATIENCE);
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { reaction: '❤️' });
  await app.locator('.message.out .reactions', { hasText: '❤' }).last().waitFor(PATIENCE);
  await app.locator('.message.in', { hasText: 'Green, please' }).hover();
  await app.locator('.message.in', { hasText: 'Green, please' }).locator('.reply').click();
  await app.locator('#answering', { hasText: 'Green, please' }).waitFor(PATIENCE);
  await say(app, 'Green it is.');
  await app.locator('.message.out', { hasText: 'Green it is.' }).locator('.quote', { hasText: 'Green, please' }).waitFor(PATIENCE);
  await shot('replies');
  await customer('whatsapp', '15550100001', 'Ada Lovelace', { text: 'Never mind' });
  await app.locator('.message.in', { hasText: 'Never mind' }).waitFor(PATIENCE);
  await customer('whatsapp', '15550100001', 'Ada Lovelace', 'delete');
  await app.locator('.message.in', { hasText: 'Message deleted' }).waitFor(PATIENCE);
  await close();
});

test('files go up by pick and by paste, and come down in place', async () => {
  const { app, frame, shot, close } = await floating();
  await choose(app, 'Emmy Noether');
  const picture = app.locator('.message.in .picture img').first();
  await picture.waitFor(PATIENCE);
  await app.locator('.message.in audio').first().waitFor(PATIENCE);
  await assert.doesNotReject(frame.waitForFunction(() => document.querySelector('.message.in .picture img').naturalWidth > 0, null, PATIENCE));
  await app.locator('.message.out a.card', { hasText: 'offer.pdf' }).waitFor(PATIENCE);
  await app.locator('#file').setInputFiles([
    { name: 'plan.png', mimeType: 'image/png', buffer: PNG },
    { name: 'a rather long name of a list of things.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') },
  ]);
  await app.locator('.chip.done').nth(1).waitFor(PATIENCE);
  await frame.evaluate((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
    document.getElementById('text').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, [...PNG]);
  await app.locator('.chip.done').nth(2).waitFor(PATIENCE);
  await shot('files-chosen');
  await app.locator('#text').fill('Here is the plan');
  await app.locator('#send').click();
  const sent = app.locator('.message.out', { hasText: 'Here is the plan' }).last();
  await sent.locator('.picture img').first().waitFor(PATIENCE);
  await sent.locator('a.card', { hasText: '.csv' }).waitFor(PATIENCE);
  assert.equal(await app.locator('.chip').count(), 0);
  await shot('files');
  await picture.click();
  await app.locator('dialog .enlarged img').waitFor(PATIENCE);
  await shot('enlarged');
  await app.locator('#text').press('Escape');
  await close();
});

test('a file that is too large is refused before it is sent', async () => {
  const { app, frame, close } = await floating();
  await choose(app, 'Emmy Noether');
  // Made in the page: what is picked here would have to get there first.
  await frame.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(26 * 1024 * 1024)], 'film.mp4', { type: 'video/mp4' }));
    document.getElementById('text').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await app.locator('.toast.bad', { hasText: 'film.mp4 is too large' }).waitFor(PATIENCE);
  assert.equal(await app.locator('.chip').count(), 0);
  await close();
});

test('after the reply window, a template goes out with its gaps filled', async () => {
  const { app, shot, close } = await floating();
  await choose(app, 'Alan Turing');
  await app.locator('#window-over', { hasText: 'approved templates' }).waitFor(PATIENCE);
  assert.ok(await app.locator('#text').isDisabled());
  await app.locator('#over-template').click();
  await app.locator('.choice').first().waitFor(PATIENCE);
  await shot('templates');
  await app.locator('.choice', { hasText: 'how_was_it' }).click();
  assert.equal(await app.locator('dialog input').first().inputValue(), 'Alan', 'filled from the record');
  await app.locator('dialog input').nth(1).fill('chairs');
  await app.locator('.preview', { hasText: 'Hello Alan, are you happy with your chairs?' }).waitFor(PATIENCE);
  await shot('template');
  await app.locator('dialog button[type=submit]').click();
  const sent = app.locator('.message.out', { hasText: 'are you happy with your chairs?' }).last();
  await sent.locator('.label', { hasText: 'how_was_it' }).waitFor(PATIENCE);
  await close();
});

test('people are found by name and number, messages by text, and it says how far it looked', async () => {
  const { app, shot, close } = await floating();
  await choose(app, 'Ada Lovelace');
  await app.locator('#search').fill('walnut');
  await app.locator('#found-texts .result', { hasText: 'walnut desk' }).waitFor(PATIENCE);
  await app.locator('#looked-texts', { hasText: 'Looked at all messages of the open conversation' }).waitFor(PATIENCE);
  await app.locator('#search').fill('010 0002');
  await app.locator('#found-names .result', { hasText: 'Grace Hopper' }).waitFor(PATIENCE);
  await app.locator('#looked-names', { hasText: /Looked at all \d+ conversations/ }).waitFor(PATIENCE);
  await app.locator('#search').fill('hopper');
  await app.locator('#found-names mark', { hasText: 'Hopper' }).waitFor(PATIENCE);
  await shot('search');
  await app.locator('#found-names .result').first().click();
  await app.locator('#chat-name', { hasText: 'Grace Hopper' }).waitFor(PATIENCE);
  await close();
});

test('who is known by an e-mail address alone is shown and found by it', async () => {
  const { page, app, close } = await floating();
  await page.route('**/inbox/api/**', async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replaceAll('"name":"Mary Somerville"', '"name":"Mary Somerville","email":"mary@example.com"');
    await route.fulfill({ response, body });
  });
  await page.reload();
  await choose(app, 'Mary Somerville');
  assert.match(await app.locator('#chat-about').textContent(), / · mary@example\.com$/);
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-facts dd', { hasText: 'mary@example.com' }).getByRole('button', { name: 'Copy e-mail address' }).waitFor(PATIENCE);
  await app.locator('#search').fill('mary');
  await app.locator('#found-names .glimpse', { hasText: 'mary@example.com' }).locator('mark', { hasText: 'mary' }).waitFor(PATIENCE);
  await close();
});

test('a failed message says why, and is sent again when somebody asks for it', async () => {
  const { app, shot, close } = await floating();
  await choose(app, 'Edsger Dijkstra');
  const failed = app.locator('.message.out.bad').last();
  await failed.locator('.failure .retry').waitFor(PATIENCE);
  await shot('failed');
  await customer('whatsapp', '15550100004', 'Edsger Dijkstra', undefined, 'reads');
  await failed.locator('.failure .retry').click();
  const again = app.locator('.message.out:has(.again)').last();
  await again.locator('.status.read').waitFor(PATIENCE);
  await failed.locator('.failure', { hasText: 'Was sent again' }).waitFor(PATIENCE);
  assert.equal(await failed.locator('.retry').count(), 0, 'once');
  await close();
});

test('a conversation is closed, found among the closed ones, and opens when the customer writes', async () => {
  const { app, close } = await floating();
  await choose(app, 'Grace Hopper');
  await app.locator('#toggle-state').click();
  await app.locator('.toast', { hasText: 'Closed' }).waitFor(PATIENCE);
  await choose(app, 'Ada Lovelace');
  await app.locator('.row', { hasText: 'Grace Hopper' }).waitFor({ state: 'detached', ...PATIENCE });
  await app.locator('#filter-state').selectOption('closed');
  await app.locator('.row', { hasText: 'Grace Hopper' }).waitFor(PATIENCE);
  await app.locator('#filter-state').selectOption('open');
  await customer('whatsapp', '15550100002', 'Grace Hopper', { text: 'One more thing' });
  await app.locator('.row', { hasText: 'Grace Hopper' }).locator('.count').waitFor(PATIENCE);
  await app.locator('#filter-unread').click();
  await app.locator('.row', { hasText: 'Grace Hopper' }).waitFor(PATIENCE);
  await close();
});

test('what was typed and not sent is there again', async () => {
  const { page, app, close } = await floating();
  await choose(app, 'Katherine Johnson');
  await app.locator('#text').fill('Half a sen');
  await choose(app, 'Ada Lovelace');
  assert.equal(await app.locator('#text').inputValue(), '');
  await choose(app, 'Katherine Johnson');
  assert.equal(await app.locator('#text').inputValue(), 'Half a sen');
  await page.reload();
  const anew = page.frameLocator('iframe[title="Pigeonpost"]');
  await choose(anew, 'Katherine Johnson');
  assert.equal(await anew.locator('#text').inputValue(), 'Half a sen');
  await anew.locator('#text').fill('');
  await close();
});

test('a session that ends is renewed by Pipedrive’s token, which is not in the address', async () => {
  const { page, app, frame, close } = await floating({ expected: /401/ });
  assert.ok(!frame.url().includes('token='), frame.url());
  let refused = 0;
  await page.route('**/inbox/api/conversations/*', (route) => {
    if (refused > 0) return route.continue();
    refused += 1;
    return route.fulfill({ status: 401, contentType: 'application/json', body: '{"success":false,"data":{"code":"UNAUTHORIZED","message":"over"}}' });
  });
  await choose(app, 'Ada Lovelace');
  await app.locator('.bubble').first().waitFor(PATIENCE);
  assert.equal(refused, 1);
  assert.match(await page.locator('#log').textContent(), /get_signed_token/);
  await close();
});
