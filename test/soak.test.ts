/** Each soak in its short form, in a process of its own: it measures what the process holds. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SOAKS } from './soak/main.js';

const run = promisify(execFile);
const main = join(import.meta.dirname, 'soak', 'main.js');

for (const { name, title, short, shortIn, unit = 'times' } of SOAKS) {
  if (shortIn !== undefined) continue;
  test(`${name}: ${title}, ${short} ${unit}`, { timeout: 600_000 }, async (t) => {
    const { stdout } = await run(process.execPath, [main, name, '--count', String(short)]).catch((error) => error);
    assert.doesNotMatch(stdout, /FAILED/);
    assert.match(stdout, new RegExp(`^${name}: .*; \\d+ s$`, 'm'));
    t.diagnostic(stdout.trim().split('\n').at(-1) ?? '');
  });
}
