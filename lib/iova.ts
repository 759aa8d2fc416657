/** The IOVAs of one device: which are free, and where the next buffer goes. First fit, so that the same steps give the same IOVAs. */
import type { Iova, IovaRange } from './backend.js';

interface Hole {
  first: bigint;
  last: bigint;
}

/** 0 is never handed out unasked: too many devices take a null pointer for "none". */
const LOWEST = 0x1000n;

export class IovaSpace {
  #ranges: readonly IovaRange[] = [];
  /** What is free: ascending, disjoint, no two that touch. */
  #holes: Hole[] = [];
  /** What is taken: the last IOVA by the first. */
  readonly #taken = new Map<bigint, bigint>();

  constructor(ranges: readonly IovaRange[]) {
    this.narrow(ranges);
  }

  /** From now on only these ranges: another device came to share them. What is taken stays so. */
  narrow(ranges: readonly IovaRange[]): void {
    this.#ranges = [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1));
    this.#holes = [];
    const taken = [...this.#taken].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const range of this.#ranges) {
      let { first } = range;
      for (const [start, end] of taken) {
        if (end < first || start > range.last) continue;
        if (first < start) this.#holes.push({ first, last: start - 1n });
        first = end + 1n;
      }
      if (first <= range.last) this.#holes.push({ first, last: range.last });
    }
  }

  /**
   * Takes `size` bytes whose last one is at most `mask`; undefined where nothing fits. What lies `lead` bytes after the first is at a
   * multiple of `align`.
   */
  alloc(size: bigint, align: bigint, mask: bigint, lead = 0n): Iova | undefined {
    for (const [index, hole] of this.#holes.entries()) {
      const lowest = hole.first < LOWEST ? LOWEST : hole.first;
      const at = roundUp(lowest + lead, align) - lead;
      const limit = hole.last < mask ? hole.last : mask;
      if (at + size - 1n <= limit) return this.#cut(index, hole, at, size);
      if (hole.last >= mask) break;
    }
    return undefined;
  }

  /** Takes exactly these. Where it cannot: 'taken' if another has a part of them, 'outside' if they are not in the ranges. */
  take(iova: bigint, size: bigint): 'taken' | 'outside' | undefined {
    const last = iova + size - 1n;
    const index = this.#before(iova);
    const hole = this.#holes[index];
    if (hole !== undefined && last <= hole.last) {
      this.#cut(index, hole, iova, size);
      return undefined;
    }
    return this.#ranges.some((range) => range.first <= iova && last <= range.last) ? 'taken' : 'outside';
  }

  /** Gives back what was taken at `iova`. */
  free(iova: bigint): void {
    const last = this.#taken.get(iova);
    if (last === undefined) return;
    this.#taken.delete(iova);
    if (!this.#ranges.some((range) => range.first <= iova && last <= range.last)) {
      this.narrow(this.#ranges); // the ranges are no longer what they were when it was taken
      return;
    }
    const index = this.#before(iova);
    const below = this.#holes[index];
    const above = this.#holes[index + 1];
    const touchesBelow = below !== undefined && below.last + 1n === iova;
    const touchesAbove = above !== undefined && last + 1n === above.first;
    if (touchesBelow && touchesAbove) {
      below.last = above.last;
      this.#holes.splice(index + 1, 1);
    } else if (touchesBelow) below.last = last;
    else if (touchesAbove) above.first = iova;
    else this.#holes.splice(index + 1, 0, { first: iova, last });
  }

  #cut(index: number, hole: Hole, at: bigint, size: bigint): Iova {
    const last = at + size - 1n;
    const left = { first: hole.first, last: at - 1n };
    const right = { first: last + 1n, last: hole.last };
    this.#holes.splice(index, 1, ...[left, right].filter(({ first, last }) => first <= last));
    this.#taken.set(at, last);
    return at as Iova;
  }

  /** The last hole that begins at `iova` or below; -1 where there is none. */
  #before(iova: bigint): number {
    let low = 0;
    let high = this.#holes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#holes[middle]?.first ?? 0n) <= iova) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

const roundUp = (value: bigint, align: bigint) => ((value + align - 1n) / align) * align;
