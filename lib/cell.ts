/**
 * What the kernel lends the library while it runs a cell, under two symbols: the cell's signal, and a way to show how far long work has
 * come. Elsewhere there is neither, and nothing is missed.
 */

/** How far something has come. */
export interface Progress {
  /** So much is done, of the `total` it began with. Where the cell was interrupted this throws, which ends the work. */
  step(done: number): void;
  /** It is over, one way or the other. */
  end(): void;
}

interface Lent {
  readonly [SIGNAL]?: AbortSignal;
  readonly [PROGRESS]?: (title: string, total: number) => Progress;
}

export const SIGNAL: unique symbol = Symbol.for('vfiolab.signal') as never;
export const PROGRESS: unique symbol = Symbol.for('vfiolab.progress') as never;

const UNSEEN: Progress = { step: () => {}, end: () => {} };

/** Aborted when the running cell is interrupted. */
export const cellSignal = (): AbortSignal | undefined => (globalThis as Lent)[SIGNAL];

/**
 * Begins work of `total` steps. Seen as a bar once it has taken half a second; without a kernel it is not seen at all.
 *
 * @example
 * const bar = progress('burn-in', 1000)
 * for (let i = 0; i < 1000; i++) bar.step(i)
 * bar.end()
 */
export function progress(title: string, total: number): Progress {
  return (globalThis as Lent)[PROGRESS]?.(title, total) ?? UNSEEN;
}
