/** What is drawn beside a View's rows, as data: a line over time, or bars. svg.ts draws it; text has the sparkline. */

/** Values over an axis of numbers. */
export interface LinePlot {
  readonly kind: 'line';
  /** What the axes count, with the unit: 'ms', 'DMA_COUNT'. */
  readonly x: string;
  readonly y: string;
  /** By ascending x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** How often something fell between one edge and the next: one edge more than there are counts. */
export interface BarPlot {
  readonly kind: 'bars';
  readonly x: string;
  readonly y: string;
  readonly edges: readonly string[];
  readonly counts: readonly number[];
}

export type Plot = LinePlot | BarPlot;

const BLOCKS = [...'▁▂▃▄▅▆▇█'];

/**
 * Values as one line of text, the lowest '▁', the highest '█'. Where there are more than `width`, each character is the mean of some.
 *
 * @example sparkline([1, 2, 3, 2]) // '▁▄█▄'
 */
export function sparkline(values: readonly number[], width = 60): string {
  const columns = Math.min(width, values.length);
  const means = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * values.length) / columns);
    const part = values.slice(from, Math.floor(((column + 1) * values.length) / columns));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const least = Math.min(...means);
  const range = Math.max(...means) - least;
  return means
    .map((mean) => BLOCKS[range === 0 ? 0 : Math.round(((mean - least) / range) * (BLOCKS.length - 1))])
    .join('');
}
