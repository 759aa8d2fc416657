/** Notebook files: read, written and filled as Jupyter does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type NotebookCell, notebookText, OutputRecorder, readNotebook } from '../repl/notebook.js';
import { needs } from './needs.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-notebook-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const notebook = (cells: readonly unknown[], extra = {}) => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells,
  ...extra,
});
const code = (source: string, extra = {}): NotebookCell => ({
  ...{ cell_type: 'code', id: 'a', metadata: {}, source, outputs: [], execution_count: null },
  ...extra,
});

describe('a file that is no notebook for us is refused', () => {
  const cases: readonly [name: string, content: unknown, message: RegExp][] = [
    ['text.ipynb', 'const dev = open()', /text\.ipynb: read: not JSON/],
    ['null.ipynb', 'null', /null\.ipynb: read: not a notebook of format 4/],
    [
      'v3.ipynb',
      { nbformat: 3, worksheets: [] },
      /v3\.ipynb: read: not a notebook of format 4; .*nbconvert --to notebook/,
    ],
    [
      'python.ipynb',
      notebook([], { metadata: { kernelspec: { name: 'python3', language: 'python' } } }),
      /python\.ipynb: read: its language is python/,
    ],
  ];
  for (const [name, content, message] of cases) {
    test(name, () => assert.throws(() => readNotebook(file(name, content)), { name: 'UsageError', message }));
  }
  test('absent', () => {
    assert.throws(() => readNotebook(join(folder, 'none.ipynb')), {
      name: 'SystemError',
      message: /\(ENOENT\); check/,
    });
  });
});

test('an older notebook of format 4 gets the ids that 4.5 wants', () => {
  const path = file('old.ipynb', notebook([{ ...code('1'), id: undefined }], { nbformat_minor: 2 }));
  const read = readNotebook(path);
  assert.equal(read.nbformat_minor, 5);
  assert.equal(read.cells[0]?.id, 'cell-1');
});

describe('outputs', () => {
  test('streams of one name are one output, as lines', () => {
    const cell = code('');
    const recorder = new OutputRecorder();
    recorder.begin(cell);
    for (const text of ['a\nb', 'c\n', 'd']) recorder.add({ type: 'stream', name: 'stdout', text });
    recorder.add({ type: 'stream', name: 'stderr', text: 'e' });
    recorder.add({ type: 'stream', name: 'stdout', text: 'f' });
    assert.deepEqual(cell.outputs, [
      { output_type: 'stream', name: 'stdout', text: ['a\n', 'bc\n', 'd'] },
      { output_type: 'stream', name: 'stderr', text: ['e'] },
      { output_type: 'stream', name: 'stdout', text: ['f'] },
    ]);
  });

  test('a display is updated where it stands, in an earlier cell too', () => {
    const [first, second] = [code(''), code('')];
    const recorder = new OutputRecorder();
    recorder.begin(first);
    recorder.add({ type: 'display', data: { 'text/plain': '1' }, metadata: {}, displayId: 'x' });
    recorder.begin(second);
    recorder.add({ type: 'update', data: { 'text/plain': '2\n3' }, metadata: {}, displayId: 'x' });
    assert.deepEqual(first.outputs, [
      { output_type: 'display_data', data: { 'text/plain': ['2\n', '3'] }, metadata: {} },
    ]);
    assert.deepEqual(second.outputs, []);
  });

  test('clear takes away what is there: at once, or with the next output', () => {
    const cell = code('');
    const recorder = new OutputRecorder();
    const say = (text: string) => recorder.add({ type: 'stream', name: 'stdout', text });
    recorder.begin(cell);
    say('a');
    recorder.add({ type: 'clear', wait: true });
    assert.equal(cell.outputs?.length, 1);
    say('b');
    assert.deepEqual(cell.outputs, [{ output_type: 'stream', name: 'stdout', text: ['b'] }]);
    recorder.add({ type: 'clear', wait: false });
    assert.deepEqual(cell.outputs, []);
  });

  test('a result keeps JSON data as it is, and texts as lines', () => {
    const cell = code('');
    const recorder = new OutputRecorder();
    recorder.begin(cell);
    const data = { 'text/plain': 'a\nb', 'application/json': { a: 'x\ny' } };
    recorder.add({ type: 'result', data, metadata: { m: 1 }, count: 3 });
    recorder.add({ type: 'error', ename: 'E', evalue: 'v', traceback: ['t'] });
    assert.deepEqual(cell.outputs, [
      {
        ...{ output_type: 'execute_result', execution_count: 3, metadata: { m: 1 } },
        data: { 'text/plain': ['a\n', 'b'], 'application/json': { a: 'x\ny' } },
      },
      { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['t'] },
    ]);
  });
});

test('the file is, byte for byte, what nbformat writes', needs('jupyter'), () => {
  const cell = code('const a = 1\r\nb\u2028c\vd\n\ne "ü" \u007f 𝄞\n', { metadata: { tags: ['t'], collapsed: true } });
  const recorder = new OutputRecorder();
  recorder.begin(cell);
  recorder.add({ type: 'stream', name: 'stdout', text: 'a\rb\r\nc\u0085d\f\n\n' });
  recorder.add({ type: 'display', data: { 'text/html': '<p>\n</p>', 'text/plain': '' }, metadata: {} });
  const prose = { cell_type: 'markdown', id: 'b', metadata: {}, source: '' };
  const path = file('bytes.ipynb', notebookText(notebook([cell, prose]) as never));
  const script = 'import nbformat, sys; sys.stdout.write(nbformat.writes(nbformat.read(sys.argv[1], 4)) + "\\n")';
  const python = spawnSync('/usr/bin/python3', ['-c', script, path], { env: { ...process.env, PYTHONUTF8: '1' } });
  assert.equal(python.status, 0, String(python.stderr));
  assert.equal(notebookText(readNotebook(path)), String(python.stdout));
});
