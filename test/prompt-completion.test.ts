/** Completion at the prompt: the menu's picture, and Tab while the kernel starts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Menu } from '../repl/completion.js';
import { EMPTY } from '../repl/editor.js';
import { columns, lineText } from '../repl/line.js';
import { menuLines } from '../repl/menu.js';
import type { Kernel } from '../repl/work.js';
import { settled, type ScriptedKernel, talk, type Talk } from './prompt-kernel.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

let serial = 0;
const fresh = (): string => join(folder, `${serial++}`, 'history');

describe('the menu', () => {
  const reference = 'QEMU docs/specs/edu';
  const reset = 'reset 0x0000000000000000';
  const matches: Menu['matches'] = [
    { text: 'DMA_SRC', kind: 'register', detail: '0x80, 64-bit rw', doc: 'source: IOVA, or an offset', reference },
    { text: 'DMA_CMD', kind: 'register', detail: `0x98, 64-bit rw, ${reset}`, doc: 'RUN clears', reference },
    {
      text: 'close',
      kind: 'method',
      detail: '() =>\n  Leaks',
      doc: 'Disables interrupts, frees buffers, closes every fd.',
    },
  ];
  const drawn = (width: number, chosen: number, room = 20, of = matches): string[] =>
    menuLines({ matches: of, chosen, typed: EMPTY, start: 0, end: 0 }, width, room).map(lineText);

  test('kind, type and documentation stand in columns', () => {
    assert.deepEqual(drawn(120, -1), [
      ' DMA_SRC  register  0x80, 64-bit rw                            source: IOVA, or an offset',
      ` DMA_CMD  register  0x98, 64-bit rw, ${reset}  RUN clears`,
      ' close    method    () => Leaks                                Disables interrupts, frees buffers, closes every fd.',
    ]);
  });

  test('below them is what is cited for the chosen one, and what its row left out', () => {
    assert.deepEqual(drawn(120, 1).slice(3), [' Ref: QEMU docs/specs/edu']);
    assert.deepEqual(drawn(40, 0), [
      ' DMA_SRC  register  0x80, 64-bit rw',
      ' DMA_CMD  register  0x98, 64-bit rw, r…',
      ' close    method    () => Leaks',
      ' source: IOVA, or an offset',
      ' Ref: QEMU docs/specs/edu',
    ]);
    assert.deepEqual(drawn(40, 1).slice(3), [
      ' 0x98, 64-bit rw, reset',
      ' 0x0000000000000000',
      ' RUN clears',
      ' Ref: QEMU docs/specs/edu',
    ]);
    assert.deepEqual(drawn(40, 2).slice(3), [' Disables interrupts, frees buffers,', ' closes every fd.']);
  });

  test('no line is wider or lower than there is room, whatever is in it', () => {
    const wild = [
      ...matches,
      { text: '漢字'.repeat(30), kind: 'const', detail: '👩‍👩‍👧'.repeat(40), doc: '漢'.repeat(99) },
      { text: 'x'.repeat(99), kind: 'property', doc: `${'long '.repeat(99)}` },
    ];
    for (const width of [4, 10, 20, 39, 40, 80, 200])
      for (const room of [1, 2, 5, 20])
        for (let chosen = -1; chosen < wild.length; chosen++) {
          const lines = drawn(width, chosen, room, wild);
          assert.ok(lines.length <= room && lines.length > 0, `${lines.length} lines in ${room}`);
          for (const line of lines) assert.ok(columns(line) <= width, `${width}: ${line}`);
        }
  });
});

describe('Tab while the kernel starts', () => {
  const completions = { matches: [{ text: 'STATUS', kind: 'register' }], start: 4, end: 5 };
  async function starting(): Promise<Talk & { readonly up: () => Promise<ScriptedKernel> }> {
    let come: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      come = resolve;
    });
    const here = talk(fresh(), async (kernel): Promise<Kernel> => {
      await gate;
      return kernel;
    });
    here.dialogue.start();
    const up = async (): Promise<ScriptedKernel> => {
      const [kernel] = here.kernels;
      assert.ok(kernel);
      kernel.completions = completions;
      come();
      await settled();
      return kernel;
    };
    return { ...here, up };
  }
  const hint = ({ dialogue }: Talk): string => dialogue.scene.hint?.text ?? '';

  test('says so, and offers once the first cells have run', async () => {
    const here = await starting();
    await here.type('edu.S\t');
    assert.equal(hint(here), 'the kernel is starting…');
    const kernel = await here.up();
    assert.equal(here.dialogue.scene.editor.text, 'edu.S', 'what the first cell declares is not there yet');
    kernel.asked[0]?.end();
    await settled();
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS');
    assert.equal(hint(here), '');
  });

  test('offers nothing where more was typed meanwhile', async () => {
    const here = await starting();
    await here.type('edu.S\t');
    await here.type('x');
    assert.equal(hint(here), '');
    (await here.up()).asked[0]?.end();
    await settled();
    assert.equal(here.dialogue.scene.editor.text, 'edu.Sx');
    await here.type('\x7f\t');
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS', 'and is asked anew');
  });

  test('is answered too where a first cell fails, and ends with a kernel that does not come up', async () => {
    const here = await starting();
    await here.type('edu.S\t');
    (await here.up()).asked[0]?.end('error');
    await settled();
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS');

    const dead = talk(fresh(), async () => {
      await settled();
      throw new Error('no such file');
    });
    dead.dialogue.start();
    await dead.type('edu.S\t');
    await settled();
    assert.equal(dead.dialogue.scene.kernel, 'dead');
    assert.equal(hint(dead), '');
    assert.equal(dead.dialogue.scene.editor.text, 'edu.S');
  });
});
