/**
 * Good cells with a mistake in them, as fingers make them: whatever is told while only the stand-in for Node's types is loaded is
 * the same, to the letter, with all of them.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Checked } from '../checked.js';
import type { Soak } from './soak.js';

const root = join(import.meta.dirname, '..', '..', '..');

interface Cell {
  readonly code: string;
  /** The cells that it stands on. */
  readonly before: string;
}

/** Those of the notebooks and of the README, and some more. */
function cells(): Cell[] {
  const notebooks = readdirSync(join(root, 'notebooks'))
    .filter((name) => name.endsWith('.ipynb'))
    .map((name) => {
      const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', name), 'utf8')) as {
        cells: { cell_type: string; source: string | string[] }[];
      };
      return cells.filter((each) => each.cell_type === 'code').map(({ source }) => [source].flat().join(''));
    });
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  return [
    ...[...notebooks, OTHERS].flatMap((text) =>
      text.map((code, index) => ({ code, before: text.slice(0, index).join('\n') })),
    ),
    ...blocks.flatMap((code) => ['', OTHERS[0] ?? ''].map((before) => ({ code, before }))),
  ];
}

/** What those do not have: things of Node, of JavaScript, and both together. */
const OTHERS = [
  "const dev = open('sim:edu')\nconst edu = dev.bar(0).registers(EDU)",
  "const started = performance.now()\nconst [irq] = dev.enableIrqs('msi')",
  'const timer = setTimeout(() => console.log(edu.ID.read().MAJOR), 10)\nclearTimeout(timer)',
  'const aborter = new AbortController()\nawait irq.wait({ timeout: 5, signal: aborter.signal })',
  "const names = ['ID', 'STATUS'] as const\nnames.map((name) => edu[name].read().raw.toString(16).padStart(8, '0'))",
  'const seen = new Map<string, number>()\nfor (const [key, value] of seen) console.log(key.length, value.toFixed(1))',
  'interface Sample { at: number; value: bigint; by?: Region }\nconst samples: Sample[] = [{ at: performance.now(), value: edu.DMA_SRC.read() }]',
  'function worst(of: readonly Sample[]): Sample | undefined {\n  return of.toSorted((a, b) => b.at - a.at).at(0)\n}\nworst(samples)?.by?.read32(0)',
  'class Counter {\n  #n = 0\n  constructor(readonly limit: number) {}\n  next(): number { return Math.min(++this.#n, this.limit) }\n}\nnew Counter(5).next()',
  'async function fired(times: number) {\n  for (let n = 0; n < times; n++) {\n    edu.IRQ_RAISE.write(1 << n)\n    await irq.wait({ timeout: 1000, signal })\n  }\n  return irq.count\n}\nawait fired(2)',
  "const map = { CTRL: r32(0, { GO: 0, MODE: [3, 1] }), DATA: r16(4, {}, { access: 'ro', count: 2 }), WIDE: r64(8) }\nconst mine = dev.bar(0).registers(map)",
  'mine.CTRL.modify({ GO: 1, MODE: 2 })\nmine.WIDE.write(1n)\nmine.DATA[1].read() + 1',
  'watch(() => ({ id: edu.ID.read().MAJOR, up: performance.now() - started }), { every: 100 }).stop()',
  'try {\n  edu.STATUS.read()\n} catch (error) {\n  if (error instanceof BusError) console.error(error.message, String(error.hint))\n}',
  "const bytes = new Uint8Array(16)\nbytes.fill(7).subarray(2, 4).join(' ')\nnew DataView(bytes.buffer).getUint32(0, true)",
];

type Random = (below: number) => number;

