// How the pages look and who can use them: themes, widths, the keyboard alone, axe.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, choose, findings, floating, open, overflow, pick, withPerson } from './harness.mjs';

const PLACES = ['#tab-records', '#tab-dead', '#tab-activity', '#tab-sharing', '#tab-keys', '#tab-channels'];

async function place(settings, tab) {
  await settings.app.locator(tab).click();
  await settings.app.locator('[role=tabpanel]:not([hidden]):not([aria-busy])').waitFor(PATIENCE);
}

test('it fits into 320 pixels: list, chat, record', async () => {
  const { app, frame, shot, close } = await open('floating', { width: 360, size: [320, 640] });
  await app.locator('.row').first().waitFor(PATIENCE);
  assert.deepEqual(await overflow(frame), []);
  await shot('narrow-list');
  await choose(app, 'Emmy Noether');
  assert.ok(await app.locator('#list-pane').isHidden());
  assert.deepEqual(await overflow(frame), []);
  await shot('narrow-chat');
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
  assert.deepEqual(await overflow(frame), []);
  await shot('narrow-record');
  await app.locator('#record-close').click();
  await app.locator('#chat-back').click();
  assert.ok(await app.locator('#list-pane').isVisible());
  await close();
});

test('the settings fit into 320 pixels', async () => {
  const settings = await open('settings', { width: 320 });
  for (const tab of PLACES) {
    await place(settings, tab);
    assert.deepEqual(await overflow(settings.frame), [], tab);
    await settings.shot(`narrow-settings-${tab.slice(5)}`);
  }
  await settings.close();
});

test('list, chat and record stand side by side where there is room', async () => {
  for (const theme of ['light', 'dark']) {
    const { app, shot, close } = await floating({ theme, width: 1240, size: [1200, 720] });
    await choose(app, 'Ada Lovelace');
    if (await withPerson(app)) {
      await app.getByRole('button', { name: 'Create a deal' }).click(PATIENCE);
      await app.locator('dialog input[name=title]').fill('Walnut desk');
      await app.locator('dialog button[type=submit]').click(PATIENCE);
      await app.locator('.linked[data-kind=deal]').waitFor(PATIENCE);
    }
    assert.equal(await app.locator('#record').evaluate((record) => getComputedStyle(record).position), 'static');
    await shot(`wide-${theme}`);
    await close();
  }
});

test('it is dark where Pipedrive is, and follows it', async () => {
  const { page, app, frame, shot, close } = await floating({ theme: 'dark' });
  await choose(app, 'Emmy Noether');
  const ground = () => frame.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await shot('dark');
  await page.locator('#theme').selectOption('light');
  await app.locator('html[data-theme="light"]').waitFor({ state: 'attached', ...PATIENCE });
  assert.notEqual(await ground(), dark);
  await close();
});

test('the keyboard is enough', async () => {
  const { page, app, frame, close } = await floating();
  await app.locator('.row').first().waitFor(PATIENCE);
  const at = () => frame.evaluate(() => document.activeElement.id);
  const tabTo = async (id) => {
    for (let tries = 0; (await at()) !== id && tries < 20; tries += 1) await page.keyboard.press('Tab');
    assert.equal(await at(), id);
  };
  // Past Pipedrive's own buttons, into the frame.
  await tabTo('search');
  await tabTo('list');
  await page.keyboard.press('/');
  assert.equal(await at(), 'search');
  await tabTo('list');
  const first = await app.locator('#list').getAttribute('aria-activedescendant');
  await page.keyboard.press('ArrowDown');
  assert.notEqual(await app.locator('#list').getAttribute('aria-activedescendant'), first);
  // To one that may be answered freely.
  const names = await app.locator('.row .name').allTextContents();
  await page.keyboard.press('Home');
  for (let down = names.indexOf('Ada Lovelace'); down > 0; down -= 1) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await app.locator('#chat-name', { hasText: 'Ada Lovelace' }).waitFor(PATIENCE);
  await app.locator('#messages:not([aria-busy])').waitFor(PATIENCE);
  assert.equal(await at(), 'text');
  const text = `By keyboard ${Date.now()}`;
  await page.keyboard.type(text);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await at(), 'emoji');
  await page.keyboard.press('Enter');
  await app.locator('.emoji-box').waitFor(PATIENCE);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  assert.equal(await at(), 'text');
  await page.keyboard.press('Enter');
  await app.locator('.message.out', { hasText: `${text}😃` }).waitFor(PATIENCE);
  await app.locator('#chat-more').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  assert.equal(await at(), 'chat-more', 'a menu gives the focus back');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
  await app.locator('#record-close').focus();
  await page.keyboard.press('Escape');
  assert.equal(await at(), 'chat-more', 'so does the record');
  await page.keyboard.press('Escape');
  assert.equal(await at(), 'list');
  await close();
});

test('axe finds nothing that keeps somebody out', async () => {
  for (const theme of ['light', 'dark']) {
    const { app, frame, close } = await floating({ theme, width: 1100, size: [1060, 640] });
    await choose(app, 'Edsger Dijkstra');
    await pick(app, '#chat-more', 'Details');
    await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
    assert.deepEqual(await findings(frame), [], `the chat, ${theme}`);
    await choose(app, 'Alan Turing');
    await app.locator('#window-over').waitFor(PATIENCE);
    await app.locator('#over-template').click();
    await app.locator('.choice').first().click(PATIENCE);
    assert.deepEqual(await findings(frame), [], `after the window, with a template, ${theme}`);
    await app.locator('dialog .icon-button').click();
    await app.locator('#search').fill('ada');
    await app.locator('#found-names .result').first().waitFor(PATIENCE);
    assert.deepEqual(await findings(frame), [], `the search, ${theme}`);
    await close();
    const panel = await open('panel', { theme, of: ['person', '999999'] });
    await panel.app.locator('#list-empty').waitFor(PATIENCE);
    assert.deepEqual(await findings(panel.frame), [], `the panel, ${theme}`);
    await panel.close();
    const settings = await open('settings', { theme });
    for (const tab of PLACES) {
      await place(settings, tab);
      assert.deepEqual(await findings(settings.frame), [], `${tab}, ${theme}`);
    }
    await settings.shot(`settings-${theme}`);
    await settings.app.locator('.provider').first().click();
    assert.deepEqual(await findings(settings.frame), [], `connecting, ${theme}`);
    await settings.close();
  }
});
