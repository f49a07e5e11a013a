// Ten thousand conversations: the list scrolls and searches smoothly, and the document holds but a screenful of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, floating } from './harness.mjs';

const MANY = Number(process.env.MANY);
/** Copies are numbered from the newest; there were some conversations before. */
const OLDEST = /Customer 99\d\d/;
/** Most rows that are in the document at once. */
const ROWS = 60;
/** Most rows that one step of scrolling makes: those that come into sight by it. */
const ROWS_A_STEP = 12;

/** The most rows that are made by one of some steps up and down. */
const madeBy = (app) =>
  app.locator('#list').evaluate(async (box) => {
    const field = box.querySelector('.field');
    let most = 0;
    const observer = new MutationObserver(() => {});
    observer.observe(field, { childList: true });
    for (let step = 0; step < 40; step += 1) {
      await new Promise(requestAnimationFrame);
      observer.takeRecords();
      const before = new Set(field.children);
      box.scrollTop = step % 2 ? box.scrollTop - 300 : Math.min(box.scrollHeight, box.scrollTop + 700);
      box.dispatchEvent(new Event('scroll'));
      const made = observer.takeRecords().flatMap((record) => [...record.addedNodes]);
      most = Math.max(most, new Set(made.filter((row) => !before.has(row))).size);
    }
    observer.disconnect();
    return most;
  });

test('a list of ten thousand conversations scrolls to its end and is searched', { skip: !MANY }, async (t) => {
  const { app, frame, close } = await floating();
  await app.locator('.row').first().waitFor(PATIENCE);
  const begun = Date.now();
  let most = 0;
  for (let complete = false; !complete; ) {
    await app.locator('#list').evaluate((box) => {
      box.scrollTop = box.scrollHeight;
    });
    await frame.waitForTimeout(10);
    most = Math.max(most, await app.locator('.row').count());
    complete = await frame.evaluate(() => document.querySelector('.row').getAttribute('aria-setsize') !== '-1');
    assert.ok(Date.now() - begun < 240_000, 'it comes to its end');
  }
  const seen = await frame.evaluate(() => document.querySelector('#list .field').offsetHeight / document.querySelector('.row').offsetHeight);
  assert.ok(seen > MANY - 10, `${seen} rows`);
  await app.locator('.row', { hasText: OLDEST }).first().waitFor(PATIENCE);
  await app.locator('#list').evaluate((box) => {
    box.scrollTop = box.scrollHeight / 2;
  });
  const made = await madeBy(app);
  most = Math.max(most, await app.locator('.row').count());
  t.diagnostic(`${MANY} rows read in ${Date.now() - begun} ms, at most ${most} in the document, and at most ${made} made by a step`);
  assert.ok(most <= ROWS, `${most} rows`);
  assert.ok(made > 0 && made <= ROWS_A_STEP, `${made} rows were made by one step`);
  const searched = Date.now();
  await app.locator('#search').fill('Customer 9900');
  await app.locator('#found-names .result').first().waitFor({ timeout: 60_000 });
  t.diagnostic(`found the oldest of ${MANY} in ${Date.now() - searched} ms`);
  await close();
});
