/** Live panels above the input: what is written for a change, their height, what they show, and that they are in nobody's way. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what this is about
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Lights, Rates, rateText } from '../kernel/changes.js';
import { Watched } from '../kernel/watched.js';
import { toHtml } from '../lib/html.js';
import { EDU, open } from '../lib/index.js';
import { toAnsi, toText } from '../lib/print.js';
import { View } from '../lib/view.js';
import { paint } from '../repl/ansi.js';
import { columns, lineText } from '../repl/line.js';
import { panelLines } from '../repl/panels.js';
import { Strokes } from '../repl/strokes.js';
import { table } from '../repl/table.js';
import { Bench, until } from './kernel-bench.js';
import { needs } from './needs.js';
import { Picture } from './prompt-kernel.js';
import { idle, Tmux } from './tmux.js';

/** A terminal that remembers what was written to it last. */
class Recorder extends Picture {
  last = '';
  override write(chunk: string, done?: () => void): boolean {
    this.last = chunk;
    return super.write(chunk, done);
  }
}

describe('strokes', () => {
  const frame = ['regs', '  0x20  STATUS  0x00000080', '  0x24  IRQ     0x00000000', '2> edu.'];
  const changed = (row: number, text: string): string[] => frame.map((line, y) => (y === row ? text : line));

  function drawn(columns = 40, rows = 12): { screen: Recorder; strokes: Strokes } {
    const screen = new Recorder(columns, rows);
    const strokes = new Strokes(screen);
    strokes.draw(frame, { x: 7, y: 3 });
    assert.deepEqual(screen.text, frame);
    return { screen, strokes };
  }

  test('a line that changed is written alone, nothing is erased before it, the cursor is back', () => {
    const { screen, strokes } = drawn();
    const next = changed(1, '  0x20  STATUS  0x00000081');
    strokes.draw(next, { x: 7, y: 3 });
    assert.deepEqual([screen.text, screen.x, screen.y], [next, 7, 3]);
    assert.ok(screen.last.length < 80, JSON.stringify(screen.last));
    assert.doesNotMatch(screen.last, /\x1b\[\d*J|\x1b\[2K|IRQ|edu/);
    screen.last = '';
    strokes.draw(next, { x: 7, y: 3 });
    assert.equal(screen.last, '');
    // A key: its line, and the cursor is not hidden for it.
    strokes.draw(
      next.map((line) => line.replace('edu.', 'edu.I')),
      { x: 8, y: 3 },
    );
    assert.equal(screen.last, '\r\x1b[?7l2> edu.I\x1b[?7h\x1b[K\r\x1b[8C');
  });

  test('a line as wide as the terminal keeps its last character', () => {
    const { screen, strokes } = drawn();
    const full = 'x'.repeat(40);
    strokes.draw(changed(1, full), { x: 7, y: 3 });
    assert.doesNotMatch(screen.last.slice(0, screen.last.indexOf('\n')), /x(?:\x1b\[\?7h)?\x1b\[K/);
    assert.equal(screen.text[1], full);
  });

  test('what is said stands above a frame that moved down, grew and shrank; what the terminal wraps, too', () => {
    for (const [said, frames] of [
      [
        ['one', 'two'],
        [frame, ['3>'], frame],
      ],
      [
        ['w'.repeat(100), 'a\ttab'],
        [frame, ['3>'], frame],
      ],
      [Array.from({ length: 50 }, (_, n) => `line ${n}`), [frame, ['3>'], frame]],
    ] as const) {
      const { screen, strokes } = drawn();
      const expected: string[] = [];
      for (const lines of frames) {
        strokes.draw(lines, { x: 0, y: lines.length - 1 }, said);
        expected.push(...said.flatMap((line) => line.replace('\t', '').match(/.{1,40}/g) ?? []));
        assert.deepEqual(
          screen.text.map((line) => line.replace('\t', '')),
          [...expected, ...lines],
        );
      }
    }
  });
});

describe('what a watch shows', () => {
  const dev = open('sim:edu');
  const edu = dev.bar(0).registers(EDU);
  after(() => dev.close());
  const rowOf = (view: View, name: string) =>
    view.rows.find((cells) => cells.some(({ text }) => text === name))?.map(({ text }) => text) ?? [];
  const seen = (watched: Watched): View => watched.look(watched.read()).picture as View;

  test('bits and fields of a register that are not as at the last look are lit, everywhere', () => {
    const watched = new Watched(edu, undefined);
    assert.doesNotMatch(toHtml(seen(watched)), /<mark>/);
    edu.STATUS.write({ IRQ: 1 });
    const view = seen(watched);
    assert.match(toHtml(view), /<b>0x000000<\/b><mark>8<\/mark><b>0<\/b><\/td><td><mark>IRQ=1<\/mark> COMPUTING=0/);
    assert.match(toAnsi(view), /0x000000\x1b\[0m\x1b\[7m8\x1b\[0m.*\x1b\[7mIRQ=1\x1b\[0m COMPUTING=0/);
    assert.match(toText(view), /0x20 +STATUS +0x00000080 +IRQ=1 COMPUTING=0/);
    const line = table(view, 80).find((each) => lineText(each).includes('STATUS ')) ?? [];
    assert.deepEqual(
      line.filter(({ look }) => look === 'changed').map(({ text }) => text),
      ['8', 'IRQ=1'],
    );
    edu.STATUS.write({ IRQ: 0 });
  });

  test('a lit part stays lit where the terminal folds its cell', () => {
    const cell = {
      text: 'MAJOR=1 MINOR=2 MAGIC=3',
      changed: [
        [8, 15],
        [22, 23],
      ] as const,
    };
    const lines = table(new View('', [], [[cell]]), 12);
    assert.deepEqual(
      lines.map((line) => paint(line, 16)),
      ['  MAJOR=1', '  \x1b[7mMINOR=2\x1b[0m', '  MAGIC=\x1b[7m3\x1b[0m'],
    );
  });

  test('a light goes out after a moment, a first sight is none', () => {
    const lights = new Lights();
    assert.deepEqual(
      [
        [0, 'a'],
        [100, 'a'],
        [200, 'b'],
        [1100, 'b'],
        [1200, 'b'],
        [1300, 'a'],
      ].map(([now, text]) => lights.lit('key', String(text), Number(now))),
      [false, false, true, true, false, true],
    );
  });

  test('a rate is that of the last two seconds, begins anew where the number falls, and is steady where it goes on', () => {
    const rates = new Rates();
    const rate = (now: number, value: number | bigint) => rates.rate('key', value, now);
    assert.equal(rate(0, 0), undefined);
    assert.deepEqual(rate(1000, 50), { perSecond: 50, steady: false });
    for (let at = 1100; at <= 4000; at += 100) rate(at, 50 + (at - 1000) / 10);
    assert.deepEqual(rate(4100, 360), { perSecond: 100, steady: true });
    assert.equal(rate(4200, 3), undefined);
    assert.deepEqual(rate(4700, 4), { perSecond: 2, steady: false });
    assert.equal(rates.rate('big', 2n ** 63n, 0), undefined);
    assert.equal(rates.rate('big', 2n ** 63n + 10n, 500)?.perSecond, 20);
    assert.deepEqual(
      [0, 0.5, 9.999, 123.4, 999.4, 999.6, 1234, 2.5e6, 7e9].map((perSecond) => rateText({ perSecond, steady: true })),
      ['0/s', '0.5/s', '10/s', '123/s', '999/s', '1k/s', '1.23k/s', '2.5M/s', '7G/s'],
    );
  });

  test('numbers have a name, hex and a rate, a function its own words; a register that counts, a rate, too', async () => {
    let n = 41;
    const watched = new Watched(() => n, undefined);
    assert.deepEqual(rowOf(seen(watched), 'n'), ['n', '41', '0x29', '']);
    n++;
    await new Promise((turn) => setTimeout(turn, 5));
    assert.match(rowOf(seen(watched), 'n').join(), /^n,42,0x2a,\d[\d.]*k?\/s$/);
    const both = new Watched(() => ({ rx: 5, tx: 10n ** 12n }), 'mac');
    assert.equal(
      toText(seen(both)),
      'mac\n  rx              5                \n  tx  1000000000000  0xe8d4a51000'.replace(/ +$/gm, ''),
    );
    const counting = new Watched(edu.LIVENESS, undefined);
    let last = '';
    for (let value = 4; value > 0; value--) {
      edu.LIVENESS.write(value);
      last = rowOf(seen(counting), 'LIVENESS').at(-1) ?? '';
      await new Promise((turn) => setTimeout(turn, 2));
    }
    assert.match(last, /^\d[\d.]*k?\/s$/);
  });

  test('an interrupt has its count, rate and last latency', async () => {
    dev.busMaster(true);
    const [irq] = dev.enableIrqs('msi');
    const watched = new Watched([irq], undefined);
    assert.equal(irq.latency, undefined);
    assert.deepEqual(rowOf(seen(watched), 'msi[0]'), ['msi[0]', 'enabled', '0', '', '', '']);
    edu.IRQ_RAISE.write(1);
    await irq.wait();
    const { latency = 0 } = irq;
    assert.ok(latency > 0 && latency < 60e9, `${latency}`);
    assert.match(
      rowOf(seen(watched), 'msi[0]').join(),
      /^msi\[0\],enabled,1,[\d.]+k?\/s,[\d.]+ (ns|µs|ms|s),(just now|\d+ s ago)$/,
    );
    // Nobody expected this one: the latency is that of the last that was.
    edu.IRQ_ACK.write(1);
    edu.IRQ_RAISE.write(1);
    while (irq.count < 2) await new Promise((turn) => setTimeout(turn, 5));
    assert.equal(irq.latency, latency);
    irq.trigger();
    while (irq.count < 3) await new Promise((turn) => setTimeout(turn, 5));
    assert.notEqual(irq.latency, latency);
    dev.disableIrqs('msi');
    assert.match(rowOf(seen(watched), 'msi[0]').join(), /^msi\[0\],disabled,3,/);
  });
});

describe('panels in their room', () => {
  const panel = (title: string, rows: number, text = 'text') => ({
    id: title,
    kept: true,
    entry: {
      kind: 'view' as const,
      view: new View(
        title,
        ['#', 'name'],
        Array.from({ length: rows }, (_, n) => [{ text: `${n}`, tone: 'dim' }, text]),
      ),
    },
  });
  const shown = (...parts: Parameters<typeof panelLines>): string[] => panelLines(...parts).map(lineText);

  test('what fits is whole; the high ones share what the low ones leave', () => {
    const [low, high, higher] = [panel('low', 1), panel('high', 10), panel('higher', 20)];
    assert.equal(shown([low, high], 40, 15).length, 15);
    const lines = shown([low, high, higher], 40, 12);
    assert.equal(lines.length, 12);
    assert.deepEqual(
      lines.filter((line) => /^(low|high|higher|…)/.test(line)),
      ['low', 'high', '… 9 more lines', 'higher', '… 18 more lines'],
    );
  });

  test('with less room each is a line, and the rest are counted', () => {
    const all = ['a', 'b', 'c', 'd'].map((title) => panel(title, 5));
    assert.deepEqual(shown(all, 40, 4), [
      'a … 6 more lines',
      'b … 6 more lines',
      'c … 6 more lines',
      'd … 6 more lines',
    ]);
    assert.deepEqual(shown(all, 40, 3), ['a … 6 more lines', 'b … 6 more lines', '… 2 more panels']);
    assert.deepEqual(shown(all, 40, 1), ['… 4 more panels']);
    assert.deepEqual(shown(all, 40, 0), []);
  });

  test('a row too wide goes without what is dim, and is cut; each stays a line', () => {
    const [wide] = [panel('wide', 3, 'x'.repeat(30))];
    assert.deepEqual(shown([wide], 40, 9).slice(1, 3), ['  #  name', `  0  ${'x'.repeat(30)}`]);
    assert.deepEqual(shown([wide], 33, 9), ['wide', ...Array(3).fill(`  ${'x'.repeat(30)}`)]);
    assert.deepEqual(shown([wide], 20, 9).slice(1), Array(3).fill(`  ${'x'.repeat(17)}…`));
    for (const line of panelLines([wide], 20, 2)) assert.ok(columns(lineText(line)) <= 20);
  });
});

describe('beside the cells', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
    await bench.run(
      "const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU); const rest = (ms: number) => new Promise((r) => setTimeout(r, ms))",
    );
  });
  after(() => bench.end());
  const told = (outputs: Awaited<ReturnType<Bench['run']>>['outputs']): string[] =>
    outputs.flatMap((output) =>
      output.type === 'display' && output.displayId === undefined ? [String(output.data['text/plain'])] : [],
    );

  test('after a cell it is told what has changed of watched registers, once for all that watch them', async () => {
    await bench.run(
      'const w = watch(edu, { every: 60_000, keep: true }), v = watch(() => edu.STATUS.read(), { keep: true })',
    );
    assert.deepEqual(told((await bench.run('edu.STATUS.write({ IRQ: 1 })')).outputs), [
      '  STATUS  0x0 → 0x80  IRQ 0 → 1',
    ]);
    assert.deepEqual(told((await bench.run('edu.ID.read()')).outputs), []);
    const failed = await bench.run('edu.STATUS.write({ IRQ: 0 }); edu.LIVENESS.write(1); throw new Error()');
    assert.deepEqual(told(failed.outputs), ['  LIVENESS  0x0 → 0xfffffffe\n  STATUS    0x80 → 0x0        IRQ 1 → 0']);
    await bench.run('v.stop(); w.stop()');
    assert.deepEqual(told((await bench.run('edu.STATUS.write({ IRQ: 1 })')).outputs), []);
    await bench.run('edu.STATUS.write({ IRQ: 0 })');
  });

  test("'cell' looks after each cell, draws a line, and ends by stop()", async () => {
    const { outputs } = await bench.run("const each = watch([edu.STATUS, edu.LIVENESS], { every: 'cell' })");
    assert.deepEqual(
      outputs.map((output) => 'data' in output && output.data['text/plain']),
      ['sim:edu/bar0: 2 registers, after each cell'],
    );
    const changed = await bench.run('edu.STATUS.write({ IRQ: 1 })');
    assert.deepEqual(changed.outputs.length, 1);
    assert.deepEqual(told(changed.outputs), ['  STATUS  0x0 → 0x80  IRQ 0 → 1']);
    await bench.run('each.stop(); edu.STATUS.write({ IRQ: 0 })');
    assert.deepEqual(told((await bench.run('edu.LIVENESS.write(9)')).outputs), []);
  });

  test('one that pauses does not read while a cell runs that has touched the card, and reads while another runs', async () => {
    const pictures: string[] = [];
    await bench.run(
      'let looks = 0; const shy = watch(() => { looks++; return edu.ID.read() }, { every: 20, pause: true, keep: true })',
      { onOutput: (output) => 'data' in output && pictures.push(String(output.data['text/plain'])) },
    );
    // A second watch of the card is not the cell's work.
    await bench.run('const other = watch(edu, { every: 20, keep: true })');
    const still = 'const from = looks; while (looks < from + 3) await rest(10); looks - from >= 3';
    assert.equal((await bench.run(still)).result, 'true');
    const busy = 'edu.STATUS.read(); const at = looks; await rest(300); looks - at';
    assert.equal((await bench.run(busy)).result, '0');
    const title = (text: string): string => text.split('\n', 1)[0] ?? '';
    assert.ok(pictures.map(title).includes('sim:edu/bar0+0x0 ID = 0x010000ed (paused)'), pictures.join('\n'));
    assert.equal(title(pictures.at(-1) ?? ''), 'sim:edu/bar0+0x0 ID = 0x010000ed');
    assert.equal((await bench.run(still)).result, 'true');
    await bench.run('shy.stop(); other.stop()');
  });
});

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');

describe('in a terminal', needs('tmux'), () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-panels-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const prompt = (columns: number, rows: number): Tmux =>
    new Tmux(`'${process.execPath}' '${CLI}' repl sim:edu`, { columns, rows, env: { XDG_STATE_HOME: folder } });

  test('several panels at 40, 80 and 200 columns, the input below them, nothing lost of what is typed', async () => {
    using terminal = prompt(40, 12);
    /** The number of the cell that is being typed. */
    let at = 2;
    const done = (): Promise<string> => idle(terminal, ++at);
    const run = (cell: string): Promise<string> => {
      terminal.enter(cell);
      return done();
    };
    await idle(terminal, at);
    for (const [columns, rows] of [
      [40, 12],
      [80, 24],
      [200, 50],
    ] as const) {
      await terminal.resized(columns, rows);
      await terminal.clear(new RegExp(`^${at}>$`));
      await run("dev.busMaster(true); const [irq] = dev.enableIrqs('msi'); let n = 0");
      terminal.enter('watch(edu, { every: 100 })');
      terminal.enter('watch(irq, { every: 50 })');
      terminal.enter(
        "const ticking = setInterval(() => { n++; irq.trigger() }, 20); watch(() => n, { every: 20, title: 'ticks' })",
      );
      at += 2;
      await done();
      await terminal.until(
        new RegExp(`^sim:edu/bar0\\n(?:.*\\n)+sim:edu\\n(?:.*\\n)* +ticks +\\d\\d+ .*/s\\n${at}>$`, 'm'),
      );
      // Its rate is that of the timer, or a little less.
      await terminal.until(/^ +msi\[0\] +enabled +\d+ +[1-5]\d(\.\d)?\/s +[\d.]+ µs|ms/m);
      const text = Array.from({ length: 3 * columns }, (_, n) => String.fromCharCode(97 + (n % 26))).join('');
      for (let from = 0; from < text.length; from += 7) terminal.type(text.slice(from, from + 7));
      const end = text.slice(-9);
      await terminal.until(new RegExp(`${end}$`, 'm'));
      terminal.keys('Home');
      terminal.type('"');
      terminal.keys('End');
      terminal.enter('"');
      await done();
      await run('edu.STATUS.modify({ IRQ: 1 })');
      const all = await terminal.until(/^ +STATUS +0x0 → 0x80 +IRQ 0 → 1$/m);
      assert.ok(all.replaceAll(/\n */g, '').includes(`"${text}"`), all);
      assert.equal(all.match(/^ +ticks +\d/gm)?.length, 1, all);
      assert.ok(terminal.screen().length <= rows);
      // What changes is lit as long as it does.
      terminal.enter('const writing = setInterval(() => edu.LIVENESS.write(n), 100)');
      await terminal.until(/LIVENESS.*0xff.*\x1b\[(?:0;)?7m(?:\x1b\[\d+m)*[\da-f]+/, { colours: true });
      await done();
      terminal.resize(columns - 7, rows);
      terminal.type('still');
      const narrower = new RegExp(`^ +ticks +\\d.*\\n${at}> still$`, 'm');
      await until(() => narrower.test(terminal.screen().join('\n')), 'the panel, narrower');
      assert.ok(terminal.screen().length <= rows);
      // The line is empty then, and watches end, one press or the next: it cannot be seen which are pinned and which were.
      terminal.keys('C-c');
      await until(() => {
        terminal.keys('C-c');
        return terminal.text().includes('Ctrl-D leaves.');
      }, 'the watches end');
      await run('clearInterval(ticking); clearInterval(writing); dev.disableIrqs(); edu.STATUS.modify({ IRQ: 0 })');
    }
  });

  test('a plain prompt says it when it begins and when it ends, and what changes cell by cell', async () => {
    const command = `'${process.execPath}' '${CLI}' repl --plain sim:edu`;
    using terminal = new Tmux(command, { columns: 80, env: { XDG_STATE_HOME: folder } });
    await terminal.until(/^2>$/m);
    terminal.enter('watch(edu.STATUS, { every: 50 })');
    await terminal.until(/^2> watch.*\nsim:edu\/bar0\n.*\n.* STATUS +0x00000000 .*\n3>$/m);
    terminal.enter('edu.STATUS.modify({ IRQ: 1 })');
    await terminal.until(/^3> edu.*\n +STATUS +0x0 → 0x80 +IRQ 0 → 1\n4>$/m);
    terminal.keys('C-c');
    const end = await terminal.until(/^4>.*\nsim:edu\/bar0\n.*\n.* STATUS +0x00000080 .*\n4>$/m);
    assert.equal(end.match(/^sim:edu\/bar0$/gm)?.length, 2, end);
  });

  test('ten times a second one number: a line of bytes each, nothing erased', async () => {
    using terminal = prompt(80, 30);
    await idle(terminal, 2);
    terminal.enter("let n = 0; watch(edu); watch(() => ++n, { every: 100, title: 'count' })");
    await idle(terminal, 3);
    const file = join(folder, 'written');
    terminal.record(file);
    await until(() => readFileSync(file, 'utf8').split('/s').length > 20, 'updates');
    const written = readFileSync(file, 'utf8');
    const updates = written.split('\x1b[?2026h').slice(1);
    assert.ok(updates.length >= 10, `${updates.length}`);
    assert.ok(Math.max(...updates.map((each) => each.length)) < 200, JSON.stringify(updates.slice(0, 3)));
    assert.doesNotMatch(written, /\x1b\[\d*J|\x1b\[2K|STATUS/);
  });
});
