/** A key at the prompt, to its echo: with 10,000 lines of history, each of which begins as what is typed, and during output. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineChild, PYTHON } from './child.js';
import { root, source } from './floor.js';
import type { Aim, Contender } from './measure.js';

const HISTORY = 'prompt: a key, 10,000 lines of history';
const OUTPUT = 'prompt: a key during output';
const TEXT = 'zqxjzvwqkzxq';

/** A frame of a screen of 60 Hz. */
export const keyAims: readonly Aim[] = [
  { figure: HISTORY, atMost: 16 },
  { figure: OUTPUT, atMost: 16 },
];

/** Both figures of one prompt; `end` it. */
export function keys(): { readonly contenders: readonly Contender[]; readonly end: () => Promise<void> } {
  const state = mkdtempSync(join(tmpdir(), 'vfiolab-bench-'));
  mkdirSync(join(state, 'vfiolab'));
  const lines = Array.from({ length: 10_000 }, (_, n) => JSON.stringify({ code: `${TEXT}${n}` }));
  writeFileSync(join(state, 'vfiolab', 'history'), `${lines.join('\n')}\n`);
  const argv = [process.execPath, join(root, 'dist', 'repl', 'cli.js'), 'repl', 'sim:edu'];
  const python = new LineChild(PYTHON, [source('keys.py')]);
  python.say(JSON.stringify({ argv, state, ready: '\x1b[?2004h', shown: 'sim:edu', leave: '\x15\x04' }));
  const key = async (cell: string): Promise<number> =>
    JSON.parse(await python.ask(JSON.stringify({ text: TEXT, cell }))).key;
  return {
    contenders: [
      { name: HISTORY, unit: 'ms', sample: () => key('') },
      { name: OUTPUT, unit: 'ms', sample: () => key('for (let n = 0; ; n++) console.log(n)') },
    ],
    end: async () => {
      await python.end();
      rmSync(state, { recursive: true, force: true });
    },
  };
}
