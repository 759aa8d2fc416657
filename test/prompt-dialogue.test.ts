/** What the prompt knows and does, without a screen: with a kernel whose answers the test writes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { Outlet } from '../repl/outlet.js';
import type { Entry } from '../repl/transcript.js';
import { STUBBORN_AFTER } from '../repl/work.js';
import { begun, eventually, type ScriptedKernel, settled, type Talk, talk } from './prompt-kernel.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

let serial = 0;
const fresh = (): string => join(folder, `${serial++}`, 'history');

/** A dialogue whose kernel is up and whose first cell has run. */
async function ready(): Promise<Talk & { readonly kernel: ScriptedKernel }> {
  const talking = talk(fresh());
  const kernel = await begun(talking);
  return { ...talking, kernel };
}

const codes = (kernel: ScriptedKernel | undefined): string[] => kernel?.asked.map(({ code }) => code) ?? [];

describe('the dialogue', () => {
  let here: Awaited<ReturnType<typeof ready>>;
  beforeEach(async () => {
    here = await ready();
  });

  test('the first cell is the prelude, and is seen', () => {
    assert.deepEqual(codes(here.kernel), ["const dev = open('sim:edu')"]);
    assert.deepEqual(here.said, ["1> const dev = open('sim:edu')"]);
  });

  test('a complete cell runs, its outputs are said in order, numbers go on', async () => {
    await here.type('dev\r');
    const cell = here.kernel.asked[1];
    assert.equal(cell?.code, 'dev');
    cell?.output({ type: 'stream', name: 'stdout', text: 'one\ntw' });
    cell?.output({ type: 'stream', name: 'stdout', text: 'o\nthr' });
    assert.equal(here.dialogue.scene.partial, 'thr');
    cell?.output({ type: 'result', data: { 'text/plain': '42' }, metadata: {}, count: 2 });
    cell?.output({
      type: 'display',
      data: {},
      metadata: {},
      view: { title: 'T', head: [], rows: [[{ text: 'a' }, { text: 'b' }]] },
    });
    cell?.end();
    await here.type('7\r');
    assert.deepEqual(here.said.slice(1), ['2> dev', 'one', 'two', 'thr', '42 (0x2a)', 'T', '  a  b', '3> 7']);
  });

  test('an incomplete cell goes on in the editor, indented; its end runs it whole', async () => {
    await here.type('for (;;) {\r');
    assert.equal(here.dialogue.scene.editor.text, 'for (;;) {\n  ');
    await here.type('x\r}\r');
    assert.deepEqual(codes(here.kernel).slice(1), ['for (;;) {\n  x\n}']);
    assert.deepEqual(here.said.slice(1), ['2> for (;;) {', '     x', '   }']);
  });

  test('lines that arrive in one burst are one cell where they belong together', async () => {
    await here.type('if (a) {\rb\r}\rdev\r');
    here.kernel.asked[1]?.end();
    await settled();
    assert.deepEqual(codes(here.kernel).slice(1), ['if (a) {\nb\n}', 'dev']);
  });

  test('what is typed while it is judged comes after the taken back line', async () => {
    for (const byte of 'f {\rxy')
      here.dialogue.press({ name: byte === '\r' ? 'enter' : 'text', text: byte === '\r' ? '' : byte });
    await settled();
    assert.equal(here.dialogue.scene.editor.text, 'f {\n  xy');
    assert.equal(here.dialogue.scene.editor.cursor, 'f {\n  xy'.length);
  });

  test('a pasted snippet is whole, and waits for Enter', async () => {
    await here.type('\x1b[200~const a = 1\r\nconst b = 2\r\n\x1b[201~');
    assert.equal(here.kernel.asked.length, 1);
    await here.type('\r');
    assert.deepEqual(codes(here.kernel).slice(1), ['const a = 1\nconst b = 2']);
  });

  test('Enter while a cell runs queues; after one that fails the rest is not run', async () => {
    await here.type('first\r');
    await here.type('second\r');
    await here.type('third\r');
    assert.deepEqual(codes(here.kernel).slice(1), ['first']);
    here.kernel.asked[1]?.end();
    await settled();
    assert.deepEqual(codes(here.kernel).slice(1), ['first', 'second']);
    here.kernel.asked[2]?.output({ type: 'error', ename: 'Error', evalue: 'no', traceback: [] });
    here.kernel.asked[2]?.end('error');
    await settled();
    assert.deepEqual(codes(here.kernel).slice(1), ['first', 'second']);
    assert.deepEqual(here.said.slice(1), ['2> first', '3> second', 'Error: no', 'Not run: third']);
    await here.type('dev\r');
    assert.equal(codes(here.kernel).at(-1), 'dev');
  });

  test('a cell entered after the error was seen runs, though the failed one has not ended yet', async () => {
    await here.type('first\r');
    await here.type('second\r');
    here.kernel.asked[1]?.output({ type: 'error', ename: 'Error', evalue: 'no', traceback: [] });
    await here.type('third\r');
    here.kernel.asked[1]?.end('error');
    await settled();
    assert.deepEqual(codes(here.kernel).slice(1), ['first', 'third']);
    assert.ok(here.said.includes('Not run: second'), here.said.join('\n'));
  });

  test('the history suggests the rest of a line: Right takes it, Alt-F a word of it, Enter only what was typed', async () => {
    await here.type('edu.STATUS.read()\r');
    here.kernel.asked[1]?.end();
    await settled();
    await here.type('edu.');
    assert.equal(here.dialogue.scene.suggestion, 'STATUS.read()');
    await here.type('\x1bf');
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS');
    await here.type('\x1b[C');
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS.read()');
    assert.equal(here.dialogue.scene.suggestion, '');
    await here.type('\x15edu\r');
    assert.equal(codes(here.kernel).at(-1), 'edu');
  });

  test('a long result is folded; Ctrl-O shows it whole, and what is said meanwhile comes after', async () => {
    await here.type('dev.bar(0).dump()\r');
    const cell = here.kernel.asked[1];
    const rows = Array.from({ length: 300 }, (_, row) => [{ text: `row ${row}` }]);
    cell?.output({ type: 'result', data: {}, metadata: {}, count: 2, view: { title: '', head: [], rows } });
    assert.deepEqual(here.said.slice(-2), ['  row 19', '… 280 more lines: Ctrl-O shows all']);
    await here.type('\x0f');
    const { full } = here.dialogue.scene;
    assert.ok(full);
    cell?.output({ type: 'stream', name: 'stdout', text: 'meanwhile\n' });
    await settled();
    assert.ok(!here.said.includes('meanwhile'));
    await here.type('q');
    assert.equal(here.dialogue.scene.full, undefined);
    assert.equal(here.said.at(-1), 'meanwhile');
  });

  test('a display that is updated is a panel while its cell runs, and stands once in the transcript when it ends', async () => {
    await here.type('watch(edu)\r');
    const cell = here.kernel.asked[1];
    const shows = (text: string) => ({
      data: {},
      metadata: {},
      displayId: 'a',
      view: { title: text, head: [], rows: [] },
    });
    cell?.output({ type: 'display', ...shows('first') });
    cell?.output({ type: 'update', ...shows('second') });
    cell?.output({ type: 'stream', name: 'stdout', text: 'printed\n' });
    cell?.output({ type: 'update', ...shows('third') });
    await settled();
    assert.deepEqual(
      here.dialogue.scene.panels.map(({ entry }) => entry),
      [{ kind: 'view', view: shows('third').view }],
    );
    assert.deepEqual(here.said.slice(1), ['2> watch(edu)', 'printed']);
    cell?.end();
    await settled();
    assert.deepEqual(here.dialogue.scene.panels, []);
    assert.deepEqual(here.said.slice(1), ['2> watch(edu)', 'printed', 'third']);
  });

  test('a watch that is kept stays a panel when its cell has ended, until its last picture', async () => {
    await here.type('watch(edu)\r');
    const cell = here.kernel.asked[1];
    const shows = (text: string, standing: 'kept' | 'ended') =>
      ({ data: {}, metadata: {}, displayId: 'a', standing, view: { title: text, head: [], rows: [] } }) as const;
    cell?.output({ type: 'display', ...shows('first', 'kept') });
    cell?.end();
    await settled();
    await here.type('dev\r');
    cell?.output({ type: 'update', ...shows('second', 'kept') });
    here.kernel.asked[2]?.end();
    await settled();
    assert.equal(here.dialogue.scene.panels.length, 1);
    assert.deepEqual(here.said.slice(1), ['2> watch(edu)', '3> dev']);
    cell?.output({ type: 'update', ...shows('last', 'ended') });
    await settled();
    assert.deepEqual(here.dialogue.scene.panels, []);
    assert.equal(here.said.at(-1), 'last');
  });

  test('what is printed is not folded', async () => {
    await here.type('print()\r');
    here.kernel.asked[1]?.output({ type: 'stream', name: 'stdout', text: 'a line\n'.repeat(300) });
    await settled();
    assert.equal(here.said.filter((line) => line === 'a line').length, 300);
  });

  test('nothing is suggested inside a line, or on an empty one', async () => {
    await here.type('edu.STATUS.read()\redu\x1b[D');
    assert.equal(here.dialogue.scene.suggestion, '');
    await here.type('\x05\x15');
    assert.equal(here.dialogue.scene.suggestion, '');
  });

  test('Ctrl-R looks through the history; Enter runs what it found, Ctrl-G brings back what was typed', async () => {
    for (const cell of ['edu.ID.read()', 'edu.STATUS.read()', 'dev']) {
      await here.type(`${cell}\r`);
      here.kernel.asked.at(-1)?.end();
      await settled();
    }
    await here.type('typed\x12read');
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS.read()');
    assert.equal(here.dialogue.scene.editor.cursor, 'edu.STATUS.'.length);
    await here.type('\x12');
    assert.equal(here.dialogue.scene.editor.text, 'edu.ID.read()');
    await here.type('\x07');
    assert.equal(here.dialogue.scene.editor.text, 'typed');
    assert.equal(here.dialogue.scene.search, undefined);
    await here.type('\x12ID\r');
    assert.equal(codes(here.kernel).at(-1), 'edu.ID.read()');
    assert.equal(here.dialogue.scene.editor.text, '');
  });

  test('Ctrl-C stops the running cell and keeps what is being typed', async () => {
    await here.type('await irq.wait()\r');
    await here.type('dev');
    await here.type('\x03');
    assert.equal(here.kernel.interrupts, 1);
    assert.equal(here.dialogue.scene.running, undefined);
    assert.equal(here.dialogue.scene.editor.text, 'dev');
    await here.type('\x03');
    assert.equal(here.kernel.interrupts, 1);
    assert.equal(here.dialogue.scene.editor.text, '');
    await here.type('\x03');
    assert.equal(here.said.at(-1), 'Ctrl-D leaves.');
  });

  test('Ctrl-C drops what waits; what is entered after it runs', async () => {
    here.kernel.interrupt = async () => {};
    await here.type('await irq.wait()\r');
    await here.type('before\r');
    await here.type('\x03');
    await here.type('after\r');
    here.kernel.asked[1]?.output({ type: 'error', ename: 'KeyboardInterrupt', evalue: '', traceback: [] });
    here.kernel.asked[1]?.end('error');
    await settled();
    assert.deepEqual(codes(here.kernel).slice(1), ['await irq.wait()', 'after']);
    assert.ok(here.said.includes('Not run: before'), here.said.join('\n'));
  });

  test('a cell that does not stop can be ended with its kernel', async (context) => {
    here.kernel.interrupt = async () => {};
    await here.type('deaf\r');
    await here.type('\x03');
    await here.type('\x03');
    assert.equal(here.kernel.shutdowns, 0);
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + STUBBORN_AFTER + 1 });
    here.dialogue.press({ name: 'C-c', text: '' });
    context.mock.timers.reset();
    await settled();
    assert.equal(here.kernel.shutdowns, 1);
    assert.equal(here.dialogue.scene.kernel, 'dead');
  });

  test('Ctrl-D deletes in a line and leaves on an empty one; the kernel is shut down', async () => {
    await here.type('ab\x01\x04');
    assert.equal(here.dialogue.scene.editor.text, 'b');
    await here.type('\x04\x04');
    await here.dialogue.left;
    assert.equal(here.kernel.shutdowns, 1);
    assert.ok(!here.said.some((line) => line.includes('ended')), here.said.join('\n'));
  });

  test('.exit leaves, .help lists the keys, another dot-command is refused, a method chain is a cell', async () => {
    await here.type('.help\r');
    assert.ok(here.said.some((line) => line.includes('Ctrl-D')));
    await here.type('.nonsense\r');
    assert.equal(here.said.at(-1), 'No .nonsense here; .help lists what there is.');
    await here.type('.5 + 1\r');
    assert.equal(codes(here.kernel).at(-1), '.5 + 1');
    await here.type('.exit\r');
    await here.dialogue.left;
    assert.equal(here.kernel.shutdowns, 1);
  });

  test('a kernel that dies is told, and Enter starts another one with the prelude', async () => {
    await here.type('die()\r');
    await here.type('later\r');
    here.kernel.die({ code: null, signal: 'SIGKILL', words: 'its last words' });
    await settled();
    assert.deepEqual(here.said.slice(-2), ['its last words', 'The kernel ended (SIGKILL); no variables are lost.']);
    assert.equal(here.dialogue.scene.kernel, 'dead');
    assert.equal(here.dialogue.scene.running, undefined);
    await here.type('dev');
    assert.equal(here.kernels.length, 1);
    await here.type('\r');
    assert.equal(here.kernels.length, 2);
    assert.deepEqual(codes(here.kernels[1]), ["const dev = open('sim:edu')"]);
    assert.equal(here.dialogue.scene.editor.text, 'dev');
    here.kernels[1]?.asked[0]?.end();
    await here.type('\r');
    assert.deepEqual(codes(here.kernels[1]).slice(1), ['dev']);
    here.dialogue.leave();
    await here.dialogue.left;
    assert.equal(here.kernels[1]?.shutdowns, 1);
  });

  test('history: up and down, a draft that is kept, only what begins like it', async () => {
    for (const code of ['dev', 'edu.ID.read()', 'dev.bar(0)']) {
      await here.type(`${code}\r`);
      here.kernel.asked.at(-1)?.end();
      await settled();
    }
    const seen = async (bytes: string): Promise<string> => {
      await here.type(bytes);
      return here.dialogue.scene.editor.text;
    };
    assert.equal(await seen('\x1b[A'), 'dev.bar(0)');
    assert.equal(await seen('\x1b[A'), 'edu.ID.read()');
    assert.equal(await seen('\x1b[B'), 'dev.bar(0)');
    assert.equal(await seen('\x1b[B'), '');
    assert.equal(await seen('e\x1b[A'), 'edu.ID.read()');
    assert.equal(await seen('\x1b[A'), 'edu.ID.read()');
    assert.equal(await seen('\x1b[B'), 'e');
    await here.type('\x03two {\ry}\r');
    here.kernel.asked.at(-1)?.end();
    await settled();
    assert.equal(await seen('\x1b[A'), 'two {\ny}');
    assert.equal(await seen('\x1b[A\x1b[A'), 'dev.bar(0)', 'within the cell first, then to the older one');
  });

  test('Tab: indents, fills in, offers a menu; Tab goes on in it, Enter takes, Escape gives back', async () => {
    await here.type('\t');
    assert.equal(here.dialogue.scene.editor.text, '  ');
    await here.type('\x15edu.S');
    here.kernel.completions = { matches: [{ text: 'STATUS', kind: 'property' }], start: 4, end: 5 };
    await here.type('\t');
    assert.equal(here.dialogue.scene.editor.text, 'edu.STATUS');
    assert.equal(here.dialogue.scene.menu, undefined);

    const matches = ['DMA_SRC', 'DMA_DST'].map((text) => ({ text, kind: 'property' }));
    here.kernel.completions = { matches, start: 4, end: 5 };
    await here.type('\x15edu.D\t');
    assert.equal(here.dialogue.scene.editor.text, 'edu.DMA_');
    await here.type('\t');
    assert.equal(here.dialogue.scene.editor.text, 'edu.DMA_SRC');
    await here.type('\x1b[B');
    assert.equal(here.dialogue.scene.editor.text, 'edu.DMA_DST');
    await here.type('\r');
    assert.equal(here.dialogue.scene.menu, undefined);
    assert.equal(here.kernel.asked.length, 1, 'Enter took the match and ran nothing');

    await here.type('\x15edu.D\t\t');
    here.dialogue.press({ name: 'escape', text: '' });
    assert.equal(here.dialogue.scene.editor.text, 'edu.DMA_');
    assert.equal(here.dialogue.scene.menu, undefined);
  });

  test('typing goes on in the menu, which follows it', async () => {
    const match = (text: string) => ({ text, kind: 'property' });
    here.kernel.completions = { matches: [match('IRQ_ACK'), match('IRQ_RAISE')], start: 4, end: 8 };
    await here.type('edu.IRQ_\t');
    assert.equal(here.dialogue.scene.menu?.matches.length, 2);
    here.kernel.completions = { matches: [match('IRQ_RAISE')], start: 4, end: 9 };
    await here.type('R');
    assert.equal(here.dialogue.scene.editor.text, 'edu.IRQ_R');
    await here.type('\t');
    assert.equal(here.dialogue.scene.editor.text, 'edu.IRQ_RAISE');
  });

  test('an answer to Tab that comes after more was typed is dropped', async () => {
    here.kernel.completions = { matches: [{ text: 'STATUS', kind: 'property' }], start: 4, end: 5 };
    here.dialogue.press({ name: 'text', text: 'edu.S' });
    here.dialogue.press({ name: 'tab', text: '' });
    here.dialogue.press({ name: 'text', text: 'x' });
    await settled();
    assert.equal(here.dialogue.scene.editor.text, 'edu.Sx');
  });

  test('a progress line is shown as its last state', async () => {
    await here.type('go\r');
    const output = (text: string) => here.kernel.asked.at(-1)?.output({ type: 'stream', name: 'stdout', text });
    for (const text of ['10 %', '\r50 %', '\r100 %\r\n', 'done\n']) output(text);
    await settled();
    assert.deepEqual(here.said.slice(-2), ['100 %', 'done']);
  });
});

