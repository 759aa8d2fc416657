/** The terminal: the prompt's first key and first result and a key later on, beside other prompts'; a one-shot command beside a bare node. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { KernelClient } from '../../kernel/client.js';
import { prelude } from '../../repl/prelude.js';
import type { NeedName } from '../needs.js';
import { LineChild, PYTHON } from './child.js';
import { root, source } from './floor.js';
import { keyAims, keys } from './keys.js';
import { type Contender, interleave } from './measure.js';
import { panel, panelAims } from './panel.js';
import type { Section } from './section.js';

const NODE = 'node -e 0';
const CLI = join(root, 'dist', 'repl', 'cli.js');
const PEEK = ['peek', 'sim:edu', 'bar0+0'];
/** What is typed: a key that nothing on the screen has in it, and a cell whose result nothing has. */
const TYPED = { key: '~', cell: '111*7', result: '777', leave: '\x15\x04' };

interface Prompt {
  readonly name: string;
  readonly argv: readonly string[];
  /** What it writes when it takes keys. */
  readonly ready: string;
  readonly need?: NeedName;
}

/** Bracketed paste is on, and so raw mode. */
const OURS: Prompt = { name: 'prompt', argv: [process.execPath, CLI, 'repl', 'sim:edu'], ready: '\x1b[?2004h' };
const OTHERS: readonly Prompt[] = [
  { name: "node's REPL", argv: [process.execPath], ready: '> ' },
  {
    name: 'IPython',
    argv: [PYTHON, '-m', 'IPython', '--no-banner', '--no-confirm-exit', '--HistoryManager.enabled=False'],
    ready: 'In [',
    need: 'jupyter',
  },
];

const FIRST_KEY = 'start to first key accepted';
const FIRST_RESULT = 'start to first result';
const KEY = 'a key, idle';
const KERNEL = `kernel alone: ${FIRST_RESULT}`;

/** What one start of a prompt gives: a row each. */
function rows(python: LineChild, { name, argv, ready }: Prompt): Contender[] {
  const request = JSON.stringify({ argv, ready, ...TYPED });
  let last = { accepted: 0, result: 0, keys: [0] };
  const start = async (): Promise<number> => {
    last = JSON.parse(await python.ask(request));
    return last.accepted;
  };
  const result = name === OURS.name ? { floor: KERNEL } : {};
  return [
    { name: `${name}: ${FIRST_KEY}`, unit: 'ms', floor: NODE, sample: start },
    { name: `${name}: ${FIRST_RESULT}`, unit: 'ms', ...result, sample: () => last.result },
    { name: `${name}: ${KEY}`, unit: 'ms', sample: () => last.keys },
  ];
}

export const prompt: Section = {
  name: 'prompt',
  title: 'the terminal',
  rounds: 5,
  aims: [
    { figure: `${OURS.name}: ${FIRST_KEY}`, against: NODE, atMost: 4 },
    { figure: `${OURS.name}: ${FIRST_RESULT}`, against: KERNEL, atMost: 1.25 },
    { figure: `${OURS.name}: ${KEY}`, atMost: 16 },
    ...panelAims,
    ...keyAims,
  ],

  async measure(rounds, have) {
    const contenders: Contender[] = [
      { name: NODE, unit: 'ms', sample: () => wholeProcess('-e', '0') },
      { name: `vfiolab ${PEEK.join(' ')}`, unit: 'ms', floor: NODE, sample: () => wholeProcess(CLI, ...PEEK) },
      { name: KERNEL, unit: 'ms', sample: kernelAlone },
    ];
    if (!have('python3')) return interleave(rounds, contenders);
    const python = new LineChild(PYTHON, [source('terminal.py')]);
    for (const each of [OURS, ...OTHERS]) if (!each.need || have(each.need)) contenders.push(...rows(python, each));
    const pinned = panel();
    const typed = keys();
    contenders.push(...pinned.contenders, ...typed.contenders);
    try {
      return await interleave(rounds, contenders);
    } finally {
      await pinned.end();
      await typed.end();
      await python.end();
    }
  },
};

/** Milliseconds from a kernel's start to its first result behind the prompt's prelude. */
async function kernelAlone(): Promise<number> {
  const begun = performance.now();
  const kernel = await KernelClient.start({ views: true });
  try {
    for (const code of [prelude('sim:edu'), TYPED.cell]) {
      const { status } = await kernel.execute(code, { onOutput: () => {} });
      if (status !== 'ok') throw new Error(`${code}: ${status}`);
    }
    return performance.now() - begun;
  } finally {
    await kernel.shutdown();
  }
}

/** Milliseconds from start to end. */
function wholeProcess(...args: string[]): number {
  const begun = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')}: exit ${status}: ${stderr}`);
  return performance.now() - begun;
}
