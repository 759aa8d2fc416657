/** What a key costs, as work and not as time: what is written for it, and how that grows with the history, the cell and the output. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { frame } from '../repl/frame.js';
import { paintWithInk } from '../repl/screen.js';
import { asStream, begun, eventually, Picture, type ScriptedKernel, type Talk, talk } from './prompt-kernel.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

/** A terminal that counts what it is given. */
class Counting extends Picture {
  written = 0;
  override write(chunk: string, done?: () => void): boolean {
    this.written += chunk.length;
    return super.write(chunk, done);
  }
}

interface Seen extends Talk {
  readonly picture: Counting;
  readonly kernel: ScriptedKernel;
  readonly end: () => void;
}

let serial = 0;

async function see(entries: number): Promise<Seen> {
  const file = join(folder, `${serial++}`, 'history');
  mkdirSync(dirname(file));
  const lines = Array.from({ length: entries }, (_, n) => JSON.stringify({ code: `edu.DMA_SRC.write(${n}n) // ${n}` }));
  writeFileSync(file, `${lines.join('\n')}\n`);
  const talking = talk(file);
  const picture = new Counting(80, 24);
  const { end } = paintWithInk(talking.dialogue, process.stdin, asStream(picture), 16);
  const kernel = await begun(talking);
  await eventually(() => assert.equal(picture.text.at(-1), '2>'));
  return { ...talking, picture, kernel, end };
}

/** The shortest that a key took, in milliseconds: others on the machine only make it longer. */
function shortest({ dialogue }: Talk, keys: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let n = 0; n < keys; n++) {
    const begun = performance.now();
    dialogue.press(
      n % 20 === 19 ? { name: 'C-u', text: '' } : { name: 'text', text: 'edu.DMA_SRC.write(1'[n % 20] ?? '' },
    );
    frame(dialogue.scene, { columns: 80, rows: 24 }, 0);
    if (n % 20 > 4) best = Math.min(best, performance.now() - begun);
  }
  return best;
}

describe('what a key costs', () => {
  test('with 10,000 lines of history it writes what it writes without, and takes about as long', async () => {
    const few = await see(10);
    const many = await see(10_000);
    const written = async (here: Seen): Promise<number[]> => {
      const counts: number[] = [];
      for (const key of 'edu.DMA_SRC.write(99') {
        const before = here.picture.written;
        await here.type(key);
        await eventually(() => assert.ok(here.picture.written > before));
        counts.push(here.picture.written - before);
      }
      return counts;
    };
    for (const here of [few, many]) {
      const counts = await written(here);
      assert.ok(Math.max(...counts) < 300, counts.join());
      await here.type('\x15');
    }
    await many.type('edu.DMA_SRC.write(99');
    assert.equal(many.dialogue.scene.suggestion, '99n) // 9999', 'all of it is looked through');
    await many.type('\x15');
    const rounds = Array.from({ length: 5 }, () => [shortest(few, 200), shortest(many, 200)] as const);
    const [alone, among] = [0, 1].map((index) => Math.min(...rounds.map((round) => round[index as 0 | 1])));
    // 10,000 comparisons of a beginning: far less than a frame.
    assert.ok((among ?? 0) < 8 * (alone ?? 0) + 2, `${among} ms with 10,000 lines, ${alone} ms with 10`);
    few.end();
    many.end();
  });

  test('in a cell of 200 lines it writes the lines that change, and lays out only those anew', async () => {
    const here = await see(10);
    const lines = Array.from(
      { length: 200 },
      (_, n) => `  const line${n} = edu.STATUS.read().IRQ + ${n} // 漢字 👍 ${n}`,
    );
    await here.type(`\x1b[200~${lines.join('\n')}\x1b[201~`);
    await eventually(() => assert.match(here.picture.text.at(-1) ?? '', /line199/));
    const before = here.picture.written;
    await here.type('x');
    await eventually(() => assert.match(here.picture.text.at(-1) ?? '', /199x$/));
    assert.ok(here.picture.written - before < 400, `${here.picture.written - before}`);
    const { scene } = here.dialogue;
    const took = (times: number, fresh: boolean): number => {
      let best = Number.POSITIVE_INFINITY;
      for (let n = 0; n < times; n++) {
        const text = fresh ? scene.editor.text.replaceAll('漢字', `漢${n}字`) : `${scene.editor.text}${n}`;
        const begun = performance.now();
        frame({ ...scene, editor: { ...scene.editor, text } }, { columns: 80, rows: 24 }, 0);
        best = Math.min(best, performance.now() - begun);
      }
      return best;
    };
    const [one, all] = [took(30, false), took(30, true)];
    assert.ok(one < all / 2, `${one} ms where one line changed, ${all} ms where all did`);
    here.end();
  });

  test('during output it is seen before more than two pieces of it are written', async () => {
    const here = await see(10);
    await here.type('print()\r');
    const text = `${'x'.repeat(79)}\n`.repeat(500);
    for (let n = 0; n < 80; n++) here.kernel.asked[1]?.output({ type: 'stream', name: 'stdout', text });
    const { picture, dialogue } = here;
    const before = picture.written;
    await new Promise((resolve) => setImmediate(resolve));
    dialogue.press({ name: 'text', text: '~' });
    const pressed = picture.written;
    while (!picture.text.at(-1)?.endsWith('~')) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(pressed - before < 80 * text.length, 'the output is still being written');
    assert.ok(picture.written - pressed < 3 * (1 << 16), `${picture.written - pressed} units before the key`);
    here.end();
  });
});