describe('the outlet', () => {
  const lines = (entries: readonly Entry[]): string[] =>
    entries.flatMap((entry) =>
      entry.kind === 'text' || entry.kind === 'note' ? entry.text.split('\n') : [entry.kind],
    );

  test('gives everything, in order, a piece at a time', async () => {
    const taken: (readonly Entry[])[] = [];
    const outlet = new Outlet((entries) => taken.push(entries));
    const text = (n: number): Entry => ({ kind: 'text', text: `${n}${'x'.repeat(20_000)}` });
    for (let n = 0; n < 20; n++) outlet.push([text(n)]);
    assert.equal(taken.length, 1, 'the first at once, the others after a turn of the event loop');
    await eventually(() => assert.equal(taken.flat().length, 20));
    assert.deepEqual(
      taken.flat(),
      Array.from({ length: 20 }, (_, n) => text(n)),
    );
    assert.ok(taken.length >= 5, `${taken.length}`);
  });

  test('of a flood the oldest output is left out and counted; what else was said stays', async () => {
    const taken: Entry[] = [];
    const outlet = new Outlet((entries) => taken.push(...entries));
    const flood = (n: number): Entry => ({ kind: 'text', text: `${`${n}`.padEnd(999, 'x')}\n`.repeat(100).trimEnd() });
    outlet.push([{ kind: 'input', number: 1, text: 'go' }]);
    for (let n = 0; n < 60; n++) outlet.push([flood(n)]);
    outlet.push([{ kind: 'error', text: 'stopped' }]);
    await eventually(() => assert.equal(taken.at(-1)?.kind, 'error'));
    const seen = lines(taken);
    const note = seen.findIndex((line) => line.endsWith('left out here'));
    assert.equal(seen[0], 'input');
    assert.equal(note, 1);
    assert.equal(Number(seen[note]?.split(' ')[0]) + seen.length - 3, 6000);
    assert.ok(seen.at(-2)?.startsWith('59x'));
  });
});

