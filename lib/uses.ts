/**
 * How often each card was touched by this thread, so that a look that is to disturb nobody can tell whether somebody is at work on it; and
 * when it was written to, for an interrupt that comes of it.
 */

/** Accesses to the regions of one card. */
export interface Uses {
  count: number;
  /** How many enabled vectors want to know when it was written to last: a clock that each write pays for. */
  timers: number;
  /** Then, by performance.now(). */
  wroteAt: number;
}

const all = new Map<string, Uses>();

/** The counter of a card, by its path. */
export function usesOf(path: string): Uses {
  const known = all.get(path) ?? { count: 0, timers: 0, wroteAt: 0 };
  all.set(path, known);
  return known;
}

/** All counters as they are now, by path. */
export const uses = (): ReadonlyMap<string, number> => new Map([...all].map(([path, { count }]) => [path, count]));
