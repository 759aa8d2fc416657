/**
 * Measuring side by side: in every round each contender runs once, briefly, one after the other. What disturbs the machine
 * meanwhile disturbs them all, so a ratio is taken within its round, and the median over the rounds is told.
 */

export type Unit = 'ns' | 'us' | 'ms' | 'MiB' | 'B' | 'calls' | '% of a core';

/** One thing to measure. `sample` makes one short run and tells what one operation took, in `unit`; several where it makes several. */
export interface Contender {
  readonly name: string;
  readonly unit: Unit;
  /** The name of the contender that it is compared with. */
  readonly floor?: string | undefined;
  readonly sample: () => number | readonly number[] | Promise<number | readonly number[]>;
}

/** What came out of the rounds for one contender. */
export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  readonly floor?: string | undefined;
  /** The median of each round, in their order. */
  readonly rounds: readonly number[];
}

/** What is aimed at: a figure at most so many times another of its section; without another, at most so much. */
export interface Aim {
  readonly figure: string;
  readonly against?: string;
  readonly atMost: number;
}

/** Runs the contenders in turn, `rounds` times after `warmup` rounds that do not count: none for a single one, which is a look. */
export async function interleave(
  rounds: number,
  contenders: readonly Contender[],
  warmup: number = rounds > 1 ? Math.ceil(rounds / 10) : 0,
): Promise<Figure[]> {
  const kept = contenders.map((): number[] => []);
  for (let round = -warmup; round < rounds; round++) {
    for (const [index, { sample }] of contenders.entries()) {
      const value = await sample();
      if (round >= 0) kept[index]?.push(typeof value === 'number' ? value : median(value));
    }
  }
  return contenders.map(({ name, unit, floor }, index) => ({ name, unit, floor, rounds: kept[index] ?? [] }));
}

const NANOSECONDS = { ns: 1, us: 1e3, ms: 1e6 } as const;

/** A contender that is a loop of something synchronous: `loop` does it `times` times. */
export function looped(
  name: string,
  unit: 'ns' | 'us' | 'ms',
  floor: string | undefined,
  times: number,
  loop: (times: number) => unknown,
): Contender {
  const sample = (): number => {
    const start = process.hrtime.bigint();
    loop(times);
    return Number(process.hrtime.bigint() - start) / times / NANOSECONDS[unit];
  };
  return { name, unit, floor, sample };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which this part of them lies; NaN where there is none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** How many times the other one: the median of the rounds' own ratios. */
export function ratio(figure: Figure, other: Figure): number {
  return median(figure.rounds.map((value, round) => value / (other.rounds[round] ?? Number.NaN)));
}
