/**
 * How often each card was touched by this thread, so that a look that is to disturb nobody can tell whether somebody is at work on it; and
 * when it was written to, for an interrupt that comes of it.
 */

/** Accesses to the regions of one card. */
export interface Uses {
  count: number;
  /** Somebody wants to know when it was written to last: then, by performance.now(). */
  timed: boolean;
  wroteAt: number;
}

const all = new Map<string, Uses>();

/** The counter of a card, by its path. */
export function usesOf(path: string): Uses {
  const known = all.get(path) ?? { count: 0, timed: false, wroteAt: 0 };
  all.set(path, known);
  return known;
}

/** All counters as they are now, by path. */
export const uses = (): ReadonlyMap<string, number> => new Map([...all].map(([path, { count }]) => [path, count]));
