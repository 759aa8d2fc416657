/** The seeded session (main.ts) on the simulator alone; on QEMU's edu it runs in the guest (../vm/). */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SEED } from './main.js';
import { OPERATIONS } from './operations.js';
import { differences, STRICTER } from './stricter.js';

const run = promisify(execFile);
const COUNT = 700;

const trace = async (): Promise<string[]> => {
  const script = join(import.meta.dirname, 'main.js');
  const { stdout } = await run(process.execPath, [script, 'sim:edu', String(SEED), String(COUNT)]);
  return stdout.trimEnd().split('\n');
};

test('a seeded session of every kind of operation runs the same every time', { timeout: 120_000 }, async () => {
  const [first, second] = await Promise.all([trace(), trace()]);
  assert.equal(first.length, COUNT + 1);
  assert.deepEqual(first, second);
  const seen = new Set(first.map((line) => line.split(' ')[0]));
  assert.deepEqual(
    OPERATIONS.map(([, name]) => name).filter((name) => !seen.has(name)),
    [],
    'every operation came',
  );
  for (const what of ['; intx 1', '; msi 1', 'BusError', 'EINVAL', 'EEXIST', 'ENOTTY']) {
    assert.ok(
      first.some((line) => line.includes(what)),
      `${what} came`,
    );
  }
});

test('a difference between two traces is found, unless the list of stricter cases has it', () => {
  const same = 'raise 0x1: 0x1; msi 1';
  assert.deepEqual(differences([same], [same]), []);
  assert.equal(differences([same], ['raise 0x1: 0x1']).length, 1);
  assert.equal(differences([same, same], [same]).length, 1);
  assert.deepEqual(differences(['read bar0+0x4 8: 0xff'], ['read bar0+0x4 8: 0x0']), []);
  assert.deepEqual(differences(['block bar0+0x88 16 96: all 0xff'], ['block bar0+0x88 16 96: all 0x0']), []);
  assert.equal(differences(['read bar0+0x4 32: 0xff'], ['read bar0+0x4 32: 0x0']).length, 1);
  assert.equal(differences(['read bar0+0x4 8: 0x0'], ['read bar0+0x4 8: 0xff']).length, 1, 'kinder is no excuse');
  for (const { reason } of STRICTER) assert.ok(reason.length > 20);
});
