// The App Extensions SDK is Pipedrive's own, as its package has it: only the line that names a source map is left out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const ASSETS = new URL('../../functions/inbox/assets/', import.meta.url);
const PACKAGE = new URL('node_modules/@pipedrive/app-extensions-sdk/', import.meta.url);

test('what the page loads is the package, and its licence is beside it', () => {
  const packed = readFileSync(new URL('dist/index.umd.js', PACKAGE), 'utf8').replace(/\/\/# sourceMappingURL=.*\n?/, '');
  assert.equal(readFileSync(new URL('app-extensions-sdk.umd.js', ASSETS), 'utf8').trim(), packed.trim());
  const licence = readFileSync(new URL('LICENSE.md', PACKAGE), 'utf8');
  assert.match(licence, /MIT License/);
  assert.equal(readFileSync(new URL('app-extensions-sdk.LICENSE.txt', ASSETS), 'utf8'), licence);
});
