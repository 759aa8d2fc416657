/** What the prompt draws, by Ink and before Ink is there, on terminals of several sizes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { harmless, paint } from '../repl/ansi.js';
import { frame } from '../repl/frame.js';
import { lineText, span } from '../repl/line.js';
import { sketch } from '../repl/painting.js';
import { paintWithInk } from '../repl/screen.js';
import { entryLines } from '../repl/transcript.js';
import {
  asStream,
  begun,
  eventually,
  Picture,
  type ScriptedKernel,
  settled,
  type Talk,
  talk,
} from './prompt-kernel.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

interface Seen extends Talk {
  readonly picture: Picture;
  readonly kernel: ScriptedKernel;
  readonly end: () => void;
}

let serial = 0;

/** A dialogue drawn on a terminal of that size, its first cell run. */
async function see(columns: number, rows: number, how: 'ink' | 'sketch'): Promise<Seen> {
  const talking = talk(join(folder, `${serial++}`, 'history'));
  const picture = new Picture(columns, rows);
  const { end } =
    how === 'sketch'
      ? sketch(talking.dialogue, asStream(picture), false)
      : paintWithInk(talking.dialogue, process.stdin, asStream(picture), false);
  const kernel = await begun(talking);
  return { ...talking, picture, kernel, end };
}

for (const how of ['ink', 'sketch'] as const)
  describe(`drawn by ${how}`, () => {
    for (const columns of [40, 80, 200])
      test(`${columns} columns: input, output and a table stand once, in order, the cursor behind the prompt`, async () => {
        const { picture, kernel, type, end } = await see(columns, 24, how);
        await type('edu.STATUS.read()\r');
        const output = kernel.asked[1]?.output;
        output?.({ type: 'stream', name: 'stdout', text: 'one\ntwo\nand a beg' });
        await eventually(() => assert.equal(picture.text.at(-2), 'and a beg'));
        output?.({ type: 'stream', name: 'stdout', text: 'un line\n' });
        const rows = [[{ text: '[7]' }, { text: 'IRQ' }, { text: '1' }]];
        output?.({
          type: 'result',
          data: {},
          metadata: {},
          count: 2,
          view: { title: 'STATUS = 0x80', head: [], rows },
        });
        kernel.asked[1]?.end();
        const expected = [
          "1> const dev = open('sim:edu')",
          '2> edu.STATUS.read()',
          'one',
          'two',
          'and a begun line',
          'STATUS = 0x80',
          '  [7]  IRQ  1',
          '3>',
        ];
        await eventually(() => assert.deepEqual(picture.text, expected));
        await eventually(() => assert.deepEqual([picture.x, picture.y], [3, 7]));
        end();
        await eventually(() => assert.deepEqual(picture.text, expected.slice(0, -1)));
      });

    test('a cell of several lines grows and shrinks in place, the cursor is where it is', async () => {
      const { picture, type, end } = await see(40, 24, how);
      await type('\x1b[200~for (;;) {\n\tx\n}\x1b[201~');
      await eventually(() => assert.deepEqual(picture.text.slice(1), ['2> for (;;) {', '     x', '   }']));
      await eventually(() => assert.deepEqual([picture.x, picture.y], [4, 3]));
      await type('\x1b[A');
      await eventually(() => assert.deepEqual([picture.x, picture.y], [5, 2]));
      await type('\x7f\x7f');
      await eventually(() => assert.deepEqual(picture.text.slice(1), ['2> for (;;) {x', '   }']));
      await eventually(() => assert.deepEqual([picture.x, picture.y], [13, 1]));
      await type('\x03');
      await eventually(() => assert.deepEqual(picture.text.slice(1), ['2>']));
      end();
    });

    test('a line longer than the terminal is wide is folded, wide characters whole', async () => {
      const { picture, type, end } = await see(40, 24, how);
      await type('x'.repeat(37));
      await eventually(() => assert.deepEqual(picture.text.slice(1), [`2> ${'x'.repeat(37)}`]));
      await eventually(() => assert.deepEqual([picture.x, picture.y], [3, 2]));
      await type('漢字');
      await eventually(() => assert.deepEqual(picture.text.slice(1), [`2> ${'x'.repeat(37)}`, '   漢字']));
      await eventually(() => assert.deepEqual([picture.x, picture.y], [7, 2]));
      await type('\x15a漢字\x02\x02');
      await eventually(() => assert.deepEqual(picture.text.slice(1), ['2> a漢字']));
      await eventually(() => assert.deepEqual([picture.x, picture.y], [4, 1]));
      end();
    });

    test('a pasted cell higher than the terminal shows where the cursor is, and the frame never scrolls', async () => {
      const { picture, type, end } = await see(40, 12, how);
      const before = picture.scrolled;
      await type(`\x1b[200~${Array.from({ length: 200 }, (_, n) => `line${n}`).join('\n')}\x1b[201~`);
      await eventually(() => assert.equal(picture.text.at(-1), '   line199'));
      const shown = picture.text;
      assert.ok(shown.length <= 13, shown.join('\n'));
      assert.ok(picture.scrolled - before <= 1, `${picture.scrolled}`);
      await type('\x1b<');
      await eventually(() => assert.ok(picture.text.includes('2> line0'), picture.text.join('\n')));
      await type('\x03');
      await eventually(() => assert.deepEqual(picture.text.at(-1), '2>'));
      end();
    });

    test('output of any length is whole in the scrollback, and the frame stays below it', async () => {
      const { picture, kernel, type, end } = await see(40, 12, how);
      await type('print()\r');
      const lines = Array.from({ length: 3000 }, (_, n) => `line ${n}`);
      for (let n = 0; n < lines.length; n += 500)
        kernel.asked[1]?.output({ type: 'stream', name: 'stdout', text: `${lines.slice(n, n + 500).join('\n')}\n` });
      kernel.asked[1]?.end();
      await settled();
      await eventually(() => assert.deepEqual(picture.text.slice(2), [...lines, '3>']));
      end();
    });
  });

