/** The kernel as Jupyter sees it: found by its kernelspec, conforming, and running notebooks; by Debian's Python. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { install } from '../kernel/kernelspec.js';
import { needs } from './needs.js';
import { vfiolab } from './vfiolab.js';

const ROOT = path.join(import.meta.dirname, '../..');
const PYTHON = '/usr/bin/python3';

/** Runs the notebook as `jupyter execute` does, writes it back with its outputs. */
const EXECUTE = `
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name='vfiolab', resources={'metadata': {'path': sys.argv[3]}}).execute()
nbformat.write(notebook, sys.argv[2])
`;

/** Starts a kernel by its name, runs a cell. */
const RUN = `
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1], startup_timeout=120)
told = []
reply = client.execute_interactive('console.log(42)', timeout=120, output_hook=told.append)['content']
print(reply['status'], ''.join(each['content'].get('text', '') for each in told), end='')
client.stop_channels()
manager.shutdown_kernel()
`;

interface NotebookOutput {
  readonly output_type: string;
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly ename?: string;
  readonly data?: Readonly<Record<string, string | readonly string[]>>;
}

describe('Jupyter', { timeout: 600_000, ...needs('jupyter') }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'jupyter-'));
    install({ prefix: folder });
  });
  after(() => rmSync(folder, { recursive: true }));

  function python(...args: string[]): Promise<{ code: number | null; said: string }> {
    const env = { ...process.env, JUPYTER_PATH: path.join(folder, 'share/jupyter'), HOME: folder };
    const child = spawn(PYTHON, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        said += text;
      });
    }
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
  }

  async function execute(notebook: string): Promise<NotebookOutput[][]> {
    const out = path.join(folder, 'out.ipynb');
    const { code, said } = await python('-c', EXECUTE, notebook, out, folder);
    assert.equal(code, 0, said);
    const { cells } = JSON.parse(readFileSync(out, 'utf8')) as { cells: { outputs?: NotebookOutput[] }[] };
    return cells.flatMap(({ outputs }) => (outputs ? [outputs] : []));
  }

  test('passes jupyter_kernel_test, every part of it', async () => {
    const { code, said } = await python(path.join(ROOT, 'test/jupyter_kernel.py'));
    assert.equal(code, 0, said);
    assert.doesNotMatch(said, /skipped/, said);
    assert.match(said, /Ran 2\d tests/, said);
  });

  test("is seen by Debian's Jupyter and by an environment's, runs from there, and is gone when it is removed", async () => {
    const venv = path.join(folder, 'venv');
    const { code, said } = await python('-m', 'venv', '--without-pip', '--system-site-packages', venv);
    assert.equal(code, 0, said);
    // What conda says of the environment that is active; its Jupyter looks below its Python's own prefix.
    const env = { HOME: folder, VIRTUAL_ENV: '', CONDA_PREFIX: venv };
    const specs = async (program: string): Promise<Record<string, { resource_dir: string }>> => {
      const listed = spawn(program, ['-m', 'jupyter_client.kernelspecapp', 'list', '--json'], {
        env: { ...process.env, ...env, JUPYTER_PATH: '' },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return JSON.parse(await text(listed.stdout)).kernelspecs;
    };
    await vfiolab(['kernel', 'install', '--sys-prefix', '--name', 'in-venv'], env);
    await vfiolab(['kernel', 'install', '--user'], env);
    const inVenv = await specs(path.join(venv, 'bin/python3'));
    assert.equal(inVenv['in-venv']?.resource_dir, path.join(venv, 'share/jupyter/kernels/in-venv'));
    assert.ok(inVenv.vfiolab);
    const ran = spawn(path.join(venv, 'bin/python3'), ['-c', RUN, 'in-venv'], {
      env: { ...process.env, ...env, JUPYTER_PATH: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.equal(await text(ran.stdout), 'ok 42\n');
    const debian = await specs(PYTHON);
    assert.deepEqual([debian.vfiolab !== undefined, debian['in-venv']], [true, undefined]);
    const { stdout } = await vfiolab(['kernel', 'list'], { ...env, JUPYTER_PATH: '' });
    assert.match(stdout, /in-venv +TypeScript \(in-venv\) .*works/);
    await vfiolab(['kernel', 'remove', '--sys-prefix', '--name', 'in-venv'], env);
    await vfiolab(['kernel', 'remove', '--user'], env);
    const left = await specs(path.join(venv, 'bin/python3'));
    assert.deepEqual([left['in-venv'], left.vfiolab], [undefined, undefined]);
  });

  test('runs a notebook by nbclient: results, streams, HTML and an expected error', async () => {
    const cell = (source: string, tags: string[] = []) => ({
      ...{ cell_type: 'code', metadata: { tags }, source, outputs: [], execution_count: null },
    });
    const notebook = path.join(folder, 'small.ipynb');
    const cells = [
      cell("const dev = open('sim:edu')\ndev"),
      cell("console.log('one'); console.error('two'); dev.bar(0).read32(0)"),
      cell('dev.bar(0).read32(1)', ['raises-exception']),
      cell("const dev = open('sim:edu')\ndev.closed"),
    ];
    writeFileSync(notebook, JSON.stringify({ nbformat: 4, nbformat_minor: 4, metadata: {}, cells }));
    const [first, second, third, fourth] = await execute(notebook);
    assert.deepEqual(Object.keys(first?.[0]?.data ?? {}).sort(), ['text/html', 'text/plain']);
    assert.deepEqual(
      second?.map(({ output_type, name }) => name ?? output_type),
      ['stdout', 'stderr', 'execute_result'],
    );
    assert.equal(third?.[0]?.ename, 'UsageError');
    assert.deepEqual(fourth?.[0]?.data, { 'text/plain': ['false'] });
  });

  test('runs the notebook of the first session with a card, top to bottom', async () => {
    const outputs = await execute(path.join(ROOT, 'notebooks/edu.ipynb'));
    assert.ok(outputs.length > 5);
    const tables = outputs.flat().filter(({ data }) => data?.['text/html']);
    assert.ok(tables.length > 2);
    for (const { data } of tables) assert.ok(data?.['text/plain']);
  });
});
