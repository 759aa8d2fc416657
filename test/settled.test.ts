/** What the stand-in for Node's types is enough to complain of: the same, to the letter, as with all of them, and they stay unloaded. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { globalNames } from '../kernel/names.js';
import { Checked } from './checked.js';
import { Compiling } from './compiler.js';

const NODE = path.join(import.meta.dirname, '../../node_modules/@types/node');

/** What the cells below stand on. */
const BEFORE = [
  "const dev = open('sim:edu')",
  'const edu = dev.bar(0).registers(EDU)',
  "const [irq] = dev.enableIrqs('msi')\nlet count = 0\nconst timer = setTimeout(() => {}, 1)",
  "const MINE = { CTRL: r32(0, { GO: 0, MODE: [3, 1] }), STAT: r16(4, {}, 'ro'), WIDE: r64(8) }\nconst mine = dev.bar(0).registers(MINE)",
  'interface Point { x: number; y: number }\nfunction norm({ x, y }: Point): number { return x * x + y * y }',
];

/** By what is wrong with them. Each is told of at once. */
const AT_ONCE: Readonly<Record<string, readonly string[]>> = {
  'a misspelt register': ['edu.STATSU.read()', 'mine.CRTL.read()', 'const { STATSU } = edu'],
  'one of many': ['for (let n = 0; n < 3; n++) {\n  console.log(n, edu.STATSU.read())\n}', 'edu.ID.read(); edu.IDX'],
  'a misspelt field': [
    'edu.STATUS.write({ COMPUTNG: 1 })',
    'edu.STATUS.modify({ IRQS: 1 })',
    'edu.ID.read().MAJR',
    'mine.CTRL.write({ GO: 1, MOED: 2 })',
  ],
  'a value of another type': [
    "edu.LIVENESS.write('1')",
    "edu.LIVENESS.modify('1')",
    'edu.LIVENESS.change({ LOW: 1 })',
    'edu.DMA_SRC.write(5)',
    'edu.STATUS.write({ IRQ: true })',
    'mine.WIDE.write(1)',
    'dev.bar(0).write32(0, 1n)',
    'const n: string = edu.ID.read().MAJOR',
    'edu.LIVENESS.write(edu)',
    'norm({ x: 1 })',
    "norm({ x: 1, y: '2' })",
  ],
  'another width': ['dev.bar(0).read(0, 24)'],
  'a misspelt verb': ['edu.ID.raed()', 'dev.bra(0)', 'dev.bar(0).raed32(0)', 'irq.wiat()'],
  'a misspelt option': ['await irq.wait({ timeot: 100 })', "await irq.wait({ timeout: '100' })", 'await irq.wait(100)'],
  'a verb that there is not': ['edu.ID.write(1)', 'mine.STAT.write(1)'],
  'too many or too few': ['edu.ID.read(1)', 'dev.bar()', 'edu.LIVENESS.write()', 'norm()'],
  'a constant': ['dev = open()', 'const a = 1\na = 2', 'edu.ID = 5'],
  'declared twice': ['const a = 1\nconst a = 2', 'let b = 1; function b() {}'],
  'used before it is there': ['later + 1\nconst later = 1', 'let value: number\nvalue + 1'],
  'an operand': ['edu.ID.read() + 1n', 'edu.DMA_SRC.read() + 1', 'count * dev'],
  'what may not be there': [
    '[1].find((n) => n > 1) + 1',
    'let p: Point | undefined = norm({ x: 1, y: 1 }) > 1 ? { x: 1, y: 1 } : undefined\np.x',
  ],
  'await forgotten': ['irq.wait({ timeout: 1 }).latency'],
  'no such choice': ["dev.enableIrqs('mis')"],
  'no overload': ['edu.STATUS.modify({ COMPUTNG: 1 })', "edu.STATUS.modify('a', 'b')"],
  'what cannot be called': ['edu.ID()', 'dev.bar(0)(1)'],
  'a name of nobody': [
    'regzzter',
    'edz.ID.read()',
    'zzz = 5',
    'norm(xqy)',
    'value + ID',
    'names',
    'const of = { start }',
    'edus.ID',
  ],
  'no TypeScript': ['const x = ;', 'edu.ID.read(', 'for (;;', 'const s = "abc', 'edu.STATSU.read(', '`abc'],
  'some of these': ['edu.STATSU.read()\ndev.bra(0)\ndev = 1\nconst q = ;'],
};

