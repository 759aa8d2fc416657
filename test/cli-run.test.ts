/** `vfiolab run`: notebooks without Jupyter, by the real kernel, on sim:edu. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { needs } from './needs.js';
import { CLI, vfiolab } from './vfiolab.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-run-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);

const OPTIONS = { concurrency: 2, timeout: 180_000 };

/** A cell in the making: a string is code. */
type Made = string | { readonly prose: string } | { readonly code: string; readonly tags: readonly string[] };

function notebook(name: string, cells: readonly Made[]): string {
  const made = cells.map((cell, index) => {
    const id = `c${index}`;
    if (typeof cell === 'object' && 'prose' in cell)
      return { cell_type: 'markdown', id, metadata: {}, source: cell.prose };
    const [source, metadata] = typeof cell === 'string' ? [cell, {}] : [cell.code, { tags: cell.tags }];
    const outputs = [{ output_type: 'stream', name: 'stdout', text: 'of an earlier run' }];
    return { cell_type: 'code', id, metadata, source, outputs, execution_count: 99 };
  });
  const metadata = { kernelspec: { display_name: 'TypeScript (vfiolab)', language: 'typescript', name: 'vfiolab' } };
  const path = file(name);
  writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells: made }));
  return path;
}

interface Read {
  readonly cells: readonly {
    readonly execution_count?: number | null;
    readonly outputs?: readonly Record<string, unknown>[];
  }[];
}
const read = (path: string): Read => JSON.parse(readFileSync(path, 'utf8'));

const SESSION: readonly Made[] = [
  { prose: '# A card\n\nIn two lines.' },
  `const dev = open();\nconst edu = dev.bar(0).registers(EDU);\ndev.spec`,
  `console.log('one'); console.log('two'); console.error('three');`,
  '',
  `edu.ID.read().MAJOR`,
  `hexdump(Uint8Array.from({ length: 20 }, (_, index) => index))`,
  `const later = 1;`,
  `dev.close()`,
];

describe('a notebook', OPTIONS, () => {
  test('is executed, and OUT holds its outputs as Jupyter would save them', async () => {
    const [path, out] = [notebook('session.ipynb', SESSION), file('session.out.ipynb')];
    const before = readFileSync(path, 'utf8');
    const ended = await vfiolab(['run', path, '--device', 'sim:edu', '-o', out]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stdout, '');
    assert.match(ended.stderr, /cell 1 of 6: ok\n[\s\S]*cell 6 of 6: ok\n$/);
    assert.equal(readFileSync(path, 'utf8'), before, 'the notebook itself is left alone');

    const { cells } = read(out);
    assert.deepEqual(
      cells.map((cell) => cell.execution_count),
      [undefined, 1, 2, null, 3, 4, 5, 6],
    );
    const result = (execution_count: number, value: string) => [
      { output_type: 'execute_result', execution_count, metadata: {}, data: { 'text/plain': [value] } },
    ];
    assert.deepEqual(cells[1]?.outputs, result(1, "'sim:edu'"));
    const streams = cells[2]?.outputs ?? [];
    assert.deepEqual(
      streams.toSorted((a, b) => String(a.name).localeCompare(String(b.name))),
      [
        { output_type: 'stream', name: 'stderr', text: ['three\n'] },
        { output_type: 'stream', name: 'stdout', text: ['one\n', 'two\n'] },
      ],
    );
    assert.deepEqual(cells[3]?.outputs, []);
    assert.deepEqual(cells[4]?.outputs, result(3, '1'));
    const [dump] = cells[5]?.outputs ?? [];
    const data = dump?.data as Record<string, string[]>;
    assert.deepEqual(Object.keys(data), ['text/html', 'text/plain']);
    assert.match(data['text/plain']?.join('') ?? '', /00000000 +00 01 02/);
    assert.match(data['text/html']?.join('') ?? '', /<table/);
    assert.deepEqual(cells[6]?.outputs, []);

    const again = await vfiolab(['run', path, '--device', 'sim:edu', '--json']);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(again.stdout, readFileSync(out, 'utf8'), 'the same bytes every time; with --json on stdout');
  });

  test('is printed as text without -o; a cell that was expected to fail, by its tag raises-exception, does not end it', async () => {
    const path = notebook('text.ipynb', [
      { prose: '# Title' },
      `console.log('said');\n6 * 7`,
      { code: `throw new Error('as told')`, tags: ['raises-exception'] },
      '7 * 8',
    ]);
    const before = readFileSync(path, 'utf8');
    const { code, stdout, stderr } = await vfiolab(['run', path]);
    assert.equal(code, 0, stderr);
    const start = `# Title\n\nIn [1]:\n  console.log('said');\n  6 * 7\n\nsaid\n42\n\n`;
    assert.equal(stdout.slice(0, start.length), start);
    assert.match(stdout.slice(start.length), /as told[\s\S]*\n56\n/);
    assert.equal(readFileSync(path, 'utf8'), before);
  });

  test('runs in its own folder, and opens the device that --device names; a cell may use the types that one before left', async () => {
    mkdirSync(file('sub'));
    const path = notebook('sub/where.ipynb', [
      `process.cwd().endsWith('/sub')`,
      `process.env.VFIOLAB_DEVICE`,
      `try { open() } catch (error) { console.log((error as Error).message) }`,
      `const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU); const status = edu.STATUS;`,
      `const read = status.read(); const map = { ID: r32(0, { MAGIC: [15, 0] }, 'ro') }; const mine = dev.bar(0).registers(map);`,
      `read.IRQ + mine.ID.read().MAGIC`,
    ]);
    const { code, stdout, stderr } = await vfiolab(['run', path, '--device', 'sim:nothing']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\ntrue\n/);
    assert.match(stdout, /\n'sim:nothing'\n/);
    assert.match(stdout, /sim:nothing: open: no simulated card/);
    assert.match(stdout, /\n237\n/);
  });

  test('whose OUT cannot be written is refused before anything runs', async () => {
    for (const [out, errno] of [
      [file('none/out.ipynb'), 'ENOENT'],
      [folder, 'EISDIR'],
    ] as const) {
      const { code, stderr } = await vfiolab(['run', notebook('nowhere.ipynb', ['1']), '-o', out]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`^${out}: write: the notebook cannot be written \\(${errno}\\); give -o[^\\n]+\\n$`),
      );
    }
  });
});

