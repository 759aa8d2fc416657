/** The bench runs and tells: every figure of a section in its table and its data. What the figures are is not tested here. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LineChild, PYTHON } from './bench/child.js';
import { source } from './bench/floor.js';
import { type Figure, interleave, median, quantile, ratio } from './bench/measure.js';
import { type Part, partOf } from './bench/table.js';
import { needs } from './needs.js';

const MAIN = join(import.meta.dirname, 'bench', 'main.js');

function bench(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const json = join(folder, 'figures.json');
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args, '--json', json], {
      encoding: 'utf8',
      timeout: 300_000,
    });
    assert.equal(status, 0, stderr);
    return { stdout, sections: (JSON.parse(readFileSync(json, 'utf8')) as { sections: Part[] }).sections };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const REGISTERS = [
  'read32: C loop',
  'read32: bare koffi call',
  'read32: bar.read32',
  'read32: Python ctypes',
  'read32: Python mmap + struct',
  'write32: C loop',
  'write32: bare koffi call',
  'write32: bar.write32',
  'write32: Python ctypes',
  'write32: Python mmap + struct',
];

test('the bench of registers: every row in the table and as data', needs('cc', 'python3'), () => {
  const { stdout, sections } = bench('registers', '--rounds', '2');
  assert.deepEqual(
    sections.map(({ name, missing }) => ({ name, missing })),
    [{ name: 'registers', missing: [] }],
  );
  const { rows = [], aims = [] } = sections[0] ?? {};
  for (const name of REGISTERS) {
    const row = rows.find((candidate) => candidate.name === name);
    assert.ok(row, name);
    assert.equal(row.rounds, 2);
    assert.ok(row.median > 0 && row.p10 <= row.median && row.median <= row.p90, name);
    assert.ok(name.endsWith('C loop') ? row.ratio === null : (row.ratio ?? 0) > 0, name);
    assert.ok(stdout.includes(`  ${name} `), `${name} in\n${stdout}`);
  }
  assert.equal(aims.length, 2);
  assert.ok(aims.every(({ value }) => value !== null && value > 0));
});

test('the bench of blocks: 4 KiB is one native call', needs('cc'), () => {
  const { sections } = bench('blocks', '--rounds', '1', '--check');
  assert.deepEqual(sections[0]?.aims, [
    { figure: '4 KiB: native calls in bar.readBlock', atMost: 1, value: 1, verdict: 'met' },
  ]);
});

test('the bench of wake-ups: both ways are measured', needs('cc'), () => {
  const { sections } = bench('wakeup', '--rounds', '1');
  const { rows = [] } = sections[0] ?? {};
  assert.equal(rows.length, 2);
  assert.ok(
    rows.every((row) => row.median > 0 && row.median < 1e6),
    JSON.stringify(rows),
  );
});

test(
  'the bench of the prompt: a whole command, keys and a first result beside other prompts',
  needs('python3', 'jupyter'),
  () => {
    const { sections } = bench('prompt', '--rounds', '1');
    const { rows = [] } = sections[0] ?? {};
    assert.deepEqual(
      rows.map(({ name }) => name),
      [
        'node -e 0',
        'vfiolab peek sim:edu bar0+0',
        'kernel alone: start to first result',
        ...['prompt', "node's REPL", 'IPython'].flatMap((who) => [
          `${who}: start to first key accepted`,
          `${who}: start to first result`,
          `${who}: a key, idle`,
        ]),
        'prompt and kernel: 16 registers at 10 Hz',
        'prompt: bytes written an update',
        'prompt: a key, 10,000 lines of history',
        'prompt: a key during output',
      ],
    );
    assert.ok(
      rows.every(({ median, floor, ratio }) => median > 0 && (floor === null || (ratio ?? 0) > 0)),
      JSON.stringify(rows),
    );
  },
);

test('the bench of the kernel: ours, stock tslab and ipykernel by the same driver', needs('jupyter'), () => {
  const { sections } = bench('kernel', '--rounds', '1');
  const { rows = [] } = sections[0] ?? {};
  const steps = ['start to kernel_info', 'start to first result', 'trivial cell', 'completion', 'resident memory, PSS'];
  for (const step of steps) {
    for (const who of ['ipykernel', 'tslab', 'vfiolab in Jupyter']) {
      assert.ok((rows.find(({ name }) => name === `${who}: ${step}`)?.median ?? 0) > 0, `${who}: ${step}`);
    }
  }
});

test('a kernel that dies at its start is started again, a few times', needs('jupyter'), async () => {
  const prefix = mkdtempSync(join(tmpdir(), 'bench-'));
  const spec = (name: string, script: string): void => {
    const folder = join(prefix, 'kernels', name);
    mkdirSync(folder, { recursive: true });
    const argv = ['sh', '-c', script, name, '{connection_file}', folder];
    writeFileSync(join(folder, 'kernel.json'), JSON.stringify({ argv, display_name: name, language: 'python' }));
  };
  const count = 'echo >> "$2/starts"';
  spec(
    'late',
    `${count}; test -e "$2/dead" || { touch "$2/dead"; exit 3; }; exec ${PYTHON} -m ipykernel_launcher -f "$1"`,
  );
  spec('dead', `${count}; exit 3`);
  const starts = (name: string): number => readFileSync(join(prefix, 'kernels', name, 'starts'), 'utf8').length;
  const env = { ...process.env, JUPYTER_PATH: prefix, PYDEVD_DISABLE_FILE_VALIDATION: '1' };
  const driver = new LineChild(PYTHON, [source('jupyter.py')], { env });
  try {
    const { info, result } = JSON.parse(await driver.ask(JSON.stringify({ do: 'start', kernel: 'late' })));
    assert.ok(0 < info && info <= result, `${info} ${result}`);
    assert.equal(starts('late'), 2);
    await assert.rejects(driver.ask(JSON.stringify({ do: 'start', kernel: 'dead' })), /jupyter\.py ended/);
    assert.equal(starts('dead'), 3);
  } finally {
    await driver.end();
    rmSync(prefix, { recursive: true });
  }
});

test('what is missing is named, and fails a check that is to have everything', () => {
  const check = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [MAIN, 'wakeup', '--check'], { encoding: 'utf8', env: { ...env, PATH: '/nowhere' } });
  const lenient = check({});
  assert.match(lenient.stdout, /not measured +needs cc: apt-get install .*gcc/);
  assert.equal(lenient.status, 0, lenient.stderr);
  assert.equal(check({ VFIOLAB_TEST_ALL: '1' }).status, 1);
});

test('contenders run in turn, and warming up does not count', async () => {
  const ran: string[] = [];
  const contender = (name: string, value: number) => ({
    name,
    unit: 'ns' as const,
    sample: () => {
      ran.push(name);
      return [value, ran.length, 1000 + ran.length];
    },
  });
  const figures = await interleave(2, [contender('a', 0), contender('b', 0)], 1);
  assert.deepEqual(ran, ['a', 'b', 'a', 'b', 'a', 'b']);
  assert.deepEqual(
    figures.map(({ rounds }) => rounds),
    [
      [3, 5],
      [4, 6],
    ],
  );
});

test('medians, and ratios within their round', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(quantile([0, 10], 0.9), 9);
  // The machine was ten times slower in the second round: both were.
  const floor: Figure = { name: 'floor', unit: 'ns', rounds: [1, 10, 1] };
  assert.equal(ratio({ name: 'it', unit: 'ns', rounds: [2, 20, 3] }, floor), 2);
});

test('an aim is met, within a fifth, missed, or was not measured', () => {
  const figures: Figure[] = [
    { name: 'floor', unit: 'us', rounds: [10] },
    { name: 'it', unit: 'us', rounds: [33] },
  ];
  const verdict = (figure: string, atMost: number) => {
    const aims = [{ figure, against: 'floor', atMost }];
    return partOf({ name: '', title: '', rounds: 1, aims, measure: async () => [] }, figures, []).aims[0]?.verdict;
  };
  assert.equal(verdict('it', 3.3), 'met');
  assert.equal(verdict('it', 3), 'within 20 %');
  assert.equal(verdict('it', 2.7), 'missed');
  assert.equal(verdict('another', 3), 'not measured');
});