/** Numbers that look random, and are the same each time. */
function randoms(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_';

/** What is done to a word. */
const SLIPS: readonly ((word: string, at: number, random: Random) => string)[] = [
  (word, at) => word.slice(0, at) + word.slice(at + 1),
  (word, at) => word.slice(0, at) + (word[at + 1] ?? '') + (word[at] ?? '') + word.slice(at + 2),
  (word, at) => word.slice(0, at) + (word[at] ?? '') + word.slice(at),
  (word, at, random) => word.slice(0, at) + (LETTERS[random(LETTERS.length)] ?? '') + word.slice(at + 1),
  (word, at) => (word[at] === word[at]?.toUpperCase() ? word.toLowerCase() : word.toUpperCase()),
];

/** What is done to a piece of a cell, and to which: a word, a number, a string, an argument, whatever there is. */
const MISTAKES: readonly { readonly what: RegExp; readonly make: (piece: string, random: Random) => string }[] = [
  {
    what: /[A-Za-z_$][\w$]*/g,
    make: (word, random) => (SLIPS[random(SLIPS.length)] ?? String)(word, random(word.length), random),
  },
  {
    what: /[A-Za-z_$][\w$]*/g,
    make: (word, random) => (SLIPS[random(SLIPS.length)] ?? String)(word, random(word.length), random),
  },
  {
    what: /[A-Za-z_$][\w$]*/g,
    make: (_, random) => ['edu', 'dev', 'ID', 'read', 'console', 'performance', 'signal', 'x'][random(8)] ?? '',
  },
  {
    what: /\b(?:0x[\da-f_]+|\d+)n?\b/gi,
    make: (number, random) =>
      ["'1'", 'true', `${Number.parseInt(number, 10)}n`, '1', 'undefined', '{}', 'edu', 'signal'][random(8)] ?? '',
  },
  {
    what: /'[^'\n]*'/g,
    make: (text, random) => ['1', '{}', '[]', `${text.slice(0, -1)}x'`, 'null', 'dev'][random(6)] ?? '',
  },
  {
    what: /\([^()\n]+\)/g,
    make: (given, random) => ['()', `${given.slice(0, -1)}, 1)`, '(1)', '({})', "('a')", '(dev)'][random(6)] ?? '',
  },
  { what: /\(\)/g, make: (_, random) => ['(1)', "('a')", '(dev)', ''][random(4)] ?? '' },
  { what: /[^\s\w]/g, make: (_, random) => ['', ',', ')', '=', '.', '+', '}'][random(7)] ?? '' },
  { what: /\b(?:const|await|=>|return|as)\b/g, make: () => '' },
];

function mistaken(code: string, random: Random): string {
  const { what, make } = MISTAKES[random(MISTAKES.length)] ?? { what: /$/, make: String };
  const found = [...code.matchAll(what)];
  const at = found[random(Math.max(1, found.length))];
  if (!at) return code;
  return code.slice(0, at.index) + make(at[0], random) + code.slice(at.index + at[0].length);
}

export const complaints: Soak = {
  name: 'complaints',
  title: 'mistakes in cells, told without and with all of Node’s types',
  count: 5000,
  short: 15,
  async run(count) {
    const [slim, wide] = [new Checked('slim'), new Checked('all')];
    const all = cells();
    const good = new Map<Cell, boolean>();
    const random = randoms(Number(process.env.SEED ?? 1));
    const told = { settled: 0, not: 0, fine: 0 };
    while (told.settled + told.not < count) {
      const cell = all[random(all.length)];
      if (!cell) break;
      if (!good.has(cell)) good.set(cell, slim.tell(cell.code, cell.before).complaints.length === 0);
      if (!good.get(cell)) continue;
      let code = mistaken(cell.code, random);
      if (random(4) === 0) code = mistaken(code, random);
      const { complaints, settled } = slim.tell(code, cell.before);
      if (complaints.length === 0) told.fine++;
      else if (!settled) told.not++;
      else {
        told.settled++;
        assert.deepEqual(complaints, wide.tell(code, cell.before).complaints, code);
      }
    }
    assert.ok(told.settled > count / 2, JSON.stringify(told));
    const used = [...good.values()].filter((each) => each).length;
    return `${told.settled} told at once, all of them the same; ${told.not} with Node's types; of ${used} cells`;
  },
};
