import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { needs, packages } from './needs.js';

const program = join(import.meta.dirname, 'needs.js');
const ask = (name: string, env: Record<string, string>): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(
    process.execPath,
    ['-e', `import('${program}').then((m) => console.log(JSON.stringify(m.needs('${name}'))))`],
    {
      encoding: 'utf8',
      env: { PATH: '/nowhere', ...env },
    },
  );

test('a missing need is a skip that names the command', () => {
  const { stdout } = ask('tmux', {});
  assert.deepEqual(JSON.parse(stdout), { skip: 'needs tmux: apt-get install --no-install-recommends tmux' });
});

test('VFIOLAB_TEST_ALL=1 makes it a failure', () => {
  const { status, stderr } = ask('tmux', { VFIOLAB_TEST_ALL: '1' });
  assert.equal(status, 1);
  assert.match(stderr, /Error: needs tmux: apt-get install/);
});

test('VFIOLAB_TEST_WITHOUT leaves a need out', () => {
  const { stdout } = ask('tmux', { VFIOLAB_TEST_WITHOUT: 'jupyter,tmux', VFIOLAB_TEST_ALL: '1' });
  assert.match(JSON.parse(stdout).skip, /left out/);
});

test('what is there is no skip', () => {
  const before = process.env.VFIOLAB_TEST_WITHOUT;
  delete process.env.VFIOLAB_TEST_WITHOUT;
  assert.deepEqual(needs('cc'), {});
  if (before !== undefined) process.env.VFIOLAB_TEST_WITHOUT = before;
});

test('README.md’s command installs every package of the table', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  const command = /^apt-get install(?:.*\\\n)*.*$/m.exec(readme)?.[0].split(/[\s\\]+/) ?? [];
  assert.deepEqual(
    packages().filter((name) => !command.includes(name)),
    [],
  );
});
