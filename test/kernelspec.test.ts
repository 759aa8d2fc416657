/** The kernelspec folder: where it goes, what it says, and that it goes away. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { install, remove } from '../kernel/kernelspec.js';

describe('kernelspec', () => {
  let folder: string;
  const saved = { ...process.env };
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'kernelspec-'));
  });
  after(() => {
    process.env = saved;
    rmSync(folder, { recursive: true });
  });

  test('goes where Jupyter looks', () => {
    process.env.HOME = path.join(folder, 'home');
    delete process.env.JUPYTER_DATA_DIR;
    delete process.env.XDG_DATA_HOME;
    assert.equal(install({ user: true }), path.join(folder, 'home/.local/share/jupyter/kernels/vfiolab'));
    process.env.XDG_DATA_HOME = path.join(folder, 'xdg');
    assert.equal(install({ user: true }), path.join(folder, 'xdg/jupyter/kernels/vfiolab'));
    process.env.JUPYTER_DATA_DIR = path.join(folder, 'data');
    assert.equal(install({ user: true, name: 'lab-2' }), path.join(folder, 'data/kernels/lab-2'));
    assert.equal(install({ prefix: folder }), path.join(folder, 'share/jupyter/kernels/vfiolab'));
    process.env.VIRTUAL_ENV = path.join(folder, 'venv');
    assert.equal(install({ sysPrefix: true }), path.join(folder, 'venv/share/jupyter/kernels/vfiolab'));
    delete process.env.VIRTUAL_ENV;
    delete process.env.CONDA_PREFIX;
    assert.throws(() => install({ sysPrefix: true }), /no Python environment is active/);
    assert.throws(() => install({ prefix: folder, user: true }), /one place/);
    assert.throws(() => install({ prefix: folder, name: 'a b' }), /kernel name 'a b'/);
  });

  test('starts this kernel, has its logos, and replaces an earlier one', () => {
    const prefix = path.join(folder, 'twice');
    install({ prefix });
    const spec = install({ prefix });
    assert.deepEqual(readdirSync(path.dirname(spec)), ['vfiolab']);
    assert.deepEqual(readdirSync(spec).sort(), ['kernel.json', 'logo-32x32.png', 'logo-64x64.png', 'logo-svg.svg']);
    const { argv, ...rest } = JSON.parse(readFileSync(path.join(spec, 'kernel.json'), 'utf8'));
    assert.deepEqual(rest, {
      display_name: 'TypeScript (vfiolab)',
      language: 'typescript',
      interrupt_mode: 'message',
      metadata: { debugger: false },
    });
    assert.equal(argv[0], process.execPath);
    assert.equal(argv.at(-1), '{connection_file}');
    assert.equal(existsSync(argv.at(-2)), true);
    assert.equal(statSync(spec).mode & 0o777, 0o755);
  });

  test('is removed, once', () => {
    const prefix = path.join(folder, 'removed');
    const spec = install({ prefix });
    assert.equal(remove({ prefix }), spec);
    assert.equal(existsSync(spec), false);
    assert.equal(remove({ prefix }), undefined);
  });

  test('a place where no folder can be made is an error, at once', () => {
    assert.throws(() => install({ prefix: '/proc/nowhere' }), /ENOENT/);
  });
});