describe('a cell that fails', OPTIONS, () => {
  test('ends the run with 1; OUT is written, without outputs of an earlier run', async () => {
    const [path, out] = [
      notebook('fails.ipynb', ['1', `throw new Error('broken here')`, '2']),
      file('fails.out.ipynb'),
    ];
    const ended = await vfiolab(['run', path, '-o', out]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /cell 2 of 3: failed: Error: broken here\n$/);
    const { cells } = read(out);
    assert.equal(cells[1]?.outputs?.[0]?.output_type, 'error');
    assert.equal(cells[1]?.outputs?.[0]?.evalue, 'broken here');
    assert.deepEqual([cells[2]?.outputs, cells[2]?.execution_count], [[], null]);
  });

  test('is refused before it runs where its types are wrong', async () => {
    const path = notebook('types.ipynb', [`console.log('ran'); open().bar(0).registers(EDU).STATUZ.read()`]);
    const { code, stdout, stderr } = await vfiolab(['run', path]);
    assert.equal(code, 1);
    assert.match(stderr, /STATUZ/);
    assert.doesNotMatch(stdout, /^ran$/m);
  });

  test('by ending the kernel ends the run with 1; OUT is written', async () => {
    const [path, out] = [
      notebook('dies.ipynb', ['1', `process.kill(process.pid, 'SIGKILL')`, '2']),
      file('dies.out.ipynb'),
    ];
    const ended = await vfiolab(['run', path, '-o', out]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /dies\.ipynb: cell 2: the kernel process ended.*SIGKILL.*; run the cells one by one/);
    assert.equal(read(out).cells[0]?.outputs?.length, 1);
  });

  test('by SIGINT ends the run by that signal; OUT is written, the kernel is gone', async () => {
    const [path, out] = [
      notebook('endless.ipynb', [`console.error('pid', process.pid)`, `for (;;) {}`]),
      file('endless.out.ipynb'),
    ];
    const child = spawn(process.execPath, [CLI, 'run', path, '-o', out], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [first] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string];
    assert.match(first, /cell 1 of 2: ok/);
    // The endless cell runs, or is about to: an interrupt that comes too early ends the run as well.
    const rest = text(child.stderr);
    child.kill('SIGINT');
    const [code, signal] = await once(child, 'close');
    assert.deepEqual({ code, signal }, { code: null, signal: 'SIGINT' }, await rest);
    const pid = /pid (\d+)/.exec(JSON.stringify(read(out)))?.[1];
    assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
  });
});

test('OUT is what nbclient saves with the same kernel, but for its time stamps', {
  ...needs('jupyter'),
  timeout: 180_000,
}, async () => {
  const [path, ours, theirs] = [notebook('both.ipynb', SESSION), file('ours.ipynb'), file('theirs.ipynb')];
  const prefix = file('prefix');
  const installed = await vfiolab(['kernel', 'install', '--prefix', prefix]);
  assert.equal(installed.code, 0, installed.stderr);
  const script = `
import nbformat, nbclient, sys
notebook = nbformat.read(sys.argv[1], 4)
language_info = 'language_info' in notebook.metadata
nbclient.NotebookClient(notebook, kernel_name='vfiolab', record_timing=False, timeout=120).execute()
if not language_info: notebook.metadata.pop('language_info', None)
nbformat.write(notebook, sys.argv[2])
`;
  const ended = await vfiolab(['run', path, '-o', ours]);
  const python = spawnSync('/usr/bin/python3', ['-c', script, path, theirs], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, JUPYTER_PATH: join(prefix, 'share', 'jupyter') },
  });
  assert.equal(python.status, 0, python.stderr);
  assert.equal(ended.code, 0, ended.stderr);
  // nbclient leaves the outputs of a cell without code as they were.
  const cells = (path: string) => read(path).cells.map(({ outputs }, index) => (SESSION[index] === '' ? [] : outputs));
  assert.deepEqual(cells(ours), cells(theirs));
});
