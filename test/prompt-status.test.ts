/** How the card stands, below the input; and a kernel that dies, hangs or does not start. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, beforeEach, describe, test } from 'node:test';
import type { CardStatus } from '../kernel/client.js';
import { frame, nextChange } from '../repl/frame.js';
import { lineText } from '../repl/line.js';
import { printPlainly } from '../repl/plain.js';
import { paintWithInk } from '../repl/screen.js';
import { lostText, statusChange, statusLine, type Told } from '../repl/status.js';
import { SLOW_AFTER } from '../repl/trouble.js';
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

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-status-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let serial = 0;
const fresh = (): string => join(folder, `${serial++}`);

const NOW = 1_000_000_000_000;
const SECOND = 1000;

const CARD: CardStatus = {
  name: 'dev',
  path: '0000:03:00.0',
  spec: 'iommufd:0000:03:00.0',
  driver: 'vfio-pci, iommufd, VT-d',
  gone: undefined,
  onesAt: undefined,
  command: { raw: 6, mem: true, busMaster: true, at: NOW - 3 * SECOND, how: 'written' },
  link: { raw: 0x43, speed: '8GT/s', width: 4, at: NOW - 125 * SECOND },
  irqs: [{ kind: 'msix', vectors: 4 }],
  irqHolder: undefined,
  dma: { buffers: 2, bytes: 12 * 1024 },
  others: [{ pid: 4711, command: 'jupyter' }],
};
const BARE: CardStatus = {
  ...CARD,
  command: undefined,
  link: undefined,
  irqs: [],
  dma: { buffers: 0, bytes: 0 },
  others: [],
};

/** Told five seconds ago by a kernel whose clock is an hour ahead. */
const told = (...cards: CardStatus[]): Told => ({ now: NOW, heard: NOW, cards, variables: ['dev'] });
const line = (status: Told, width: number, now = NOW): string => lineText(statusLine(status, width, now) ?? []);

