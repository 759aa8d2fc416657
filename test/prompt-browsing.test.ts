/** The browser behind the prompt: what a cell opens and the kernel answers; and in real terminals. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browsed } from '../kernel/browsed.js';
import { End } from '../kernel/ends.js';
import { Browser, type Wanted } from '../repl/browser/browser.js';
import { Browsing } from '../repl/browser/browsing.js';
import { columns } from '../repl/line.js';
import { paintWithInk } from '../repl/screen.js';
import { Card, REGISTERS } from './browsed-card.js';
import { needs } from './needs.js';
import { asStream, eventually, Picture, settled, talk } from './prompt-kernel.js';
import { idle, Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-browser-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('behind the prompt', () => {
  let serial = 0;

  /** A prompt drawn on a terminal of that size, with a browser that a cell has opened. */
  async function opened(columnsWide: number, typed = '') {
    const talking = talk(join(folder, `${serial++}`, 'history'));
    const { dialogue } = talking;
    const size = { columns: columnsWide, rows: 11 };
    const picture = new Picture(columnsWide, 12);
    const { end } = paintWithInk(dialogue, process.stdin, asStream(picture), false);
    dialogue.start();
    await settled();
    talking.kernels[0]?.asked[0]?.end();
    await settled();
    await talking.type(typed);
    const card = new Card(size);
    const sent: Record<string, unknown>[] = [];
    let open: (end: End) => void = () => {};
    new Browsing(dialogue, () => size).attach({ onBrowse: (opened) => (open = opened) });
    /** A cell calls `browse()`; `closed` tells when the front end has closed it. */
    const browse = (more: Partial<Browsed> = {}) => {
      const closed: unknown[] = [];
      const data = { path: 'card/bar0', size: 4096, base: '0', writable: true, offset: 0, width: 32, ...more };
      const made = new End('comm', { ...data, registers: REGISTERS }, (type, { data }) => {
        if (type === 'comm_close') closed.push(type);
        else sent.push(data as Record<string, unknown>);
      });
      open(made);
      return { made, closed };
    };
    /** The kernel answers what it was asked last. */
    const answer = (made: End): void => {
      const { id, act, offset, length, width, value } = sent.at(-1) as Record<string, number> & { act: string };
      const wanted =
        act === 'write'
          ? { why: 'edit', offset, width, value: BigInt(value ?? 0), name: '' }
          : { why: 'look', offset, length, width };
      made.onMessage?.({ ...card.answer(wanted as Wanted), id });
    };
    return { ...talking, picture, end, card, sent, browse, answer };
  }

  for (const columnsWide of [40, 80, 200])
    test(`what it shows at ${columnsWide} columns`, async () => {
      const here = await opened(columnsWide);
      const { made, closed } = here.browse();
      await eventually(() => assert.match(here.picture.text.join('\n'), /^0000\[\.{8}\]\.{8} /m));
      here.answer(made);
      await eventually(() => assert.match(here.picture.text.join('\n'), /^0000\[0{8}\]0{8} /m));
      assert.ok(here.picture.text.every((line) => columns(line) <= columnsWide));
      assert.match(here.picture.text.join('\n'), /^card\/bar0 {2}32-bit LE/m);
      await here.type(':stat\r');
      await eventually(() => assert.match(here.picture.text.join('\n'), /STATUS 32-bit rw = 0x00000000/));
      await here.type('q');
      await eventually(() => assert.match(here.picture.text.join('\n'), /^2>$/m));
      assert.doesNotMatch(here.picture.text.join('\n'), /card\/bar0/);
      assert.equal(closed.length, 1);
      here.end();
    });

  test('asks for one thing at a time; a busy kernel is said, and keys are taken all the same', async () => {
    const here = await opened(80);
    const { made } = here.browse();
    assert.equal(here.sent.length, 1);
    await eventually(() => assert.match(here.picture.text.join('\n'), /^card\/bar0 {2}busy {2}32-bit LE/m));
    await here.type('j\x1b[6~:0x104\rw');
    assert.equal(here.sent.length, 1);
    await eventually(() => assert.match(here.picture.text.join('\n'), /^0100\[\.{16}\]/m));
    here.answer(made);
    assert.equal(here.sent.length, 2);
    here.answer(made);
    await eventually(() => assert.match(here.picture.text.join('\n'), /^0100\[0706050403020100\]/m));
    assert.match(here.picture.text.join('\n'), /^card\/bar0 {2}64-bit LE/m);
    here.end();
  });

  test('reads again at its rate, and not once it is left', async () => {
    const here = await opened(80);
    const { made } = here.browse();
    here.answer(made);
    await here.type('RRR');
    here.card.bytes[4] = 9;
    for (let n = 2; n < 5; n++) {
      await eventually(() => assert.equal(here.sent.length, n));
      here.answer(made);
    }
    await eventually(() => assert.match(here.picture.text.join('\n'), /\]00000009\*/));
    await here.type('q');
    const { length } = here.sent;
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal(here.sent.length, length);
    here.end();
  });

  test('writing is allowed once, for all browsers of the session', async () => {
    const here = await opened(80);
    const first = here.browse();
    here.answer(first.made);
    await here.type('jj=y5\r');
    assert.deepEqual(here.sent.at(-1), { id: 2, act: 'write', offset: 0x20, width: 32, value: '5' });
    here.answer(first.made);
    await eventually(() => assert.match(here.picture.text.join('\n'), /^wrote 0x5 to STATUS, reads 0x5$/m));
    const second = here.browse();
    assert.equal(first.closed.length, 1);
    await here.type('=');
    await eventually(() => assert.match(here.picture.text.join('\n'), /^ID is read-only$/m));
    await here.type('jj=7');
    await eventually(() => assert.match(here.picture.text.join('\n'), /^STATUS = 7 {2}0x7$/m));
    assert.equal(second.closed.length, 0);
    here.end();
  });

  test('what a kernel that died showed last stays to be looked at', async () => {
    const here = await opened(80);
    const { made } = here.browse();
    here.answer(made);
    here.kernels[0]?.die({ code: null, signal: 'SIGKILL', words: '' });
    made.onClose?.('the kernel process ended, SIGKILL');
    await eventually(() =>
      assert.match(here.picture.text.join('\n'), /^nothing is read any more, q leaves: the kernel process ended/m),
    );
    await here.type('jj');
    await eventually(() => assert.match(here.picture.text.join('\n'), /^0020\[0{8}\]/m));
    await here.type('q');
    await eventually(() => assert.match(here.picture.text.join('\n'), /The kernel ended \(SIGKILL\)/));
    here.end();
  });

  test('who is typing a line types it to its end first', async () => {
    const here = await opened(80, 'x = 5');
    here.browse();
    await here.type('0');
    assert.equal(here.dialogue.scene.editor.text, 'x = 50');
    assert.deepEqual([here.dialogue.scene.full, here.sent.length], [undefined, 0]);
    await here.type('\r');
    assert.ok(here.dialogue.scene.full instanceof Browser);
    assert.equal(here.sent.length, 1);
    here.end();
  });

  test('what a cell opens by hand with something else is closed', async () => {
    const here = await opened(80);
    const { closed } = here.browse({ size: Number.NaN });
    assert.deepEqual([closed.length, here.dialogue.scene.full], [1, undefined]);
    here.end();
  });
});

