// Names, messages, file names and templates that try to be more than text: nothing runs, and nothing breaks out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATIENCE, choose, customer, floating, pick } from './harness.mjs';

const CORPUS = [
  '<script>window.pwned=1</script>',
  '<img src=x onerror="window.pwned=2">',
  '"><svg onload=window.pwned=3>',
  "'-window.pwned='4'-'",
  'javascript:window.pwned=5//http://x',
  '</textarea></div><iframe srcdoc="<script>parent.pwned=6</script>"></iframe>',
  '{{constructor.constructor("window.pwned=7")()}}',
  '<a href="javascript:window.pwned=8">click</a>',
  'https://example.com/"onmouseover="window.pwned=9',
  '<style>*{display:none}</style><base href="https://evil.example/">',
  '\u202egpj.exe\u0000\u200b<b>',
  '&lt;img src=x onerror=window.pwned=10&gt;',
];
/** Longest name that a customer has here. */
const NAME = 79;

/** What ran, and what is in the document that only markup could have brought. */
async function intruders(page, frame) {
  const ran = [];
  for (const one of page.frames()) if ((await one.evaluate(() => window.pwned)) !== undefined) ran.push(one.url());
  const strange = await frame.evaluate(() =>
    [...document.querySelectorAll('iframe, base, style, object, embed, script:not([src]), [onerror], [onload], [onmouseover]')].map((element) => element.outerHTML),
  );
  const links = await frame.evaluate(() => [...document.querySelectorAll('a[href]')].map((link) => link.protocol));
  return [...ran, ...strange, ...links.filter((protocol) => !['http:', 'https:'].includes(protocol))];
}

test('hostile names, messages and file names stay text', async () => {
  for (const [n, text] of CORPUS.entries()) {
    const who = `1555019${String(n).padStart(4, '0')}`;
    await customer('whatsapp', who, text.slice(0, NAME), { text });
    const file = { name: `${text.replaceAll('/', '_')}.txt`, type: 'text/html', data: Buffer.from(text).toString('base64'), caption: text };
    await customer('whatsapp', who, text.slice(0, NAME), { file });
  }
  const { page, app, frame, shot, close } = await floating();
  await app.locator('.row', { hasText: '<script>' }).first().waitFor(PATIENCE);
  for (const text of CORPUS.filter((one) => !/^[\u202e&]/.test(one))) {
    await choose(app, text.slice(0, 30));
    await app.locator('.message.in .card').last().waitFor(PATIENCE);
    await app.locator('.message.in').last().hover();
    assert.deepEqual(await intruders(page, frame), [], text);
  }
  await pick(app, '#chat-more', 'Details');
  await app.locator('#record-linked:not([aria-busy])').waitFor(PATIENCE);
  await app.locator('#search').fill('<img');
  await app.locator('#found-names .result').first().waitFor(PATIENCE);
  await app.locator('#found-texts .result').first().waitFor(PATIENCE);
  await shot('hostile');
  assert.deepEqual(await intruders(page, frame), []);
  await close();
});

test('hostile templates stay text, before and after their gaps are filled', async () => {
  const { page, app, frame, shot, close } = await floating();
  const template = (text, n) => ({ id: `${n}`, name: text, language: text, content: `${text} {{first_name}} ${text}`, gaps: ['first_name'] });
  await page.route('**/inbox/api/channels/*/templates', (route) => route.fulfill({ json: { success: true, data: CORPUS.map(template) } }));
  await choose(app, 'Alan Turing');
  await app.locator('#over-template').click();
  await app.locator('.choice').nth(CORPUS.length - 1).waitFor(PATIENCE);
  await shot('hostile-templates');
  assert.deepEqual(await intruders(page, frame), []);
  for (const [n, text] of CORPUS.entries()) {
    await app.locator('.choice').nth(n).click();
    await app.locator('dialog input').first().fill(text.replaceAll('\u0000', ''));
    await app.locator('.preview').waitFor(PATIENCE);
    assert.deepEqual(await intruders(page, frame), [], text);
    await app.getByRole('button', { name: 'Back', exact: true }).last().click();
  }
  await close();
});
