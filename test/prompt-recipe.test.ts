/** From the prompt to a notebook and back: the dot-commands that read and write files, the user's editor, scripts, the plain prompt. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { type Notebook, readNotebook } from '../repl/notebook.js';
import { cellsOf, choice } from '../repl/recipe.js';
import { needs } from './needs.js';
import { begun, type ScriptedKernel, settled, type Talk, talk } from './prompt-kernel.js';
import { Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-recipe-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
const fresh = (name: string): string => join(folder, `${serial++}-${name}`);
const written = (name: string, text: string): string => {
  const file = fresh(name);
  writeFileSync(file, text);
  return file;
};
const codes = (kernel: ScriptedKernel): string[] => kernel.asked.map(({ code }) => code);

describe('a session as a file', () => {
  let here: Talk & { readonly kernel: ScriptedKernel };
  beforeEach(async () => {
    const talking = talk(join(fresh('state'), 'history'));
    const kernel = await begun(talking);
    here = { ...talking, kernel };
    await here.type('edu.ID.read()\r');
    kernel.asked[1]?.output({ type: 'stream', name: 'stdout', text: 'one\ntwo\n' });
    kernel.asked[1]?.output({ type: 'result', data: { 'text/plain': '42' }, metadata: {}, count: 2 });
    kernel.asked[1]?.end();
    await settled();
    await here.type('bad\r');
    kernel.asked[2]?.output({ type: 'error', ename: 'Error', evalue: 'no', traceback: ['Error: no'] });
    kernel.asked[2]?.end('error');
    await settled();
  });

  test('.cells lists what ran, and what failed', async () => {
    await here.type('.cells\r');
    assert.deepEqual(here.said.slice(-4), [
      'Cells',
      "  1  const dev = open('sim:edu')",
      '  2  edu.ID.read()',
      '  3  bad                          failed',
    ]);
  });

  test('.save writes a notebook with the outputs and what the device is', async () => {
    const file = fresh('all.ipynb');
    await here.type(`.save ${file}\r`);
    assert.equal(here.said.at(-1), `3 cells in ${file}`);
    const { metadata, cells, nbformat_minor } = readNotebook(file) as Notebook & { metadata: { vfiolab?: unknown } };
    assert.deepEqual(metadata.vfiolab, { device: 'sim:edu', id: '1234:11e8' });
    assert.equal(metadata.kernelspec?.language, 'typescript');
    assert.equal(nbformat_minor, 5);
    assert.deepEqual(
      cells.map(({ source, execution_count, outputs }) => [source, execution_count, outputs?.length]),
      [
        [["const dev = open('sim:edu')"], 1, 0],
        [['edu.ID.read()'], 2, 2],
        [['bad'], 3, 1],
      ],
    );
    assert.deepEqual(cells[1]?.outputs?.[0], { name: 'stdout', output_type: 'stream', text: ['one\n', 'two\n'] });
  });

  test('.save takes the cells that are named', async () => {
    const file = fresh('some.ipynb');
    await here.type(`.save ${file} 1-2\r`);
    assert.equal(readNotebook(file).cells.length, 2);
  });

  test('.save says what is wrong', async () => {
    await here.type('.save\r');
    assert.equal(here.said.at(-1), 'name the file: .save bringup.ipynb');
    await here.type(`.save ${folder}/none/x.ipynb\r`);
    assert.match(here.said.slice(-2).join(' '), /x\.ipynb: write: .*\(ENOENT\)/);
  });

  test('.load runs a notebook cell by cell and stops at the first error', async () => {
    const cell = (source: string, cell_type = 'code') => ({ cell_type, id: source, metadata: {}, source, outputs: [] });
    const cells = [cell('# Title', 'markdown'), cell('a'), cell('b'), cell('c')];
    const file = written('load.ipynb', JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
    await here.type(`.load ${file}\r`);
    here.kernel.asked[3]?.end();
    await settled();
    here.kernel.asked[4]?.end('error');
    await settled();
    assert.deepEqual(codes(here.kernel).slice(3), ['a', 'b']);
    assert.equal(here.said.at(-1), 'Not run: c');
  });

  test('.load says where a file cannot be read', async () => {
    await here.type('.load /none/x.ts\r');
    assert.match(here.said.slice(-2).join(' '), /\/none\/x\.ts: read: the file cannot be read \(ENOENT\)/);
  });

  test(".edit puts the last cell, as the user's editor left it, before the cursor", async () => {
    await here.type('.edit\r');
    assert.equal(here.dialogue.scene.editor.text, 'BAD');
    await here.type('\x15.edit 2\r');
    assert.equal(here.dialogue.scene.editor.text, 'EDU.ID.READ()');
    await here.type('\x15.edit 9\r');
    assert.equal(here.said.at(-1), 'no cell 9; .cells lists them');
  });

  test('.help lists every dot-command', async () => {
    await here.type('.help\r');
    const help = here.said.join('\n');
    for (const name of ['.help', '.cells', '.save', '.load', '.edit', '.exit'])
      assert.ok(help.includes(`  ${name}`), name);
  });
});

test('a list of cells', () => {
  const ran = [1, 2, 3, 4].map((number) => ({ number, text: '', outputs: [], ok: true }));
  const numbers = (chosen: string) => choice(ran, chosen)?.map(({ number }) => number);
  assert.deepEqual(numbers(''), [1, 2, 3, 4]);
  assert.deepEqual(numbers('2-3, 1'), [1, 2, 3]);
  assert.deepEqual(numbers('9'), []);
  assert.equal(numbers('2-x'), undefined);
});

test('a .ts file is one cell, or several where lines of // %% part it', () => {
  assert.deepEqual(cellsOf(written('one.ts', 'const a = 1\na\n')), ['const a = 1\na']);
  assert.deepEqual(cellsOf(written('two.ts', '// %% first\nconst a = 1\n\n// %%\na\n')), ['const a = 1', 'a']);
});

describe('a script', () => {
  const run = (words: readonly string[], input = '') =>
    spawnSync(process.execPath, [CLI, 'repl', 'sim:edu', ...words], {
      input,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, XDG_STATE_HOME: fresh('state') },
    });

  test('-e runs code behind the prelude and the cells of --prelude, as plain text', () => {
    const file = written('prelude.ts', 'const twice = (n: number) => 2 * n\n// %%\nconsole.log(dev.spec)\n');
    const { status, stdout, stderr } = run(['--prelude', file, '-e', 'twice(edu.ID.read().MAGIC)']);
    assert.equal(stderr, '');
    assert.equal(stdout, 'sim:edu\n474\n');
    assert.equal(status, 0);
  });

  test('a misspelt register is exit code 1, and nothing ran', () => {
    const { status, stdout, stderr } = run(['-e', "console.log('ran'); edu.STATSU.read()"]);
    assert.equal(stdout, '');
    assert.match(stderr, /STATSU/);
    assert.equal(status, 1);
  });
});

describe('in a terminal', needs('tmux'), () => {
  const open = (env: Readonly<Record<string, string>>): Tmux =>
    new Tmux(`'${process.execPath}' '${CLI}' repl sim:edu`, {
      columns: 80,
      env: { XDG_STATE_HOME: fresh('state'), CI: 'true', ...env },
    });

  test("what was saved runs by vfiolab run; .edit lends the terminal to the user's editor", async () => {
    const file = fresh('saved.ipynb');
    const editor = written('editor', '#!/bin/sh\necho editing\nread line\nsed -i "s/6/60/" "$1"\n');
    chmodSync(editor, 0o755);
    using terminal = open({ EDITOR: editor, VISUAL: '' });
    await terminal.until(/^2>$/m);
    terminal.enter('edu.ID.read()');
    await terminal.until(/MAGIC(?:.|\n)*^3>$/m);
    terminal.enter(`.save ${file}`);
    await terminal.until(/^2 cells in /m);
    assert.ok(existsSync(file));
    const out = fresh('again.ipynb');
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'run', file, '-o', out], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(out, 'utf8'), readFileSync(file, 'utf8'));

    terminal.enter('6 * 7');
    await terminal.until(/^42 \(0x2a\)\n4>$/m);
    terminal.enter('.edit');
    await terminal.until(/^editing$/m);
    terminal.enter('typed for the editor');
    await terminal.until(/^4> 60 \* 7$/m);
    terminal.keys('Enter');
    await terminal.until(/^420 \(0x1a4\)\n5>$/m);
  });
});
