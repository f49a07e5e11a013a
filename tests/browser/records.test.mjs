// The record beside the chat, and the panel beside a record: link, create, pin, unlink; whose conversations; writing first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, choose, customer, floating, open, pick, say, told } from './harness.mjs';

/** Opens the record beside the chat. */
async function details(app) {
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
}

/** Has nobody be the customer. Messages may end on records, where strangers are created by themselves, at any moment. */
async function unlinked(app) {
  const [person, nobody] = [app.locator('.linked[data-kind=person]'), app.locator('.unlinked')];
  while (await person.or(nobody).first().waitFor(PATIENCE).then(() => person.isVisible())) {
    await pick(app, menuOf('person'), 'Unlink');
    await nobody.waitFor(PATIENCE);
  }
}

const menuOf = (kind) => `.linked[data-kind=${kind}] .icon-button`;

test('a customer is created as a person, gets a deal that is pinned, and is unlinked', async () => {
  await customer('telegram', '5901', 'Rosalind Franklin', { text: 'Do you restore old photographs?' });
  const { app, shot, close } = await floating();
  await choose(app, 'Rosalind Franklin');
  await details(app);
  await unlinked(app);
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
  await unlinked(app);
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
  await told(panel.page);
  assert.equal(await panel.app.locator('.row').count(), 1, 'also when the others’ news were told');
  // Somebody else may be linked: this person is looked for, and Pipedrive is not asked before somebody asks.
  const asked = [];
  panel.page.on('request', (request) => request.url().includes('/candidates') && asked.push(request.url()));
  await choose(panel.app, 'R. Franklin');
  await details(panel.app);
  await pick(panel.app, menuOf('person'), 'Link another person');
  await panel.app.locator('dialog input[name=q]').fill('Rosalind');
  await panel.app.locator('dialog input[name=q]').press('Enter');
  await panel.app.locator('.choice', { hasText: 'Rosalind Franklin' }).first().waitFor(PATIENCE);
  await panel.app.locator('dialog .dialog-head .icon-button').click();
  assert.equal(asked.length, 1);
  assert.match(asked[0], /q=Rosalind$/);
  // One that is nobody's any more is not this record's.
  await pick(panel.app, menuOf('person'), 'Unlink');
  await panel.app.locator('.unlinked').waitFor(PATIENCE);
  await panel.app.locator('#record-close').click();
  await panel.app.locator('#chat-back').click();
  await panel.app.locator('#list-empty').waitFor(PATIENCE);
  await panel.close();
});

test('the panel of an organization hears of all its persons', async () => {
  const { page, app, close } = await open('panel', { of: ['organization', '999999'] });
  await app.locator('#list-empty').waitFor(PATIENCE);
  let person = null;
  // Which is somebody's organization that has no conversation yet.
  await page.route('**/inbox/api/conversations?organization=*', (route) => route.fulfill({ json: { success: true, data: { conversations: [], persons: [person] } } }));
  await customer('telegram', '5904', 'Chien-Shiung Wu', { text: 'Hello' });
  const beside = await floating();
  await choose(beside.app, 'Chien-Shiung Wu');
  await details(beside.app);
  await unlinked(beside.app);
  await beside.app.getByRole('button', { name: 'Create a person' }).click();
  await beside.app.locator('dialog button[type=submit]').click();
  const link = beside.app.locator('.linked[data-kind=person] a');
  await link.waitFor(PATIENCE);
  person = Number((await link.getAttribute('href')).match(/\/person\/(\d+)$/)[1]);
  await page.reload();
  await app.locator('#list-empty').waitFor(PATIENCE);
  await told(page);
  await customer('telegram', '5904', 'Chien-Shiung Wu', { text: 'Hello again' });
  await app.locator('.row', { hasText: 'Chien-Shiung Wu' }).waitFor(PATIENCE);
  await beside.close();
  await close();
});

test('a company writes first, from the panel of a deal with somebody who never wrote', async () => {
  const { page, app, close } = await open('panel', { of: ['deal', '999998'], expected: /400/ });
  await app.locator('#list-empty', { hasText: 'No conversation here yet' }).waitFor(PATIENCE);
  // Nobody of that number is in the simulated Pipedrive.
  await page.route('**/inbox/api/people?*', (route) => route.fulfill({ json: { success: true, data: [{ id: 999999, name: 'Tu Youyou', phones: ['555 010 7776', '555 010 7777'] }] } }));
  await page.route('**/inbox/api/conversations', (route) => {
    const { person, deal, ...rest } = route.request().postDataJSON();
    assert.deepEqual([person, deal], [999999, 999998]);
    return route.continue({ postData: JSON.stringify(rest) });
  });
  await app.locator('#list-begin').click();
  await app.locator('dialog select[name=channel]').selectOption({ label: 'SMS' });
  await app.locator('dialog select[name=to]').selectOption({ label: 'Tu Youyou · 555 010 7777' });
  // As it is written in Pipedrive it names no country: that can be mended on the spot.
  assert.equal(await app.locator('dialog input[name=phone]').inputValue(), '555 010 7777');
  await app.locator('dialog button[type=submit]').click();
  await app.locator('dialog input[name=phone][aria-invalid=true]').waitFor(PATIENCE);
  await app.locator('dialog input[name=phone]').fill('+1 555 010 7777');
  await app.locator('dialog button[type=submit]').click();
  await app.locator('#chat-name', { hasText: 'Tu Youyou' }).waitFor(PATIENCE);
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

test('a conversation in which nothing was said is listed only while it is open', async () => {
  const { app, close } = await floating();
  await app.locator('.row').first().waitFor(PATIENCE);
  for (const _ of ['begun', 'found again']) {
    await pick(app, '#list-more', 'New conversation');
    await app.locator('dialog input[name=phone]').fill('+1 555 010 6666');
    await app.locator('dialog input[name=name]').fill('Vera Rubin');
    await app.locator('dialog select[name=channel]').selectOption({ label: 'SMS' });
    await app.locator('dialog button[type=submit]').click();
    await app.locator('#chat-name', { hasText: 'Vera Rubin' }).waitFor(PATIENCE);
    await app.locator('.row.open', { hasText: 'Vera Rubin' }).waitFor(PATIENCE);
    await choose(app, 'Ada Lovelace');
    await app.locator('.row', { hasText: 'Vera Rubin' }).waitFor({ state: 'detached', ...PATIENCE });
  }
  await close();
});
