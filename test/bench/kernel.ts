/**
 * The kernel: from its start to what a user sees, and its memory. Through our own client, beside a bare node; and in Jupyter, beside
 * ipykernel and stock tslab, all driven by jupyter_client.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { KernelClient } from '../../kernel/client.js';
import { install } from '../../kernel/kernelspec.js';
import { LineChild, PYTHON } from './child.js';
import { source } from './floor.js';
import { type Contender, interleave, median } from './measure.js';
import type { Section } from './section.js';

const NODE = 'node -e 0';
/** Cells, or completions, in one sample. */
const TIMES = 15;
const CELL = '1 + 1';

export const kernel: Section = {
  name: 'kernel',
  title: 'a kernel process',
  rounds: 3,
  aims: [
    { figure: 'vfiolab in Jupyter: start to kernel_info', against: 'ipykernel: start to kernel_info', atMost: 0.5 },
    { figure: 'vfiolab in Jupyter: start to first result', against: 'tslab: start to first result', atMost: 0.6 },
    { figure: 'vfiolab in Jupyter: trivial cell', against: 'tslab: trivial cell', atMost: 0.5 },
    { figure: 'vfiolab in Jupyter: the same cell', against: 'tslab: the same cell', atMost: 0.5 },
    { figure: 'vfiolab in Jupyter: resident memory, RSS', against: 'tslab: resident memory, RSS', atMost: 1 },
    { figure: 'vfiolab in Jupyter: completion', atMost: 50 },
  ],

  async measure(rounds, have) {
    const contenders = ours();
    if (!have('jupyter')) return interleave(rounds, contenders, 0);
    const prefix = mkdtempSync(join(tmpdir(), 'vfiolab-bench-'));
    install({ prefix });
    installTslab(prefix);
    const own = { JUPYTER_PATH: join(prefix, 'share', 'jupyter'), XDG_STATE_HOME: join(prefix, 'state') };
    const env = { ...process.env, ...own, PYDEVD_DISABLE_FILE_VALIDATION: '1' };
    const python = new LineChild(PYTHON, [source('jupyter.py')], { env });
    try {
      return await interleave(rounds, [...contenders, ...inJupyter(python)], 0);
    } finally {
      await python.end();
      rmSync(prefix, { recursive: true });
    }
  },
};

/** Each round starts a kernel and ends it. */
function ours(): Contender[] {
  let begun = 0;
  let client: KernelClient | undefined;
  const started = (): KernelClient => {
    if (client) return client;
    throw new Error('no kernel was started');
  };
  const run = async (code: string): Promise<void> => {
    const { status } = await started().execute(code, { onOutput: () => {} });
    if (status !== 'ok') throw new Error(`the cell '${code}' ended with ${status}`);
  };
  const ms = { unit: 'ms' } as const;
  return [
    { name: NODE, ...ms, sample: () => since(() => spawnSync(process.execPath, ['-e', '0'])) },
    {
      name: 'our client: start to kernel_info',
      ...ms,
      floor: NODE,
      sample: async () => {
        begun = performance.now();
        client = await KernelClient.start();
        return performance.now() - begun;
      },
    },
    {
      name: 'our client: start to first result',
      ...ms,
      floor: NODE,
      sample: async () => {
        await run(CELL);
        return performance.now() - begun;
      },
    },
    {
      name: 'our client: trivial cell',
      ...ms,
      floor: 'ipykernel: trivial cell',
      sample: () => several((n) => run(`${CELL} + ${n}`)),
    },
    {
      name: 'our client: the first misspelt register',
      ...ms,
      floor: NODE,
      sample: async () => {
        await run("const edu = open('sim:edu').bar(0).registers(EDU)");
        return since(async () => {
          const { status } = await started().execute('edu.STATSU.read()', { onOutput: () => {} });
          if (status !== 'error') throw new Error(`a misspelt register ended with ${status}`);
        });
      },
    },
    {
      name: 'our client: completion',
      ...ms,
      floor: 'ipykernel: completion',
      sample: () => several(() => started().complete('Math.', 5)),
    },
    { name: 'our client: shutdown', ...ms, sample: () => since(() => started().shutdown()) },
  ];
}

async function since(act: () => unknown): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

async function several(act: (n: number) => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  while (took.length < TIMES) took.push(await since(() => act(took.length)));
  return median(took);
}

const KERNELS = [
  { label: 'ipykernel', name: 'python3', floor: undefined },
  { label: 'tslab', name: 'tslab', floor: 'ipykernel' },
  { label: 'vfiolab in Jupyter', name: 'vfiolab', floor: 'tslab' },
] as const;

/** The kernelspec that `tslab install` writes, of the tslab that we depend on, with its own TypeScript. */
function installTslab(prefix: string): void {
  const folder = join(prefix, 'share/jupyter/kernels/tslab');
  const bin = join(dirname(createRequire(import.meta.url).resolve('tslab/package.json')), 'bin/tslab');
  const argv = [process.execPath, bin, 'kernel', '--config-path={connection_file}'];
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'kernel.json'), JSON.stringify({ argv, display_name: 'tslab', language: 'typescript' }));
}

/** All kernels at each step, one after the other. */
function inJupyter(python: LineChild): Contender[] {
  const ask = async (request: object) => JSON.parse(await python.ask(JSON.stringify(request)));
  const told = new Map<string, Record<string, number>>();
  const remembered = (kernel: string, key: string) => told.get(kernel)?.[key] ?? Number.NaN;
  const steps: { what: string; unit: 'ms' | 'MiB'; sample: (kernel: string) => number | Promise<number | number[]> }[] =
    [
      {
        what: 'start to kernel_info',
        unit: 'ms',
        sample: async (kernel) => {
          told.set(kernel, await ask({ do: 'start', kernel }));
          return remembered(kernel, 'info');
        },
      },
      { what: 'start to first result', unit: 'ms', sample: (kernel) => remembered(kernel, 'result') },
      {
        what: 'trivial cell',
        unit: 'ms',
        sample: (kernel) => ask({ do: 'cells', kernel, times: TIMES, again: false }),
      },
      {
        what: 'the same cell',
        unit: 'ms',
        sample: (kernel) => ask({ do: 'cells', kernel, times: TIMES, again: true }),
      },
      { what: 'completion', unit: 'ms', sample: (kernel) => ask({ do: 'complete', kernel, times: TIMES }) },
      {
        what: 'resident memory, PSS',
        unit: 'MiB',
        sample: async (kernel) => {
          told.set(kernel, await ask({ do: 'memory', kernel }));
          return remembered(kernel, 'pss');
        },
      },
      {
        what: 'resident memory, RSS',
        unit: 'MiB',
        sample: async (kernel) => {
          await ask({ do: 'stop', kernel });
          return remembered(kernel, 'rss');
        },
      },
    ];
  return steps.flatMap(({ what, unit, sample }) =>
    KERNELS.map(({ label, name, floor }) => ({
      name: `${label}: ${what}`,
      unit,
      ...(floor === undefined ? {} : { floor: `${floor}: ${what}` }),
      sample: () => sample(name),
    })),
  );
}