describe('the status line', () => {
  test('all of it where there is room; where there is not, what matters less is left out', () => {
    const all = [
      [
        200,
        '0000:03:00.0  vfio-pci, iommufd, VT-d  Mem+ BusMaster+ (3 s)  8GT/s x4 (2 min)  MSI-X 4  DMA 12 KiB  with jupyter 4711',
      ],
      [110, '0000:03:00.0  vfio-pci  Mem+ BusMaster+ (3 s)  8GT/s x4 (2 min)  MSI-X 4  DMA 12 KiB  with jupyter 4711'],
      [80, '0000:03:00.0  Mem+ BusMaster+ (3 s)  8GT/s x4 (2 min)  MSI-X 4  DMA 12 KiB'],
      [60, '0000:03:00.0  Mem+ BusMaster+ (3 s)  MSI-X 4'],
      [40, '0000:03:00.0  Mem+ BusMaster+ (3 s)'],
      [20, '0000:03:00.0'],
      [10, '0000:03:…'],
    ] as const;
    for (const [width, text] of all) assert.equal(line(told(CARD), width), text);
    for (let width = 3; width < 200; width++) assert.ok(line(told(CARD, BARE), width).length < width, `${width}`);
  });

  test('what is not known is not shown, but that COMMAND was not read', () => {
    assert.equal(line(told(BARE), 80), '0000:03:00.0  vfio-pci, iommufd, VT-d  COMMAND not read');
    assert.equal(line(told(BARE), 40), '0000:03:00.0  vfio-pci, iommufd, VT-d');
    assert.equal(line(told(BARE), 30), '0000:03:00.0  vfio-pci');
    assert.equal(statusLine(told(), 80, NOW), undefined);
    assert.equal(statusLine(undefined, 80, NOW), undefined);
  });

  test('of several cards the first, and how many more', () => {
    assert.match(line(told(CARD, BARE), 200), /\+1 card$/);
    assert.equal(
      line(told(CARD, BARE, BARE), 80),
      '0000:03:00.0  Mem+ BusMaster+ (3 s)  8GT/s x4 (2 min)  MSI-X 4  +2 cards',
    );
  });

  test('gone and all-ones in a bad tone, without what no longer holds', () => {
    const gone = { ...CARD, gone: 'was taken away at 12:03:04: its driver asked for it (REQ)', others: [] };
    assert.equal(line(told(gone), 80), '0000:03:00.0  taken away at 12:03:04  vfio-pci, iommufd, VT-d');
    assert.equal(line(told(gone), 40), '0000:03:00.0  taken away at 12:03:04');
    assert.equal(line(told(gone), 30), '0000:03:00.0  gone');
    const ones = { ...CARD, onesAt: NOW - SECOND };
    assert.match(line(told(ones), 200), /^0000:03:00\.0 {2}answers all-ones \(1 s\) {2}vfio-pci/);
    assert.doesNotMatch(line(told(ones), 200), /Mem/);
    for (const card of [gone, ones])
      assert.deepEqual((statusLine(told(card), 80, NOW) ?? []).filter(({ look }) => look === 'bad').length, 2);
    assert.ok((statusLine(told(CARD), 200, NOW) ?? []).every(({ look }) => look !== 'bad'));
  });

  test('ages go on by our clock, whatever the kernel calls its time; the next change is told, to the second, then the minute', () => {
    const status = { ...told({ ...CARD, link: undefined }), heard: NOW - 3_600_000 };
    const now = status.heard + 250;
    assert.match(line(status, 80, now), /\(3 s\)/);
    assert.equal(statusChange(status, now), 750);
    assert.match(line(status, 80, now + 750), /\(4 s\)/);
    assert.match(line(status, 80, now + 60 * SECOND), /\(1 min\)/);
    assert.equal(statusChange(status, now + 60 * SECOND), 60 * SECOND - 3250);
    assert.equal(statusChange(told(BARE), NOW), undefined);
    assert.equal(statusChange(undefined, NOW), undefined);
    assert.equal(statusChange(told({ ...CARD, gone: 'was taken away' }), NOW), undefined);
  });

  test('what is lost with a kernel: what holds cards first', () => {
    const lost = (variables: string[], ...cards: CardStatus[]): string => lostText({ ...told(...cards), variables });
    assert.equal(lost([], BARE), 'no variables are lost; its card is closed');
    assert.equal(lost(['edu', 'dev'], CARD), 'lost: dev (0000:03:00.0) and edu; its card is closed');
    assert.equal(
      lost(['a', 'b', 'c', 'dev', 'e', 'f', 'g', 'h'], CARD),
      'lost: dev (0000:03:00.0), a, b, c, e and 3 more; its card is closed',
    );
    const other = { ...BARE, name: undefined, path: 'sim:edu' };
    assert.equal(lost(['dev'], CARD, other), 'lost: dev (0000:03:00.0); its cards (0000:03:00.0, sim:edu) are closed');
    assert.equal(lost(['dev'], { ...CARD, gone: 'was taken away' }), 'lost: dev');
    assert.equal(lostText(undefined), 'no variables are lost');
  });
});