/** Opens a prompt on the simulated card. */
function prompt(columnsWide: number, env: Readonly<Record<string, string>> = {}, words = 'sim:edu'): Tmux {
  const state = mkdtempSync(join(folder, 'state'));
  return new Tmux(`'${process.execPath}' '${CLI}' repl ${words}; echo "left $?"; read end`, {
    columns: columnsWide,
    env: { XDG_STATE_HOME: state, CI: 'true', ...env },
  });
}

describe('in a terminal', needs('tmux'), () => {
  test('a look around at 40 columns, at 80 and at 200', async () => {
    using terminal = prompt(40);
    /** The number of the cell that is being typed. */
    let at = 2;
    for (const columnsWide of [40, 80, 200]) {
      // Each time a card that nobody has written to.
      if (columnsWide > 40) {
        await terminal.resized(columnsWide, 24);
        terminal.enter("const dev = open('sim:edu'), edu = dev.bar(0).registers(EDU)");
        await idle(terminal, ++at);
        await terminal.clear(new RegExp(`^${at}>$`));
      }
      terminal.enter('browse(dev.bar(0))');
      await terminal.until(/^00000\[010000ed\]/m);
      const wide = columnsWide >= 80;
      assert.match(
        terminal.text(),
        wide ? /^00020 0{8} 0{8} f{8} f{8} \.{16} STATUS IRQ_STATUS$/m : /^00020 0{8} 0{8} \.{8} /m,
      );
      for (const line of terminal.screen()) assert.ok(columns(line) <= columnsWide, line);

      terminal.type(':stat');
      await terminal.until(/^:stat {2}0x20 STATUS$/m);
      terminal.keys('Enter');
      await terminal.until(/^0x20 STATUS 32-bit rw = 0x00000000[\s\S]*IRQ\[7\]=0/m);
      terminal.type('=');
      // Writing is allowed once for the session.
      if (columnsWide === 40) {
        await terminal.until(/^Write to sim:edu\/bar0\? y n$/m);
        terminal.type('y');
      }
      await terminal.until(/^STATUS = /m);
      terminal.enter('irq=1');
      await terminal.until(/^wrote 0x80 to STATUS, reads 0x80$/m);
      await terminal.until(/^00020\[00000080\][\s\S]*IRQ\[7\]=1\*/m);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
      assert.match(terminal.text({ colours: true }), /\x1b\[(?:\d+;)*7m/);
      // The inverse is what LIVENESS reads: said in another colour, and in words.
      terminal.enter(':LIVENESS');
      terminal.enter('=0x12345678');
      await terminal.until(/^wrote 0x12345678 to LIVENESS, reads/m);
      terminal.enter('/87 a9');
      await terminal.until(/^found at 0x4$/m);
      terminal.type('e');
      await terminal.until(/87a9cbed\]/);
      // Below 0x80 edu answers 32-bit accesses only.
      terminal.type('w');
      await terminal.until(/^00000\[f{16}\]/m);
      terminal.type('G');
      await terminal.until(/^0xffff8 = 0xf{16}/m);
      terminal.type('g');
      terminal.resize(columnsWide + 15, 12);
      await terminal.until(/^(?![\s\S]*\n000f0)[\s\S]* ID 32-bit ro[\s\S]*by 64-bit/);
      assert.ok(terminal.screen().length <= 12);
      terminal.type('q');
      // The cell shows what a notebook has of it, and the browser is gone.
      const left = await terminal.until(new RegExp(`^ {2}00000000 {2}010000ed [\\s\\S]*\\n${++at}>$`, 'm'));
      assert.doesNotMatch(left, /64-bit BE/);
      terminal.enter('edu.STATUS.read().IRQ');
      await terminal.until(new RegExp(`^1\\n${++at}>$`, 'm'));
    }
  });

  /** A cell that defines `when(name, act)`: acts once the test has called `signal(name)`. */
  const signals = (): { cell: string; signal: (name: string) => void; heard: (name: string) => Promise<void> } => {
    const place = mkdtempSync(join(folder, 'signals'));
    const there = `const there = (name: string) => require('node:fs').existsSync('${place}/' + name)`;
    const when =
      'const when = (name: string, act: () => void) => { const timer = setInterval(() => { if (there(name)) { clearInterval(timer); act() } }, 50) }';
    const say = `const say = (name: string) => require('node:fs').writeFileSync('${place}/' + name, '')`;
    return {
      cell: `${there}; ${when}; ${say}`,
      signal: (name) => writeFileSync(join(place, name), ''),
      heard: async (name) => {
        while (!existsSync(join(place, name))) await delay(20);
      },
    };
  };

  test('faults, what reading changes, a busy kernel, a closed card and a kernel that dies', async () => {
    const { cell, signal, heard } = signals();
    using terminal = prompt(80);
    await terminal.until(/^2>$/m);
    terminal.enter(cell);
    await terminal.until(/^3>$/m);
    terminal.enter("dev.bar(0).registers({ FIFO: r32(0x28, {}, 'rclr') }); browse(dev.bar(0), { offset: 0x20 })");
    await terminal.until(/^00020\[00000000\]00000000 -------- ffffffff .* STATUS IRQ_STATUS FI…$/m);
    terminal.enter(':FIFO');
    await terminal.until(/^0x28 FIFO 32-bit rclr = not read: reading changes it, ! reads it$/m);
    terminal.type('!');
    await terminal.until(/^00020 00000000 00000000\[ffffffff\]/m);
    terminal.type('q');
    await terminal.until(/^4>$/m);

    terminal.enter('dev.config.write16(4, 0); browse(dev.bar(0))');
    await terminal.until(/^00000\[\?{8}\]\?{8} [\s\S]*ID 32-bit ro = cannot be read\n.*BusError|bar0\+0x0: read/m);
    terminal.type('q');
    await terminal.until(/^5>$/m);
    terminal.enter('dev.config.write16(4, 2)');
    await terminal.until(/^6>$/m);

    // Two cells in one burst: the second one keeps the kernel busy below the browser.
    terminal.type("browse(dev.bar(0))\rsay('spins'); while (!there('enough'));\r");
    await terminal.until(/^sim:edu\/bar0 /m);
    await heard('spins');
    terminal.enter(':0x1004');
    await terminal.until(/^sim:edu\/bar0 {2}busy[\s\S]*^01000 \.{8}\[\.{8}\]/m);
    terminal.type('j');
    await terminal.until(/^sim:edu\/bar0 {2}busy[\s\S]*^01010 \.{8}\[\.{8}\]/m);
    signal('enough');
    await terminal.until(/^sim:edu\/bar0 {2}32-bit[\s\S]*^01010 f{8}\[f{8}\]/m);
    terminal.type('q');
    await terminal.until(/^8>$/m);

    terminal.enter("when('close', () => dev.close()); browse(dev.bar(0))");
    await terminal.until(/^00000\[010000ed\]/m);
    terminal.type('R');
    signal('close');
    await terminal.until(/^00000\[010000ed\][\s\S]*^nothing is read any more, q leaves: sim:edu.* closed/m);
    terminal.type('q');
    await terminal.until(/^9>$/m);

    terminal.enter("when('die', () => process.kill(process.pid, 'SIGKILL')); browse(open('sim:edu').bar(0))");
    await terminal.until(/^00000\[010000ed\]/m);
    terminal.type('j');
    signal('die');
    await terminal.until(/^00010\[f{8}\][\s\S]*^nothing is read any more, q leaves: .*SIGKILL/m);
    terminal.type('q');
    await terminal.until(/^The kernel ended \(SIGKILL\)/m);
  });

  test('without colours the cursor and what has changed are seen all the same', async () => {
    const { cell, signal } = signals();
    using terminal = prompt(80, { NO_COLOR: '1' });
    terminal.enter(`${cell}; when('write', () => edu.STATUS.write(0x80)); browse(edu.LIVENESS)`);
    await terminal.until(/^00000 010000ed\[00000000\]/m);
    terminal.type('R');
    await terminal.until(/every 1000 ms/);
    signal('write');
    await terminal.until(/^00020 00000080\*00000000 /m);
    const text = terminal.text({ colours: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
    assert.doesNotMatch(text, /\x1b\[(?:\d+;)*7m/);
  });

  test('lines only, and a script: the hexdump is printed', async () => {
    using terminal = prompt(80, {}, '--plain sim:edu');
    await terminal.until(/^2> *$/m);
    terminal.enter('browse(edu)');
    await terminal.until(/^sim:edu\/bar0\n {2}00000000 {2}010000ed 00000000 .*\n[\s\S]*^3> *$/m);
    terminal.enter('1 + 1');
    await terminal.until(/^2\n4> *$/m);
    const script = spawnSync(process.execPath, [CLI, 'repl', 'sim:edu', '-e', 'browse(dev.bar(0))'], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    assert.equal(script.stderr, '');
    assert.match(script.stdout, /^sim:edu\/bar0\n {2}00000000 {2}010000ed /);
    assert.equal(script.status, 0);
  });
});
