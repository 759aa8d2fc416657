/** The committed notebooks: a fresh run on the simulator gives the same file, byte for byte. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { vfiolab } from './vfiolab.js';

const notebooks = join(import.meta.dirname, '..', '..', 'notebooks');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-notebooks-'));
after(() => rmSync(folder, { recursive: true }));

for (const name of readdirSync(notebooks).filter((file) => file.endsWith('.ipynb'))) {
  test(`notebooks/${name} runs top to bottom with the outputs that are committed`, async () => {
    const out = join(folder, name);
    const { code, stderr } = await vfiolab(['run', join(notebooks, name), '--device', 'sim:edu', '-o', out]);
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(out, 'utf8'), readFileSync(join(notebooks, name), 'utf8'));
  });

  test(`notebooks/${name} shows each table as HTML and as plain text`, () => {
    const { cells } = JSON.parse(readFileSync(join(notebooks, name), 'utf8')) as { cells: { outputs?: object[] }[] };
    const bundles = cells
      .flatMap((cell) => cell.outputs ?? [])
      .flatMap((output) => ('data' in output ? [output.data] : []));
    const tables = bundles.filter((data) => JSON.stringify(data).includes('<table'));
    assert.ok(tables.length >= 3);
    for (const data of tables) assert.ok(Object.hasOwn(data as object, 'text/plain'));
  });
}
