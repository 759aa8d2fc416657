/** The histogram: its numbers, its buckets, its picture. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Histogram, VIEW } from '../lib/index.js';
import { toHtml } from '../lib/html.js';

test('quantiles are samples, and every sample is in one bucket', () => {
  const samples = Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) + 1);
  const it = new Histogram('t', samples);
  assert.deepEqual([it.count, it.min, it.median, it.p99, it.max, it.mean], [1000, 1, 500, 990, 1000, 500.5]);
  assert.deepEqual([it.quantile(0), it.quantile(0.25), it.quantile(1)], [1, 250, 1000]);
  assert.equal(new Histogram('t', [3, 1, 2]).median, 2);
  assert.deepEqual(it.samples, samples, 'as measured');
  for (const { from, to, count } of it.buckets) {
    assert.equal(count, samples.filter((sample) => from <= sample && sample < to).length, `${from} to ${to}`);
  }
  assert.equal(
    it.buckets.reduce((sum, { count }) => sum + count, 0),
    1000,
  );
  assert.ok(it.buckets.every(({ from }, i) => i === 0 || it.buckets[i - 1]?.to === from));
});

test('edges are the same whatever the samples, from below a nanosecond to seconds', () => {
  const edges = (samples: number[]): number[][] =>
    new Histogram('t', samples).buckets.map(({ from, to }) => [from, to]);
  assert.deepEqual(edges([0]), [[0, 1]]);
  assert.deepEqual(edges([1]), [[1, 1.5]]);
  assert.deepEqual(edges([999]), [[800, 1000]]);
  assert.deepEqual(edges([1000]), [[1000, 1500]]);
  assert.deepEqual(edges([2.5e9]), [[2e9, 3e9]]);
  assert.deepEqual(edges([950, 1600]), [
    [800, 1000],
    [1000, 1500],
    [1500, 2000],
  ]);
  for (let power = 0; power < 10; power++) {
    for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8]) {
      const [edge] = edges([step * 10 ** power]);
      assert.equal(edge?.[0], step * 10 ** power);
    }
  }
});

test('its picture: numbers in the title, a bar a bucket, the longest where most samples are', () => {
  const it = new Histogram('poll', [900, 1200, 1200, 1300, 1_000_000]);
  const [title, ...lines] = inspect(it).split('\n');
  assert.equal(title, 'poll: 5 samples, min 900 ns, median 1.2 µs, p99 1 ms, max 1 ms');
  assert.match(lines[0] ?? '', /^ +800 ns {2}– 1 µs +1 {2}█{13}▍$/);
  assert.match(lines[1] ?? '', /^ +1 µs {2}– 1\.5 µs +3 {2}█{40}$/);
  assert.match(lines.at(-1) ?? '', /^ +1 ms {2}– 1\.5 ms +1 {2}█{13}▍$/);
  const html = toHtml(it[VIEW]());
  assert.match(html, /poll: 5 samples, min 900 ns, median 1\.2 µs, p99 1 ms, max 1 ms/);
  assert.match(
    html,
    /<td [^>]*>1 µs<\/td><td class="dim">– 1\.5 µs<\/td><td [^>]*>3<\/td><td class="good">█{40}<\/td>/,
  );
  assert.throws(() => new Histogram('t', []), RangeError);
});
