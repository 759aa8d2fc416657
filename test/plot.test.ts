/** Plots and what they are drawn from: series, histograms, snapshots; as text, SVG and HTML. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toHtml } from '../lib/html.js';
import { EDU, Histogram, open, r32, type Registers, Series, sample, snapshot, sparkline, VIEW } from '../lib/index.js';
import { toText } from '../lib/print.js';
import { ticks, toSvg } from '../lib/svg.js';

/** Every element is closed, and no text stands for markup. */
function wellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, end, name, own] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end) assert.equal(open.pop(), name);
    else if (!own) open.push(name ?? '');
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
}

describe('plots', () => {
  test('a sparkline has the lowest and the highest, and at most its width', () => {
    assert.equal(sparkline([1, 2, 3, 2]), '▁▅█▅');
    assert.equal(sparkline([5, 5]), '▁▁');
    assert.equal(sparkline([]), '');
    const long = sparkline(Array.from({ length: 1000 }, (_, i) => i));
    assert.equal(long.length, 60);
    assert.match(long, /^▁+▂+▃+▄+▅+▆+▇+█+$/);
  });

  test('ticks are round numbers inside the range', () => {
    assert.deepEqual(ticks(0, 100), [0, 20, 40, 60, 80, 100]);
    assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
    assert.deepEqual(ticks(0.13, 0.31, 4), [0.15, 0.2, 0.25, 0.3]);
    assert.deepEqual(ticks(7, 7).length, 1);
  });

  test('a line is inside its frame, whatever its values', () => {
    for (const points of [
      [[0, 5]],
      [
        [0, 1],
        [10, 1],
      ],
      [
        [0, -4],
        [1, 2 ** 53],
        [3, 0],
      ],
    ] as const) {
      const svg = toSvg({ kind: 'line', x: 'ms', y: 'a<b', points });
      wellFormed(svg);
      assert.match(svg, /a&lt;b/);
      for (const [, x, y] of svg.matchAll(/ (?:points="|)(\d+\.?\d*),(\d+\.?\d*)/g)) {
        assert.ok(Number(x) >= 64 && Number(x) <= 612 && Number(y) >= 12 && Number(y) <= 180, `${x},${y}`);
      }
    }
    const many = toSvg({
      kind: 'line',
      x: 'ms',
      y: 'n',
      points: Array.from({ length: 100_000 }, (_, i) => [i, i % 7]),
    });
    assert.ok(many.length < 30_000, `${many.length} characters`);
    wellFormed(many);
  });

  test('bars have a place each, and say their count', () => {
    const svg = toSvg({ kind: 'bars', x: 'duration', y: 'n', edges: ['1 µs', '2 µs', '3 µs'], counts: [3, 0] });
    wellFormed(svg);
    assert.equal(svg.match(/<rect/g)?.length, 1);
    assert.match(svg, /<title>1 µs – 2 µs: 3<\/title>/);
  });

  test('a histogram is bars in a notebook, and its rows stand there for who has no stylesheet', () => {
    const view = new Histogram('wake', [1000, 1200, 9000, 250_000])[VIEW]();
    assert.match(toText(view), /^wake: 4 samples.*\n +1 µs +– 1.5 µs +2 +█+/);
    const html = toHtml(view);
    assert.match(html, /<svg [\s\S]*<\/svg><table>/);
    wellFormed(html.replaceAll('<br>', ''));
  });
});

describe('sample', { timeout: 60_000 }, () => {
  test('counts, keeps time, and makes a series of what registers hold', async () => {
    let n = 0;
    const series = await sample(() => n++, { every: 5, count: 6, title: 'n' });
    assert.ok(series instanceof Series);
    assert.deepEqual(series.values, [0, 1, 2, 3, 4, 5]);
    assert.deepEqual([series.min, series.mean, series.max, series.samples[0]?.at], [0, 2.5, 5, 0]);
    assert.ok(series.duration >= 24, `${series.duration} ms`);
    assert.match(toText(series[VIEW]()), /^n: 6 samples in \d+ ms, min 0, mean 2.5, max 5\n {2}▁▂▄▅▇█$/);
    assert.deepEqual((await sample(() => 2n, { every: 0, count: 2 })).values, [2, 2]);
    assert.deepEqual((await sample(async () => true, { every: 0, count: 1 })).values, [1]);
    const rate = new Series(
      'c',
      [0, 1, 3].map((value, i) => ({ at: i * 100, value })),
    ).rate();
    assert.deepEqual(rate.values, [10, 20]);
    using dev = open('sim:edu');
    const edu = dev.bar(0).registers(EDU);
    assert.deepEqual((await sample(() => edu.ID.read(), { every: 0, count: 2 })).values, [0x010000ed, 0x010000ed]);
  });

  test('lasts as long as it is told to, and ends with its signal', async () => {
    const started = performance.now();
    const series = await sample(() => 1, { every: 1, duration: 50 });
    assert.ok(performance.now() - started >= 50 && series.samples.length > 2);
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(
      sample(() => 1, { count: 1e9, signal: controller.signal }),
      reason,
    );
  });

  test('is refused what has no end, or is no number', async () => {
    await assert.rejects(
      sample(() => 1),
      /nothing says when to end/,
    );
    await assert.rejects(
      sample(() => 1, { count: 1, duration: 1 }),
      /two things say/,
    );
    await assert.rejects(
      sample(() => 1, { count: 0 }),
      /above 0/,
    );
    await assert.rejects(
      sample(() => Number.NaN, { count: 1 }),
      /NaN is no number/,
    );
  });
});

describe('snapshot', () => {
  const MAP = {
    ID: r32(0x00, { MAGIC: [15, 0] }, 'ro'),
    LIVENESS: r32(0x04),
    STATUS: r32(0x20, { COMPUTING: [0, 0, 'ro'], IRQ: 7 }),
    FIFO: r32(0x24, {}, 'rclr'),
    LATCH: r32(0x08, { BUSY: [0, 0, 'rclr'] }),
    ACK: r32(0x64, {}, 'wo'),
    RING: r32(0x28, {}, { access: 'ro', count: 2 }),
  };

  test('reads each register once, but for those that reading changes', () => {
    using dev = open('sim:edu');
    const bar = dev.bar(0);
    const offsets: number[] = [];
    const read = bar.read.bind(bar);
    bar.read = ((offset: number, width: 32) => {
      offsets.push(offset);
      return read(offset, width);
    }) as typeof bar.read;
    const regs: Registers<typeof MAP> = bar.registers(MAP);
    const before = snapshot(regs);
    assert.deepEqual(offsets, [0x00, 0x04, 0x20, 0x28, 0x2c]);
    assert.equal(before.raw('ID'), 0x010000ed);
    assert.equal(before.raw('FIFO'), undefined);
    assert.match(
      toText(before[VIEW]()),
      /FIFO +not read: reading it changes it\n.*LATCH +not read[^\n]*\n.*ACK +write-only/,
    );
    regs.STATUS.write({ IRQ: 1 });
    regs.LIVENESS.write(0);
    assert.equal(
      toText(snapshot(regs).since(before)),
      'sim:edu/bar0: 2 changed\n  LIVENESS  0x00000000  →  0xffffffff\n  STATUS    0x00000000  →  0x00000080  IRQ 0 → 1',
    );
    assert.equal(toText(before.since(before)), 'sim:edu/bar0: nothing changed');
    assert.equal(snapshot(regs.STATUS).readings.length, 1);
  });
});
