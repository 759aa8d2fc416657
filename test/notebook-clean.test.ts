/** `vfiolab notebook clean`, and `vfiolab run -p`: notebooks that can be committed, and that can be told what to do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { clean } from '../repl/clean.js';
import { type Notebook, notebookText, readNotebook } from '../repl/notebook.js';
import { inject } from '../repl/parameters.js';
import { CLI, vfiolab } from './vfiolab.js';

const NOTEBOOKS = path.join(import.meta.dirname, '../../notebooks');
const folder = mkdtempSync(path.join(tmpdir(), 'clean-'));
after(() => rmSync(folder, { recursive: true }));

const code = (source: string, more: object = {}) => ({
  ...{ cell_type: 'code', id: 'c', metadata: {}, outputs: [], execution_count: null, source },
  ...more,
});
const notebook = (cells: object[], metadata: object = {}): Notebook =>
  ({ nbformat: 4, nbformat_minor: 5, metadata, cells }) as unknown as Notebook;
function saved(name: string, content: Notebook): string {
  const file = path.join(folder, name);
  writeFileSync(file, notebookText(content));
  return file;
}

describe('clean', { timeout: 120_000 }, () => {
  const result = (count: number | null) => ({
    ...{ output_type: 'execute_result', data: { 'text/plain': ['1'] }, metadata: {}, execution_count: count },
  });
  const messy = (): Notebook =>
    notebook(
      [
        code('1', {
          execution_count: 7,
          outputs: [result(7)],
          metadata: { tags: ['parameters'], collapsed: true, execution: { 'iopub.status.busy': '2026-01-01' } },
        }),
        {
          cell_type: 'markdown',
          id: 'm',
          metadata: { slideshow: { slide_type: 'slide' }, vscode: {} },
          source: 'text',
        },
      ],
      {
        kernelspec: { name: 'vfiolab', display_name: 'TypeScript (vfiolab)', language: 'typescript' },
        language_info: { name: 'typescript', version: '5.9.3', file_extension: '.ts' },
        papermill: { duration: 1 },
        widgets: {},
      },
    );

  test('takes out what authors did not write', () => {
    const { cells, metadata } = clean(messy());
    assert.deepEqual(metadata, {
      kernelspec: { name: 'vfiolab', display_name: 'TypeScript (vfiolab)', language: 'typescript' },
      language_info: { name: 'typescript', file_extension: '.ts' },
    });
    assert.deepEqual(
      cells.map((cell) => cell.metadata),
      [{ tags: ['parameters'] }, { slideshow: { slide_type: 'slide' } }],
    );
    assert.equal(cells[0]?.execution_count, null);
    assert.deepEqual(cells[0]?.outputs, [result(null)]);
    assert.deepEqual(clean(messy(), { outputs: false }).cells[0]?.outputs, []);
  });

  test('leaves the numbers of one run from top to bottom', () => {
    const run = notebook([
      code('1', { execution_count: 1, outputs: [result(1)] }),
      code(''),
      code('2', { execution_count: 2 }),
    ]);
    assert.deepEqual(
      clean(run).cells.map((cell) => cell.execution_count),
      [1, null, 2],
    );
  });

  test('rewrites files, once; --check only tells; - is a filter', async () => {
    const file = saved('messy.ipynb', messy());
    const before = readFileSync(file, 'utf8');
    const checked = await vfiolab(['notebook', 'clean', '--check', file]);
    assert.deepEqual([checked.code, checked.stdout], [1, `${file} is not clean\n`]);
    assert.equal(readFileSync(file, 'utf8'), before);
    assert.equal((await vfiolab(['notebook', 'clean', file])).stdout, `${file} is cleaned\n`);
    assert.equal(readFileSync(file, 'utf8'), notebookText(clean(messy())));
    const again = await vfiolab(['notebook', 'clean', '--check', file]);
    assert.deepEqual([again.code, again.stdout], [0, '']);
    const filter = spawn(process.execPath, [CLI, 'notebook', 'clean', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
    filter.stdin.end(before);
    assert.equal(await text(filter.stdout), readFileSync(file, 'utf8'));
    const wrong = await vfiolab(['notebook', 'clean', path.join(folder, 'none.ipynb')]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /none\.ipynb: read: the notebook cannot be read \(ENOENT\)/);
  });

  test('finds nothing in the committed notebooks, nor in what run writes', async () => {
    const files = readdirSync(NOTEBOOKS).filter((file) => file.endsWith('.ipynb'));
    const { code: ended, stdout } = await vfiolab([
      'notebook',
      'clean',
      '--check',
      ...files.map((file) => path.join(NOTEBOOKS, file)),
    ]);
    assert.deepEqual([ended, stdout], [0, '']);
    const file = saved('run.ipynb', messy());
    const out = path.join(folder, 'out.ipynb');
    assert.equal((await vfiolab(['run', file, '-o', out])).code, 0);
    assert.equal((await vfiolab(['notebook', 'clean', '--check', out])).code, 0);
    assert.equal(readNotebook(out).cells[0]?.execution_count, 1);
  });
});

describe('parameters', { timeout: 120_000 }, () => {
  const DECLARING = code(
    "const device = 'sim:edu', count = 10\nlet mask: bigint = 0xffn; const fast = false\nconst widths: number[] = [8]; const mode: 'a' | 'b' = 'a'; const low = -1; const any = JSON.parse('1')",
    { metadata: { tags: ['parameters'] } },
  );
  const injected = (...given: string[]): string => {
    const book = notebook([code('0'), structuredClone(DECLARING), code('device')]);
    inject(book, given, 'x.ipynb');
    assert.deepEqual(book.cells[2]?.metadata, { tags: ['injected-parameters'] });
    assert.equal(book.cells.length, 4);
    return String(book.cells[2]?.source);
  };

  test('become literals of their declared types', () => {
    assert.equal(
      injected(
        'device=0000:03:00.0',
        'count=0x20',
        'mask=0x1_0000',
        'fast=true',
        'widths=[8, 16]',
        'mode=b',
        'low=-2.5e3',
      ),
      [
        '// Parameters',
        "const device = '0000:03:00.0'",
        'const count = 0x20',
        'let mask: bigint = 0x1_0000n',
        'const fast = true',
        'const widths: number[] = [8,16]',
        "const mode: 'a' | 'b' = 'b'",
        'const low = -2.5e3',
      ].join('\n'),
    );
    assert.equal(injected(`device=it's "\\`), `// Parameters\nconst device = 'it\\'s "\\\\'`);
    assert.equal(injected('count=1', 'count=2'), '// Parameters\nconst count = 2');
    assert.equal(injected('device='), "// Parameters\nconst device = ''");
  });

  test('that are unknown or of another type are refused', () => {
    const fails = (given: string, message: RegExp) => assert.throws(() => injected(given), message);
    fails('devcie=x', /no parameter devcie; it has device, count, mask, fast, widths, mode, low, any/);
    fails('count=ten', /count takes a number; give a number as TypeScript writes it/);
    fails('count=1;evil()', /count takes a number/);
    fails('mask=1.5', /mask takes a bigint/);
    fails('fast=yes', /fast takes a boolean; give true or false/);
    fails('any=oops', /any takes JSON/);
    fails('device', /not NAME=VALUE/);
    assert.throws(() => inject(notebook([code('1')]), ['a=1'], 'x.ipynb'), /no cell for parameters; tag the cell/);
  });

  test('are run with, typed; a second run replaces the first', async () => {
    const file = saved(
      'parameters.ipynb',
      notebook([structuredClone(DECLARING), code('[device, count + 1, mask, mode]')]),
    );
    const out = path.join(folder, 'parameters-out.ipynb');
    const first = await vfiolab(['run', file, '-p', 'device=0000:01:00.0', '-p', 'count=41', '-o', out]);
    assert.equal(first.code, 0, first.stderr);
    const values = () => JSON.stringify(readNotebook(out).cells.at(-1)?.outputs);
    assert.match(values(), /\[ '0000:01:00\.0', 42, 255n, 'a' \]/);
    const second = await vfiolab(['run', out, '--parameter=mask=7', '-o', out]);
    assert.equal(second.code, 0, second.stderr);
    assert.match(values(), /\[ 'sim:edu', 11, 7n, 'a' \]/);
    assert.equal(readNotebook(out).cells.length, 3);
    const wrong = await vfiolab(['run', file, '-p', 'speed=1']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /parameters\.ipynb: -p speed=1: no parameter speed; it has device, count/);
    const type = await vfiolab(['run', file, '-p', 'mode=c']);
    assert.equal(type.code, 1);
    assert.match(type.stderr, /Type '"c"' is not assignable to type '"a" \| "b"'/);
  });
});
