/** A histogram of durations: how long something took, many times over. */
import { type CellLike, Shown, VIEW, View } from './view.js';

/** Samples from `from` (included) to `to` (not), nanoseconds. */
export interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Where buckets begin, in every power of ten. */
const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8];
const BAR = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** Durations in nanoseconds. Data: it does not change. */
export class Histogram extends Shown {
  readonly title: string;
  /** Nanoseconds, in the order in which they were measured. */
  readonly samples: readonly number[];
  readonly count: number;
  /** Nanoseconds. */
  readonly min: number;
  readonly mean: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
  /** From the first with a sample to the last, those between without any included; their width grows with the duration. */
  readonly buckets: readonly Bucket[];
  readonly #sorted: Float64Array;

  /**
   * @param samples nanoseconds, at least one.
   * @throws RangeError without samples.
   * @example new Histogram('poll', [1200, 1500, 9000])
   */
  constructor(title: string, samples: readonly number[]) {
    super();
    if (samples.length === 0) throw new RangeError('a histogram of no samples');
    this.title = title;
    this.samples = [...samples];
    this.#sorted = Float64Array.from(samples).sort();
    this.count = samples.length;
    this.min = this.quantile(0);
    this.mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
    this.median = this.quantile(0.5);
    this.p99 = this.quantile(0.99);
    this.max = this.quantile(1);
    this.buckets = bucketsOf(this.#sorted);
  }

  /** The duration that a share of the samples does not exceed, nanoseconds: `quantile(0.5)` is the median. */
  quantile(share: number): number {
    const index = Math.ceil(share * this.#sorted.length) - 1;
    return this.#sorted[Math.min(Math.max(index, 0), this.#sorted.length - 1)] ?? Number.NaN;
  }

  [VIEW](): View {
    const words = (['min', 'median', 'p99', 'max'] as const).map((name) => `${name} ${duration(this[name])}`);
    const most = Math.max(...this.buckets.map(({ count }) => count));
    const rows = this.buckets.map(({ from, to, count }): CellLike[] => [
      { text: duration(from), align: 'right', tone: 'dim' },
      { text: `– ${duration(to)}`, tone: 'dim' },
      { text: count === 0 ? '' : `${count}`, align: 'right' },
      { text: bar(count / most), tone: 'good' },
    ]);
    const edges = [...this.buckets.map(({ from }) => from), this.buckets.at(-1)?.to ?? 0].map(duration);
    const counts = this.buckets.map(({ count }) => count);
    return new View(`${this.title}: ${this.count} samples, ${words.join(', ')}`, [], rows, {
      plot: { kind: 'bars', x: 'duration', y: 'samples', edges, counts },
    });
  }
}

function bucketsOf(sorted: Float64Array): Bucket[] {
  const buckets: { from: number; to: number; count: number }[] = [];
  for (const sample of sorted) {
    let last = buckets.at(-1);
    while (last === undefined || sample >= last.to) {
      const from: number = last?.to ?? edges(sample)[0];
      last = { from, to: edges(from)[1], count: 0 };
      buckets.push(last);
    }
    last.count++;
  }
  return buckets;
}

/** The bucket that a duration belongs to. Below a nanosecond there is one. */
function edges(sample: number): [from: number, to: number] {
  if (sample < 1) return [0, 1];
  const decade = 10 ** Math.floor(Math.log10(sample) + 1e-12);
  const step = STEPS.findLastIndex((each) => each * decade <= sample * (1 + 1e-12));
  return [(STEPS[step] ?? 1) * decade, (STEPS[step + 1] ?? 10) * decade];
}

/** '850 ns', '12.5 µs', '3 ms', '1.2 s': three digits at most. */
export function duration(nanoseconds: number): string {
  const [unit, scale] =
    nanoseconds < 1e3 ? ['ns', 1] : nanoseconds < 1e6 ? ['µs', 1e3] : nanoseconds < 1e9 ? ['ms', 1e6] : ['s', 1e9];
  return `${Number((nanoseconds / (scale as number)).toPrecision(3))} ${unit}`;
}

function bar(share: number): string {
  const eighths = Math.max(share > 0 ? 1 : 0, Math.round(share * BAR * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
