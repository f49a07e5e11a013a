// Ten thousand conversations: the list scrolls and searches smoothly, and the document holds but a screenful of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, floating } from './harness.mjs';

const MANY = Number(process.env.MANY);
/** Copies are numbered from the newest; there were some conversations before. */
const OLDEST = /Customer 99\d\d/;
/** Most rows that are in the document at once. */
const ROWS = 60;
/** How much longer a step through the whole list may take than one through a list of fifty. */
const RATIO = 4;

/** Milliseconds that drawing takes while the list is scrolled up and down in steps, the middle one of them. */
const scrolling = (app) =>
  app.locator('#list').evaluate(async (box) => {
    const taken = [];
    for (let step = 0; step < 40; step += 1) {
      await new Promise(requestAnimationFrame);
      const begun = performance.now();
      box.scrollTop = step % 2 ? box.scrollTop - 300 : Math.min(box.scrollHeight, box.scrollTop + 700);
      box.dispatchEvent(new Event('scroll'));
      void box.querySelector('.field').offsetHeight;
      taken.push(performance.now() - begun);
    }
    return taken.sort((a, b) => a - b)[20];
  });

test('a list of ten thousand conversations scrolls to its end and is searched', { skip: !MANY }, async (t) => {
  const { app, frame, close } = await floating();
  await app.locator('.row').first().waitFor(PATIENCE);
  const short = await scrolling(app);
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
  const long = await scrolling(app);
  most = Math.max(most, await app.locator('.row').count());
  t.diagnostic(`${MANY} rows read in ${Date.now() - begun} ms, at most ${most} in the document; a step takes ${long.toFixed(1)} ms, through fifty ${short.toFixed(1)} ms`);
  assert.ok(most <= ROWS, `${most} rows`);
  assert.ok(long <= Math.max(1, short) * RATIO, `${long} ms against ${short} ms`);
  const searched = Date.now();
  await app.locator('#search').fill('Customer 9900');
  await app.locator('#found-names .result').first().waitFor({ timeout: 60_000 });
  t.diagnostic(`found the oldest of ${MANY} in ${Date.now() - searched} ms`);
  await close();
});
