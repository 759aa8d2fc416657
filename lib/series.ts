/** Values sampled over time: a register, a counter. Data, with a plot and a sparkline. */
import { cellSignal, progress } from './cell.js';
import { UsageError } from './errors.js';
import { sparkline } from './plot.js';
import { Shown, VIEW, View } from './view.js';

/** What can be sampled: a number, a bigint, true or false, or a register's value with its fields (its `raw` is taken). */
export type Sampled = number | bigint | boolean | { readonly raw: number | bigint };

export interface SampleOptions {
  /** Milliseconds from one sample to the next. Default 10; 0 is as fast as it goes. */
  readonly every?: number;
  /** How many samples, or for how many milliseconds: one of the two. */
  readonly count?: number;
  readonly duration?: number;
  /** What the value is called. Default 'value'. */
  readonly title?: string;
  /** Aborting it ends the sampling with its reason. Default: the signal of the running cell, where there is one. */
  readonly signal?: AbortSignal | undefined;
}

export interface Sample {
  /** Milliseconds since the first sample. */
  readonly at: number;
  readonly value: number;
}

export class Series extends Shown {
  readonly title: string;
  readonly samples: readonly Sample[];
  readonly min: number;
  readonly mean: number;
  readonly max: number;

  constructor(title: string, samples: readonly Sample[]) {
    super();
    this.title = title;
    this.samples = samples;
    const values = this.values;
    this.min = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    this.max = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    this.mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  }

  get values(): readonly number[] {
    return this.samples.map(({ value }) => value);
  }

  /** Milliseconds from the first sample to the last. */
  get duration(): number {
    return this.samples.at(-1)?.at ?? 0;
  }

  /** What a counter gained a second, from each sample to the next. @example (await sample(() => irq.count, { count: 50 })).rate() */
  rate(): Series {
    const rates = this.samples.slice(1).map(({ at, value }, i) => {
      const before = this.samples[i] as Sample;
      return { at, value: ((value - before.value) / (at - before.at || 1)) * 1000 };
    });
    return new Series(`${this.title} a second`, rates);
  }

  [VIEW](): View {
    const number = (value: number) => `${Number(value.toPrecision(6))}`;
    const { length } = this.samples;
    const over = this.duration < 1000 ? `${number(Math.round(this.duration))} ms` : `${number(this.duration / 1000)} s`;
    const title = `${this.title}: ${length} sample${length === 1 ? '' : 's'} in ${over}`;
    if (length === 0) return new View(title, [], []);
    const words = (['min', 'mean', 'max'] as const).map((name) => `${name} ${number(this[name])}`).join(', ');
    const points = this.samples.map(({ at, value }) => [at, value] as const);
    return new View(`${title}, ${words}`, [], [[{ text: sparkline(this.values), tone: 'good' }]], {
      plot: { kind: 'line', x: 'ms', y: this.title, points },
    });
  }
}

/**
 * Calls `read` again and again and keeps what it gave, with the time. What `read` does to the device is its own affair: a register that
 * reading changes is changed.
 *
 * @param read may be asynchronous; the next sample waits for it.
 * @throws UsageError without `count` or `duration`, or for a value that is no number; whatever `read` throws; the signal's reason.
 * @example await sample(() => edu.FACTORIAL.read(), { every: 10, count: 50 })
 */
export async function sample(read: () => Sampled | Promise<Sampled>, options: SampleOptions = {}): Promise<Series> {
  const { every = 10, count, duration, title = 'value', signal = cellSignal() } = options;
  const refusal = (reason: string, hint: string) =>
    new UsageError({ path: 'sample', attempted: 'sample', reason, hint });
  const limit = count ?? duration;
  if (limit === undefined || (count !== undefined && duration !== undefined)) {
    throw refusal(
      `${limit === undefined ? 'nothing says' : 'two things say'} when to end`,
      'give { count } or { duration }',
    );
  }
  if (!(limit > 0 && every >= 0))
    throw refusal('not a time', 'give a count or milliseconds above 0, and { every } from 0 on');
  const samples: Sample[] = [];
  const bar = progress(`sample ${title}`, limit);
  const start = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const at = samples.length === 0 ? 0 : performance.now() - start;
      samples.push({ at, value: numberOf(await read()) });
      const done = count === undefined ? performance.now() - start : samples.length;
      if (done >= limit) return new Series(title, samples);
      bar.step(done);
      await pause(samples.length * every - (performance.now() - start), signal);
    }
  } finally {
    bar.end();
  }

  function numberOf(got: Sampled): number {
    const value = Number(typeof got === 'object' && got !== null ? got.raw : got);
    if (Number.isFinite(value)) return value;
    throw refusal(`${String(got)} is no number`, 'let it return a number, or a register value');
  }
}

/** At least one turn of the event loop: what is due in between happens. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      },
      Math.max(0, milliseconds),
    );
    signal?.addEventListener('abort', abort, { once: true });
  });
}
