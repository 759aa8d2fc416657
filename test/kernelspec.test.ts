/** The kernelspec folder: where it goes, what it says, and that it goes away. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { install, list, remove } from '../kernel/kernelspec.js';

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

  test('leaves the kernels of others alone', () => {
    const prefix = path.join(folder, 'others');
    const other = path.join(prefix, 'share/jupyter/kernels/python3');
    mkdirSync(other, { recursive: true });
    const spec = JSON.stringify({ argv: ['python3', '-m', 'ipykernel_launcher'], display_name: 'Python 3' });
    writeFileSync(path.join(other, 'kernel.json'), spec);
    assert.throws(() => install({ prefix, name: 'python3' }), /python3\/kernel\.json is another kernel's/);
    assert.throws(() => remove({ prefix, name: 'python3' }), /another kernel's/);
    assert.equal(readFileSync(path.join(other, 'kernel.json'), 'utf8'), spec);
  });

  test('lists what Jupyter finds of it, where it looks, and why it would not start', () => {
    process.env.HOME = path.join(folder, 'list-home');
    for (const name of ['JUPYTER_DATA_DIR', 'XDG_DATA_HOME', 'JUPYTER_PATH', 'CONDA_PREFIX']) delete process.env[name];
    process.env.VIRTUAL_ENV = path.join(folder, 'list-venv');
    const sys = install({ sysPrefix: true, name: 'gone' });
    const user = install({ user: true });
    const file = path.join(sys, 'kernel.json');
    const spec = JSON.parse(readFileSync(file, 'utf8'));
    assert.equal(spec.display_name, 'TypeScript (gone)');
    writeFileSync(file, JSON.stringify({ ...spec, argv: ['/nowhere/node', ...spec.argv.slice(1)] }));
    const found = list().filter((each) => each.folder.startsWith(folder));
    assert.deepEqual(found, [
      { name: 'vfiolab', displayName: 'TypeScript (vfiolab)', folder: user, fault: undefined, own: true },
      {
        name: 'gone',
        displayName: 'TypeScript (gone)',
        folder: sys,
        fault: '/nowhere/node is gone; install it again',
        own: true,
      },
    ]);
    process.env.JUPYTER_PATH = path.join(folder, 'share/jupyter');
    assert.equal(list()[0]?.folder, path.join(folder, 'share/jupyter/kernels/vfiolab'));
  });

  test('a place where no folder can be made is an error, at once', () => {
    assert.throws(() => install({ prefix: '/proc/nowhere' }), /ENOENT/);
  });
});
