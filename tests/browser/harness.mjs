// What the tests share: a browser, the pages inside the simulated Pipedrive, customers who write, screenshots.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

export const { BUNDLE_URL: BUNDLE, SCREENSHOTS } = process.env;
const ASSETS = new URL('../../functions/inbox/assets/', import.meta.url);
const TYPES = { js: 'text/javascript', css: 'text/css' };
// Nothing but the pages' own addresses is asked for.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
// Pages that were not fetched from this machine may not ask it for files.
if (process.env.PAGES_FROM_SOURCE) FLAGS.push('--disable-features=LocalNetworkAccessChecks');
/** How long something may take that the page does by itself, on a busy machine. */
export const PATIENCE = { timeout: 20_000 };

mkdirSync(SCREENSHOTS, { recursive: true });
export const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, headless: true, args: FLAGS });
after(() => browser.close());

/** With `PAGES_FROM_SOURCE`, for who works at the pages: they come from their folder, and not from the binary. */
async function fromSource(context) {
  const read = (name) => readFileSync(new URL(name, ASSETS), 'utf8');
  await context.route(/\/inbox\/assets\/\w+\/[\w.-]+\.(js|css)$/, (route) => {
    const name = new URL(route.request().url()).pathname.split('/').at(-1);
    return route.fulfill({ body: read(name), contentType: TYPES[name.split('.').at(-1)] });
  });
  await context.route(/\/(inbox|setup)\?/, async (route) => {
    const response = await route.fetch();
    const name = new URL(route.request().url()).pathname.slice(1);
    await route.fulfill({ response, body: read(`${name}.html`).replaceAll('{{assets}}', '/inbox/assets/source') });
  });
}

/** A browser of somebody in an office in Berlin. `complaints` are what a developer would find in its console. */
export async function newPage({ width = 1000, height = 780 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, locale: 'en-GB', timezoneId: 'Europe/Berlin' });
  if (process.env.PAGES_FROM_SOURCE) await fromSource(context);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return { context, page, complaints };
}

/**
 * The app in Pipedrive's frame. `width` and `height` are the window's, `size` the frame's, `of` the record that a panel is beside.
 * `close()` fails if the console has more to say than `expected` allows.
 */
export async function open(surface, { theme = 'light', width, height, size, of, expected = /^$/ } = {}) {
  const { context, page, complaints } = await newPage({ width, height });
  const record = of ? `&resource=${of[0]}&selected=${of[1]}` : '';
  await page.goto(`${BUNDLE}/sim/pipedrive/app?surface=${surface}&theme=${theme}${record}`);
  const app = page.frameLocator('iframe[title="Pigeonpost"]');
  await app.locator('#page').waitFor(PATIENCE);
  // The width of the frame decides on the layout.
  if (size) await page.locator(`.${surface}`).evaluate((box, [w, h]) => Object.assign(box.style, { width: `${w}px`, height: `${h}px` }), size);
  const frame = page.frames().find((one) => /\/(inbox|setup)\?/.test(one.url()));
  return {
    page,
    app,
    frame,
    shot: (name) => page.locator('iframe[title="Pigeonpost"]').screenshot({ path: `${SCREENSHOTS}/${name}.png`, animations: 'disabled' }),
    close: async () => {
      assert.deepEqual(complaints.filter((line) => !expected.test(line)), []);
      // A call may be under way that a test answers for.
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await context.close();
    },
  };
}

/** The floating window, as wide as Pipedrive lets it be. */
export const floating = (options = {}) => open('floating', { size: [800, 640], ...options });

/** What a customer does with their phone. */
export async function customer(provider, who, name, does, behaviour) {
  const body = JSON.stringify({ provider, customer: who, name, does, behaviour });
  const answer = await fetch(`${BUNDLE}/sim/phones`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  if (!answer.ok) throw new Error(`the phone: ${await answer.text()}`);
}

/** Opens the conversation with that customer: from the list, or by the search where it is too far down in it. */
export async function choose(app, name) {
  await app.locator('.row').first().waitFor(PATIENCE);
  const row = app.locator('.row', { hasText: name }).first();
  if (await row.count()) {
    await row.click(PATIENCE);
  } else {
    await app.locator('#search').fill(name);
    await app.locator('#found-names .result', { hasText: name }).first().click(PATIENCE);
    // In a narrow window the chat covers the search by now.
    await app.locator('#search').evaluate((search) => {
      search.value = '';
      search.dispatchEvent(new Event('input'));
    });
  }
  await app.locator('#chat-name', { hasText: name }).waitFor(PATIENCE);
  await app.locator('#messages:not([aria-busy])').waitFor(PATIENCE);
}

/** Types an answer and sends it. */
export async function say(app, text) {
  await app.locator('#text').fill(text);
  await app.locator('#text').press('Enter');
}

/** Chooses an entry of the menu at a button. */
export async function pick(app, button, name) {
  await app.locator(button).click();
  await app.getByRole('menuitem', { name, exact: true }).click();
}

/** Opens what is known of the customer, who becomes a person in Pipedrive if they are none. Whether they became one now. */
export async function withPerson(app) {
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
  const isNew = (await app.locator('.unlinked').count()) > 0;
  if (isNew) {
    await app.getByRole('button', { name: 'Create a person' }).click();
    await app.locator('dialog button[type=submit]').click();
  }
  await app.locator('.linked[data-kind=person]').waitFor(PATIENCE);
  return isNew;
}

/**
 * Holds the answer of the next such call back: it is made and done, and the page hears of it when `release()` is called. `asked`
 * resolves when it is done.
 */
export async function held(page, address, method) {
  let taken = false;
  const gates = {};
  const asked = new Promise((resolve) => Object.assign(gates, { isAsked: resolve }));
  const released = new Promise((resolve) => Object.assign(gates, { release: resolve }));
  await page.route(address, async (route) => {
    if (taken || route.request().method() !== method) return route.fallback();
    taken = true;
    const response = await route.fetch();
    gates.isAsked();
    await released;
    return route.fulfill({ response });
  });
  return { asked, release: gates.release };
}

/** Does something, and waits until the page has asked for news once more after it and has drawn them. */
export async function told(page, act = () => {}) {
  await act();
  // The call that is under way may have begun before.
  for (let calls = 0; calls < 2; calls += 1) await page.waitForResponse('**/inbox/api/updates?*', PATIENCE);
  await page.waitForTimeout(100);
}

/** Findings of axe in the frame that keep somebody out. */
export async function findings(frame) {
  if (!(await frame.evaluate(() => 'axe' in window))) await frame.evaluate(axe.source);
  const { violations } = await frame.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary ?? ''}`).join(' | ')}`);
}

/** What in the frame is wider than the frame. What scrolls by itself is not. */
export const overflow = (frame) =>
  frame.evaluate(() => {
    const { clientWidth } = document.documentElement;
    const scrolls = (element) => element.closest('[role="tablist"], #toasts');
    const wide = [...document.querySelectorAll('body *')].filter((element) => {
      const { right, width } = element.getBoundingClientRect();
      return width > 1 && right > clientWidth + 1 && !scrolls(element);
    });
    return wide.map((element) => `${element.tagName}#${element.id}.${element.className}`);
  });
