/** A live panel at the prompt: sixteen registers ten times a second, one of which has always changed. */
import { join } from 'node:path';
import { LineChild, PYTHON } from './child.js';
import { root, source } from './floor.js';
import type { Aim, Contender } from './measure.js';

const CPU = 'prompt and kernel: 16 registers at 10 Hz';
const BYTES = 'prompt: bytes written an update';
/** Seconds of a round. */
const SECONDS = 3;

const CELLS = [
  [
    'const map = Object.fromEntries(Array.from({ length: 16 }, (_, n) => ["REG" + n, r32(n === 3 ? 4 : 0x20, { HIGH: [31, 16], LOW: [15, 1], BIT: 0 })]))',
    '3> ',
  ],
  ['const regs = dev.bar(0).registers(map); let n = 0; void setInterval(() => edu.LIVENESS.write(n++), 50)', '4> '],
  ['watch(regs, { every: 100 })', 'REG15'],
] as const;

/** 15 % of a core is what a panel may cost. */
export const panelAims: readonly Aim[] = [
  { figure: CPU, atMost: 15 },
  { figure: BYTES, atMost: 200 },
];

/** Both figures of one prompt; `end` it. */
export function panel(): { readonly contenders: readonly Contender[]; readonly end: () => Promise<void> } {
  const argv = [process.execPath, join(root, 'dist', 'repl', 'cli.js'), 'repl', 'sim:edu'];
  const python = new LineChild(PYTHON, [source('panel.py')]);
  python.say(JSON.stringify({ argv, ready: '\x1b[?2004h', cells: CELLS, leave: '\x15\x04' }));
  let last = { cpu: 0, bytes: 0 };
  const cpu = async (): Promise<number> => {
    last = JSON.parse(await python.ask(JSON.stringify({ seconds: SECONDS })));
    return last.cpu;
  };
  return {
    contenders: [
      { name: CPU, unit: '% of a core', sample: cpu },
      { name: BYTES, unit: 'B', sample: () => last.bytes },
    ],
    end: () => python.end(),
  };
}