describe('the frame', () => {
  test('waiting cells, the status line and the menu, in their room', async () => {
    const here = await see(60, 24, 'ink');
    await here.type('await irq.wait()\r');
    await here.type('dev\r');
    const matches = ['DMA_SRC', 'DMA_DST', 'DMA_CMD'].map((text) => ({
      text,
      kind: 'property',
      detail: 'Register<64>',
    }));
    here.kernel.completions = { matches, start: 4, end: 5 };
    await here.type('edu.D\t');
    await here.type('\t');
    await eventually(() =>
      assert.deepEqual(here.picture.text.slice(1), [
        '2> await irq.wait()',
        '3> dev',
        '4> edu.DMA_SRC',
        ' DMA_SRC  property  Register<64>',
        ' DMA_DST  property  Register<64>',
        ' DMA_CMD  property  Register<64>',
      ]),
    );
    const { scene } = here.dialogue;
    const later = frame(scene, { columns: 60, rows: 24 }, (scene.running?.since ?? 0) + 3000);
    assert.equal(lineText(later.lines[0] ?? []), 'running 3 s, Ctrl-C stops it');
    const small = frame(scene, { columns: 40, rows: 4 }, 0);
    assert.deepEqual(small.lines.map(lineText), ['4> edu.DMA_SRC', ' DMA_SRC  property  Register<64>', ' 2 more']);
    here.end();
  });
});

describe('the transcript', () => {
  test('messages break at spaces, what a cell printed is left as it is', () => {
    const text = 'sim:edu/bar0+0x21: read32: offset is not a multiple of 4\n    at In[5]:1:12\n\n';
    assert.deepEqual(entryLines({ kind: 'error', text }, 40).map(lineText), [
      'sim:edu/bar0+0x21: read32: offset is not',
      'a multiple of 4',
      '    at In[5]:1:12',
    ]);
    assert.deepEqual(entryLines({ kind: 'text', text }, 40).map(lineText), text.split('\n'));
  });
});

describe('colours', () => {
  test("a cell's own colours stay, what would move the cursor goes", () => {
    const text = 'a\x1b[31mred\x1b[0m\x1b[2J\x1b[10;10H\x1b]0;title\x07\x1b(B\x07\x9b2Jb\tc\x1b7';
    assert.equal(harmless(text, 16), 'a\x1b[31mred\x1b[0m2Jb\tc\x1b[0m');
    assert.equal(harmless(text, false), 'ared2Jb\tc');
    assert.equal(harmless('plain\n漢字', false), 'plain\n漢字');
  });
  test('a look is a colour, and none without colours', () => {
    assert.equal(
      paint([span('IRQ', 'name'), span(' '), span('no', 'bad')], 16),
      '\x1b[36mIRQ\x1b[0m \x1b[1;31mno\x1b[0m',
    );
    assert.equal(paint([span('IRQ', 'name'), span(' '), span('no', 'bad')], false), 'IRQ no');
  });
});
