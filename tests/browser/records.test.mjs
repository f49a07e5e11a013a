// The record beside the chat, and the panel beside a record: link, create, pin, unlink; whose conversations; writing first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, choose, customer, floating, open, pick, say } from './harness.mjs';

/** Opens the record beside the chat. */
async function details(app) {
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
}

const menuOf = (kind) => `.linked[data-kind=${kind}] .icon-button`;

test('a customer is created as a person, gets a deal that is pinned, and is unlinked', async () => {
  await customer('telegram', '5901', 'Rosalind Franklin', { text: 'Do you restore old photographs?' });
  const { app, shot, close } = await floating();
  await choose(app, 'Rosalind Franklin');
  await details(app);
  // Messages may end on records, where strangers are created by themselves.
  if (await app.locator('.linked[data-kind=person]').count()) await pick(app, menuOf('person'), 'Unlink');
  await app.locator('.unlinked').waitFor(PATIENCE);
  await app.getByRole('button', { name: 'Create a person' }).click();
  assert.equal(await app.locator('dialog input[name=name]').inputValue(), 'Rosalind Franklin');
  await shot('record-create');
  await app.locator('dialog button[type=submit]').click();
  await app.locator('.linked[data-kind=person]', { hasText: 'Rosalind Franklin' }).waitFor(PATIENCE);
  await app.getByRole('button', { name: 'Create a deal' }).click();
  await app.locator('dialog input[name=title]').fill('Forty photographs');
  assert.ok((await app.locator('dialog select[name=stage] option').count()) > 0, 'stages to choose from');
  await app.locator('dialog button[type=submit]').click();
  const deal = app.locator('.linked[data-kind=deal]', { hasText: 'Forty photographs' });
  await deal.locator('.tag', { hasText: 'pinned' }).waitFor(PATIENCE);
  await shot('record');
  await pick(app, menuOf('deal'), 'No longer pin it');
  await deal.locator('.tag').waitFor({ state: 'detached', ...PATIENCE });
  await pick(app, menuOf('deal'), 'Pin another deal');
  await app.locator('.choice', { hasText: 'Forty photographs' }).click(PATIENCE);
  await deal.locator('.tag', { hasText: 'pinned' }).waitFor(PATIENCE);
  await app.getByRole('button', { name: 'Create a lead' }).click();
  await app.locator('dialog button[type=submit]').click();
  await app.locator('.linked[data-kind=lead]').waitFor(PATIENCE);
  await app.getByRole('button', { name: 'History' }).click();
  await app.locator('dialog .entry', { hasText: 'Deal chosen (Ada Admin)' }).first().waitFor(PATIENCE);
  await shot('record-history');
  await app.locator('dialog .icon-button').click();
  await pick(app, menuOf('person'), 'Unlink');
  await app.locator('.unlinked', { hasText: 'not matched again' }).waitFor(PATIENCE);
  await close();
});

test('a person is looked for and linked, and opens in Pipedrive', async () => {
  await customer('telegram', '5902', 'R. Franklin', { text: 'It is me, with another account' });
  const { page, app, shot, close } = await floating();
  await choose(app, 'R. Franklin');
  await details(app);
  if (await app.locator('.linked[data-kind=person]').count()) await pick(app, menuOf('person'), 'Unlink');
  await app.getByRole('button', { name: 'Link a person' }).click();
  await app.locator('dialog input[name=q]').fill('Rosalind');
  await app.locator('dialog input[name=q]').press('Enter');
  await app.locator('.choice', { hasText: 'Rosalind Franklin' }).first().waitFor(PATIENCE);
  await shot('record-link');
  await app.locator('.choice', { hasText: 'Rosalind Franklin' }).first().click();
  const person = app.locator('.linked[data-kind=person] a');
  await person.filter({ hasText: 'Rosalind Franklin' }).waitFor(PATIENCE);
  const number = (await person.getAttribute('href')).match(/\/person\/(\d+)$/)[1];
  await person.click();
  await page.waitForURL(new RegExp(`records#person/${number}$`));
  await close();

  const panel = await open('panel', { of: ['person', number] });
  // There is but one, so it is open.
  await panel.app.locator('#chat-name', { hasText: 'R. Franklin' }).waitFor(PATIENCE);
  await panel.app.locator('#chat-back').click();
  assert.equal(await panel.app.locator('.row').count(), 1, 'of the whole company');
  await panel.shot('panel');
  await customer('telegram', '5901', 'Rosalind Franklin', { text: 'Nothing to do with this panel' });
  await customer('telegram', '5902', 'R. Franklin', { text: 'Hello again' });
  await panel.app.locator('.row .count').waitFor(PATIENCE);
  assert.equal(await panel.app.locator('.row').count(), 1);
  await panel.close();
});

test('a company writes first, from the panel of somebody who never wrote', async () => {
  const { page, app, close } = await open('panel', { of: ['person', '999999'] });
  await app.locator('#list-empty', { hasText: 'No conversation here yet' }).waitFor(PATIENCE);
  // Nobody of that number is in the simulated Pipedrive.
  await page.route('**/inbox/api/people?*', (route) => route.fulfill({ json: { success: true, data: [{ id: 999999, name: 'Chien-Shiung Wu', phones: ['+1 555 010 7777'] }] } }));
  await page.route('**/inbox/api/conversations', (route) => {
    const { person, ...rest } = route.request().postDataJSON();
    assert.equal(person, 999999);
    return route.continue({ postData: JSON.stringify(rest) });
  });
  await app.locator('#list-begin').click();
  await app.locator('dialog select[name=channel]').selectOption({ label: 'SMS' });
  await app.locator('dialog button[type=submit]').click();
  await app.locator('#chat-name', { hasText: 'Chien-Shiung Wu' }).waitFor(PATIENCE);
  await say(app, 'Your table is ready.');
  await app.locator('.message.out', { hasText: 'Your table is ready.' }).waitFor(PATIENCE);
  await close();
});

test('on WhatsApp, writing first begins with a template', async () => {
  const { app, shot, close } = await floating();
  await pick(app, '#list-more', 'New conversation');
  await app.locator('dialog input[name=phone]').fill('+1 555 010 8888');
  await app.locator('dialog input[name=name]').fill('Barbara Liskov');
  await app.locator('dialog select[name=channel]').selectOption({ label: 'WhatsApp' });
  await shot('begin');
  await app.locator('dialog button[type=submit]').click();
  await app.locator('#window-over', { hasText: 'begins with an approved template' }).waitFor(PATIENCE);
  assert.ok(await app.locator('#text').isDisabled());
  await app.locator('#over-template').click();
  await app.locator('.choice', { hasText: 'how_was_it' }).click(PATIENCE);
  assert.equal(await app.locator('dialog input').first().inputValue(), 'Barbara');
  await app.locator('dialog input').nth(1).fill('shelf');
  await app.locator('dialog button[type=submit]').click();
  await app.locator('.message.out', { hasText: 'are you happy with your shelf?' }).waitFor(PATIENCE);
  await shot('begun');
  await close();
});