describe('before the kernel is up', () => {
  test('typing is taken, and judged and run once it is', async () => {
    let up: () => void = () => {};
    const here = talk(fresh(), async (kernel) => {
      await new Promise<void>((resolve) => {
        up = resolve;
      });
      return kernel;
    });
    here.dialogue.start();
    await here.type('for {\rx\r}\rdev {\r');
    assert.deepEqual(codes(here.kernels[0]), []);
    assert.equal(here.dialogue.scene.waiting.length, 5);
    up();
    await settled();
    here.kernels[0]?.asked[0]?.end();
    await settled();
    assert.deepEqual(codes(here.kernels[0]).slice(1), ['for {\nx\n}']);
    assert.equal(here.dialogue.scene.editor.text, 'dev {\n  ');
  });

  test('one that does not start is told, and Enter tries again', async () => {
    const here = talk(fresh(), async (kernel) => {
      if (here.kernels.length === 1) throw new Error('no such file');
      return kernel;
    });
    here.dialogue.start();
    await settled();
    assert.deepEqual(here.said, ['The kernel did not start: no such file.']);
    await here.type('\r');
    assert.deepEqual(codes(here.kernels[1]), ["const dev = open('sim:edu')"]);
  });

  test('leaving at once still shuts it down', async () => {
    const here = talk(fresh(), async (kernel) => {
      await settled();
      return kernel;
    });
    here.dialogue.start();
    await here.type('\x04');
    await here.dialogue.left;
    assert.equal(here.kernels[0]?.shutdowns, 1);
    assert.deepEqual(codes(here.kernels[0]), []);
  });
});