/** Node's types may have to do with them: what they are, and what it is that the others would not be told. */
const WITH_NODE: Readonly<Record<string, readonly string[]>> = {
  'a member of something of Node': [
    "Buffer.fro('')",
    'process.platfrom',
    "import fs from 'node:fs'\nfs.x",
    'timer.unerf()',
  ],
  'an argument of something of Node': ['new URL()', 'structuredClone()', 'clearTimeout({})'],
  'a misspelt name of Node': ['setTimeot(() => {}, 1)', 'procss', 'consle.log(1)', 'Bufer'],
  'a type of Node': ['const x: NodeJS.Timeut = timer', 'const s: AbortSignal = 5', 'await irq.wait({ signal: 1 })'],
  'a member of what Node adds to': [
    "'abc'.toUppercase()",
    'Error.captureStackTrac({})',
    '[1, 2].lenght',
    "type L = string['lenght']",
  ],
  'what is returned to something of Node': [
    'const held = (): AbortSignal => {\n  if (count) { return { aborted: 1 } }\n  return signal\n}',
  ],
  'console itself': ['console.lgo(1)', 'console.count(1)'],
  'some of each': ['edu.STATSU.read()\nprocess.platfrom', 'edu.STATSU.read()\nBuffer.from(1)'],
  'nothing that is in a table': ['class A extends dev {}', 'const x = <p>1</p>'],
};

/** Some of these, in a session: a fresh one each. */
const SOME = ['setTimeot(() => {}, 1)', 'edu.STATSU.read()\nBuffer.from(1)'];

describe('a complaint of the type checker', { timeout: 240_000 }, () => {
  let slim: Compiling;
  let wide: Compiling;
  const begun = async (): Promise<Compiling> => {
    const compiling = new Compiling();
    for (const cell of BEFORE) await compiling.declare(cell);
    return compiling;
  };
  before(async () => {
    [slim, wide] = await Promise.all([begun(), begun().then((each) => each.widen())]);
    assert.equal(await slim.isWide(), false);
    assert.equal(await wide.isWide(), true);
  });
  after(() => Promise.all([slim?.end(), wide?.end()]));

  for (const [what, cells] of Object.entries(AT_ONCE)) {
    test(`at once: ${what}`, async () => {
      for (const cell of cells) {
        const [told, whole] = await Promise.all([slim.compile(cell), wide.compile(cell)]);
        assert.ok('diagnostics' in whole, cell);
        assert.deepEqual(told, whole, cell);
        assert.equal(await slim.isWide(), false, cell);
      }
    });
  }

  for (const cell of SOME) {
    test(`with Node's types: ${cell}`, async () => {
      const fresh = await begun();
      try {
        const [told, whole] = await Promise.all([fresh.compile(cell), wide.compile(cell)]);
        assert.ok('diagnostics' in whole);
        assert.deepEqual(told, whole);
        assert.equal(await fresh.isWide(), true);
      } finally {
        await fresh.end();
      }
    });
  }

  test('is not settled without them where they might have to do with it', () => {
    const [slim, all] = [new Checked('slim'), new Checked('all')];
    for (const cell of Object.values(WITH_NODE).flat()) {
      const { complaints, settled } = slim.tell(cell, BEFORE.join('\n'));
      assert.notDeepEqual(complaints, [], cell);
      assert.equal(settled, false, cell);
      assert.notDeepEqual(all.tell(cell, BEFORE.join('\n')).complaints, [], cell);
    }
  });
  test('knows every global name that Node declares or adds to', () => {
    const [slim, all] = [new Checked('slim').globals(), new Checked('all').globals()];
    const files = readdirSync(NODE, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.d.ts'));
    const known = new Set(files.flatMap((file) => globalNames(readFileSync(path.join(NODE, file), 'utf8'))));
    const more = [...all].filter(([name, times]) => times > (slim.get(name) ?? 0) && !name.startsWith('"'));
    assert.ok(more.length > 80);
    assert.deepEqual(
      more.map(([name]) => name).filter((name) => !known.has(name)),
      ['$'],
    );
    // What is in braces is not taken for one: 'value' and 'header' are names that people give.
    assert.ok(known.size < 2 * more.length);
    assert.deepEqual(
      globalNames('declare module "m" { interface C {} global { var d: { e: C } } var f: C } type G = 1'),
      ['d', 'G'],
    );
    assert.deepEqual(globalNames("declare global { var a: '{' } interface B { c: typeof d }").sort(), ['B', 'a']);
  });
});