describe('the dialogue', () => {
  let here: Talk & { readonly kernel: ScriptedKernel };
  beforeEach(async () => {
    const talking = talk(join(fresh(), 'history'));
    const kernel = await begun(talking);
    here = { ...talking, kernel };
  });
  const status = (): string[] => frame(here.dialogue.scene, { columns: 60, rows: 24 }, Date.now()).lines.map(lineText);

  test('.status prints what the kernel answers', async () => {
    here.kernel.tellStatus({ now: Date.now(), cards: [CARD], variables: [] });
    await here.type('.status\r');
    assert.equal(here.kernel.refreshes, 1);
    assert.equal(here.said.length, 1, 'nothing before the answer');
    const at = Date.now() - 10;
    const link = { raw: 0x11, speed: '2.5GT/s', width: 1, at };
    here.kernel.tellStatus({ now: Date.now(), cards: [{ ...CARD, link }], variables: [], answers: true });
    await eventually(() => assert.match(here.said.join('\n'), /^ +shared +with jupyter 4711$/m));
    assert.match(here.said.join('\n'), /^0000:03:00\.0 {2}vfio-pci, iommufd, VT-d {2}iommufd:0000:03:00\.0$/m);
    assert.match(here.said.join('\n'), /^ +link +2\.5GT\/s x1 +0x0011, read 0 s ago$/m);
  });

  test('.status of a kernel that is busy says so, and what was last known', async () => {
    here.kernel.tellStatus({ now: Date.now(), cards: [CARD], variables: [] });
    await here.type('for (;;) {}\r');
    await here.type('.status\r');
    await eventually(() =>
      assert.match(here.said.join('\n'), /^The kernel is busy: a cell has run for \d s\. As last known:$/m),
    );
    await eventually(() => assert.match(here.said.join('\n'), /^ +COMMAND +Mem\+ BusMaster\+/m));
    here.kernel.tellStatus({ now: Date.now(), cards: [BARE], variables: [], answers: true });
    assert.match(status().at(-1) ?? '', /COMMAND not read$/);
  });

  test('.status without a card, with what failed, and without a kernel', async () => {
    await here.type('.status\r');
    here.kernel.tellStatus({ now: 0, cards: [], variables: [], answers: true, failure: 'it is in D3' });
    await eventually(() => assert.deepEqual(here.said.slice(1), ['it is in D3', 'No card is open.']));
    here.kernel.die({ code: 1, signal: null, words: '' });
    await settled();
    await here.type('x');
    here.dialogue.enter('.status');
    await eventually(() => assert.equal(here.said.at(-1), 'no kernel: Enter starts one'));
  });

  test('a kernel that dies: what is lost, and no status line any more', async () => {
    here.kernel.tellStatus({ now: Date.now(), cards: [CARD], variables: ['dev', 'edu'] });
    assert.match(status().at(-1) ?? '', /^0000:03:00\.0/);
    here.kernel.die({ code: null, signal: 'SIGKILL', words: '' });
    await settled();
    assert.equal(
      here.said.slice(1).join(' '),
      'The kernel ended (SIGKILL); lost: dev (0000:03:00.0) and edu; its card is closed.',
    );
    assert.deepEqual(status(), ['no kernel: Enter starts one, Ctrl-D leaves', '2> ']);
  });

  test('a kernel that does not answer: said, with what can be done; Ctrl-C ends it', async () => {
    await here.type('typed');
    here.kernel.silence(Date.now() - 7 * SECOND);
    assert.deepEqual(status(), ['the kernel does not answer for 7 s: Ctrl-C ends it', '2> typed']);
    assert.ok((nextChange(here.dialogue.scene, Date.now()) ?? Number.POSITIVE_INFINITY) <= SECOND);
    here.kernel.silence(undefined);
    assert.deepEqual(status(), ['2> typed']);
    assert.equal(nextChange(here.dialogue.scene, Date.now()), undefined);
    let end: () => void = () => {};
    here.kernel.shutdown = () => new Promise((resolve) => (end = resolve));
    here.kernel.silence(Date.now());
    await here.type('\x03');
    assert.deepEqual(status(), ['ending the kernel…', '2> typed']);
    end();
    here.kernel.die({ code: null, signal: 'SIGKILL', words: '' });
    await settled();
    await here.type('\r');
    assert.equal(here.kernels.length, 2);
    assert.equal(here.dialogue.scene.silent, undefined);
    assert.equal(here.dialogue.scene.editor.text, 'typed');
  });
});

