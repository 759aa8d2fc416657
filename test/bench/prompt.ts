/** The terminal: from the start of the prompt to its first key, and a one-shot command as a whole, beside a bare node. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { LineChild, PYTHON } from './child.js';
import { root, source } from './floor.js';
import { keyAims, keys } from './keys.js';
import { type Contender, interleave } from './measure.js';
import { panel, panelAims } from './panel.js';
import type { Section } from './section.js';

const NODE = 'node -e 0';
const CLI = join(root, 'dist', 'repl', 'cli.js');
const PEEK = ['peek', 'sim:edu', 'bar0+0'];
/** A key that nothing on the screen has in it; written when bracketed paste is on, and so raw mode. */
const TYPED = { ready: '\x1b[?2004h', key: '~', leave: '\x15\x04' };

export const prompt: Section = {
  name: 'prompt',
  title: 'the terminal',
  rounds: 5,
  aims: [...panelAims, ...keyAims],

  async measure(rounds, have) {
    const contenders: Contender[] = [
      { name: NODE, unit: 'ms', sample: () => wholeProcess('-e', '0') },
      { name: `vfiolab ${PEEK.join(' ')}`, unit: 'ms', floor: NODE, sample: () => wholeProcess(CLI, ...PEEK) },
    ];
    if (!have('python3')) return interleave(rounds, contenders, 1);
    const python = new LineChild(PYTHON, [source('terminal.py')]);
    const request = JSON.stringify({ argv: [process.execPath, CLI, 'repl', 'sim:edu'], ...TYPED });
    const key = async (): Promise<number> => JSON.parse(await python.ask(request)).accepted;
    contenders.push({ name: 'prompt: start to first key accepted', unit: 'ms', floor: NODE, sample: key });
    const pinned = panel();
    const typed = keys();
    contenders.push(...pinned.contenders, ...typed.contenders);
    try {
      return await interleave(rounds, contenders, 1);
    } finally {
      await pinned.end();
      await typed.end();
      await python.end();
    }
  },
};

/** Milliseconds from start to end. */
function wholeProcess(...args: string[]): number {
  const begun = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')}: exit ${status}: ${stderr}`);
  return performance.now() - begun;
}
