/** Signature help at the prompt: which call the cursor is in, the line below the input, and when it is asked for. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is looked through
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { frame } from '../repl/frame.js';
import { columns, lineText } from '../repl/line.js';
import { callAt, hintLine, PAUSE } from '../repl/signature.js';
import { begun, eventually, type ScriptedKernel, settled, type Talk, talk } from './prompt-kernel.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

let serial = 0;

describe('the call that the cursor is in', () => {
  // '^' is its parenthesis, '|' the cursor.
  const rows: readonly (readonly [text: string, call: string | undefined])[] = [
    ['dev.bar(|', 'dev.bar'],
    ['dev.bar(0|)', 'dev.bar'],
    ['dev.bar(0)|', undefined],
    ['f(g(1), |', 'f'],
    ['f(g(1|', 'f(g'],
    ['f({ a: [1, |', 'f'],
    ['f(`a ${g(|', 'f(`a ${g'],
    ['f(`a ${b} |', 'f'],
    ["f(')', |", 'f'],
    ["f('g(|", 'f'],
    ['f(/\\)/, |', 'f'],
    ['f(1) /* g( */ + |', undefined],
    ['f\n  (|', 'f\n  '],
    ['a[0](|', 'a[0]'],
    ['f<number>(|', 'f<number>'],
    ['if (|', undefined],
    ['while (f(|', 'while (f'],
    ['(1 + |', undefined],
    ['漢字(👍, |', '漢字'],
    ['|', undefined],
  ];
  for (const [picture, call] of rows)
    test(picture, () => {
      const text = picture.replace('|', '');
      const at = callAt(text, picture.indexOf('|'));
      assert.equal(at === undefined ? undefined : text.slice(0, at), call);
      if (at !== undefined) assert.equal(text[at], '(');
    });
});

describe('the line below the input', () => {
  const text = 'dma(memory: number | Uint8Array, options?: DmaOptions): DmaBuffer  Memory for DMA';
  const mark = [33, 53] as const;
  const drawn = (width: number): [text: string, marked: string] => {
    const line = hintLine({ text, mark }, width);
    return [lineText(line), line.map((each) => (each.look === 'match' ? each.text : '')).join('')];
  };
  test('marks the parameter', () => assert.deepEqual(drawn(200), [text, 'options?: DmaOptions']));
  test('what is marked is seen where there is little room', () => {
    assert.deepEqual(drawn(40), ['dma(… options?: DmaOptions): DmaBuffer  ', 'options?: DmaOptions']);
    for (let width = 2; width < 100; width++) assert.ok(columns(drawn(width)[0]) <= width, drawn(width)[0]);
  });
  test('without a mark it is cut at the end, and nothing in it moves the cursor', () => {
    assert.equal(lineText(hintLine({ text: 'f(a: "\x1b[2J"): 漢字' }, 12)), 'f(a: "·[2J")');
  });
});

describe('signature help', () => {
  async function ready(): Promise<Talk & { kernel: ScriptedKernel; asked: string[] }> {
    const here = talk(join(folder, `${serial++}`, 'history'));
    const kernel = await begun(here);
    const asked: string[] = [];
    kernel.signatures = (text) => {
      asked.push(text);
      return { label: 'bar(index: number): Region', parameter: [4, 17], doc: 'BAR 0 to 5.' };
    };
    return { ...here, kernel, asked };
  }
  const below = ({ dialogue }: Talk): string | undefined =>
    frame(dialogue.scene, { columns: 60, rows: 24 }, 0).lines.map(lineText)[1];

  test('comes when typing pauses inside the parentheses, and goes outside of them', async () => {
    const here = await ready();
    await here.type('dev.bar(');
    await eventually(() => assert.equal(below(here), 'bar(index: number): Region  BAR 0 to 5.'));
    await here.type('1');
    assert.equal(below(here), 'bar(index: number): Region  BAR 0 to 5.', 'and stays while typing goes on');
    await here.type(')');
    assert.equal(below(here), undefined);
    await here.type('\x1b[D');
    assert.equal(below(here), 'bar(index: number): Region  BAR 0 to 5.', 'and is known when the cursor comes back');
    await here.type('\x03');
    assert.equal(below(here), undefined);
  });

  test('is asked once for what was typed in a row, and never outside a call', async () => {
    const here = await ready();
    for (const key of 'const a = (1 + dev.bar(123') for (const text of key) here.dialogue.press({ name: 'text', text });
    await eventually(() => assert.equal(here.asked.length, 1));
    assert.deepEqual(here.asked, ['const a = (1 + dev.bar(123']);
    await here.type('\x15if (x');
    await new Promise((resolve) => setTimeout(resolve, 3 * PAUSE));
    assert.equal(here.asked.length, 1);
  });

  test('one question at a time: keys go on while the compiler is busy, and its late answer is for its own call only', async () => {
    const here = await ready();
    const pending: (() => void)[] = [];
    const { signature } = here.kernel;
    here.kernel.signature = async (text, cursor) => {
      await new Promise<void>((resolve) => pending.push(resolve));
      return signature.call(here.kernel, text, cursor);
    };
    await here.type('f(');
    await eventually(() => assert.equal(pending.length, 1));
    await here.type('g(1');
    assert.equal(here.dialogue.scene.editor.text, 'f(g(1');
    await new Promise((resolve) => setTimeout(resolve, 3 * PAUSE));
    assert.equal(pending.length, 1);
    pending[0]?.();
    await settled();
    assert.equal(below(here), undefined, 'that was the answer for f');
    await eventually(() => assert.equal(pending.length, 2));
    pending[1]?.();
    await eventually(() => assert.equal(below(here), 'bar(index: number): Region  BAR 0 to 5.'));
  });

  test('gives way to the menu, and a kernel that fails to answer is not heard of', async () => {
    const here = await ready();
    here.kernel.completions = {
      matches: ['one', 'other'].map((text) => ({ text, kind: 'const' })),
      start: 8,
      end: 9,
    };
    await here.type('dev.bar(o');
    await eventually(() => assert.match(below(here) ?? '', /^bar/));
    await here.type('\t');
    assert.match(below(here) ?? '', /^ one +const/);
    here.dialogue.press({ name: 'escape', text: '' });
    assert.match(below(here) ?? '', /^bar/);
    here.kernel.signature = async () => {
      throw new Error('the kernel process has ended');
    };
    await here.type(', f(');
    await new Promise((resolve) => setTimeout(resolve, 3 * PAUSE));
    assert.equal(below(here), undefined);
    assert.deepEqual(here.said.slice(1), []);
  });
});