describe('a kernel that does not come up', () => {
  const slow = (): Talk & { readonly signals: AbortSignal[] } => {
    const signals: AbortSignal[] = [];
    const hang = (_kernel: unknown, signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('no'))));
    };
    return { ...talk(join(fresh(), 'history'), hang), signals };
  };

  test('is given up by Ctrl-C after a while, not before', async (context) => {
    const { dialogue, said, signals, kernels, type } = slow();
    dialogue.start();
    await type('\x03');
    assert.equal(signals[0]?.aborted, false);
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + SLOW_AFTER + 2 * SECOND });
    const [first] = frame(dialogue.scene, { columns: 80, rows: 24 }, Date.now()).lines;
    assert.equal(lineText(first ?? []), 'the kernel is starting for 12 s: Ctrl-C gives it up');
    dialogue.press({ name: 'C-c', text: '' });
    context.mock.timers.reset();
    await eventually(() => assert.equal(said.at(-1), 'The kernel did not start: it was given up.'));
    await type('\r');
    assert.equal(kernels.length, 2);
  });

  test('keeps nobody who leaves', async () => {
    const { dialogue, signals, type } = slow();
    dialogue.start();
    await type('\x04');
    await dialogue.left;
    assert.equal(signals[0]?.aborted, true);
  });
});

describe('the plain prompt', () => {
  test('says what is wrong once, below what happened; Enter starts another kernel, and what is entered then runs in it', async () => {
    const { dialogue, kernels } = talk(join(fresh(), 'history'));
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    let written = '';
    stdout.on('data', (chunk: Buffer) => (written += chunk));
    printPlainly(dialogue, stdin as never, stdout as never);
    dialogue.start();
    await settled();
    kernels[0]?.asked[0]?.end();
    await eventually(() => assert.match(written, /2> $/));
    kernels[0]?.tellStatus({ now: Date.now(), cards: [CARD], variables: ['dev'] });
    kernels[0]?.silence(Date.now());
    await eventually(() => assert.match(written, /2> \nthe kernel does not answer for 0 s: Ctrl-C ends it\n/));
    kernels[0]?.silence(Date.now() - 9000);
    kernels[0]?.die({ code: null, signal: 'SIGKILL', words: '' });
    const dead = /^2> \nThe kernel ended \(SIGKILL\); lost: dev .*\nno kernel: Enter starts one, Ctrl-D leaves\n$/m;
    await eventually(() => assert.match(written, dead));
    stdin.write('edu\n');
    await eventually(() => assert.equal(kernels[1]?.asked.length, 1));
    kernels[1]?.asked[0]?.end();
    await eventually(() => assert.equal(kernels[1]?.asked[1]?.code, 'edu'));
    dialogue.leave();
    await dialogue.left;
  });
});

describe('drawn by Ink', () => {
  for (const columns of [40, 80, 200])
    test(`${columns} columns: below the input and the menu, growing older, never wider than the terminal`, async () => {
      const { dialogue, kernels, type } = talk(join(fresh(), 'history'));
      const picture = new Picture(columns, 24);
      const { end } = paintWithInk(dialogue, process.stdin, asStream(picture), false);
      dialogue.start();
      await settled();
      const [kernel] = kernels;
      kernel?.asked[0]?.end();
      const at = Date.now();
      const command = { raw: 6, mem: true, busMaster: true, at, how: 'read' as const };
      kernel?.tellStatus({ now: at, cards: [{ ...CARD, command, link: undefined }], variables: [] });
      const foot = (): string => picture.text.at(-1) ?? '';
      await eventually(() => assert.match(foot(), /^0000:03:00\.0 .*Mem\+ BusMaster\+ \(0 s\)/));
      await eventually(() => assert.match(foot(), /Mem\+ BusMaster\+ \([1-9] s\)/));
      assert.deepEqual(picture.text.slice(0, -1), ["1> const dev = open('sim:edu')", '2>']);
      await eventually(() => assert.deepEqual([picture.x, picture.y], [3, 1]));
      assert.ok(picture.text.every((text) => text.length < columns + 1));
      const matches = [
        { text: 'DMA_SRC', kind: 'property' },
        { text: 'DMA_DST', kind: 'property' },
      ];
      if (kernel) kernel.completions = { matches, start: 4, end: 5 };
      await type('edu.D\t\t');
      await eventually(() =>
        assert.match(picture.text.join('\n'), /^2> edu\.DMA_\n DMA_SRC .*\n DMA_DST .*\n0000:03/m),
      );
      end();
    });
});
