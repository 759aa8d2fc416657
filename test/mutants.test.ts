/** The table of mutants is true of the code as it is; `npm run test:mutants` tries them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MUTANTS } from './mutant.js';

const root = join(import.meta.dirname, '..', '..');

test('mutants of lib/ and of kernel/, each with a name of its own', () => {
  assert.ok(MUTANTS.length >= 15);
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const folder of ['lib/', 'kernel/'])
    assert.ok(MUTANTS.filter(({ file }) => file.startsWith(folder)).length >= 5);
});

for (const { name, file, search, test: watcher } of MUTANTS) {
  test(`${name}: its place is there, once`, () => {
    assert.equal(readFileSync(join(root, file), 'utf8').split(search).length - 1, 1, `${file}: ${search}`);
    assert.ok(existsSync(join(root, 'test', `${watcher}.test.ts`)), watcher);
  });
}
