/** The IOVAs of one device: which are free, and where the next buffer goes. First fit, so that the same steps give the same IOVAs. */
import type { Iova, IovaRange } from './backend.js';

interface Taken {
  readonly first: bigint;
  readonly last: bigint;
}

/** 0 is never handed out: too many devices take a null pointer for "none". */
const LOWEST = 0x1000n;

export class IovaSpace {
  #ranges: readonly IovaRange[] = [];
  /** Ascending, disjoint. */
  readonly #taken: Taken[] = [];

  constructor(ranges: readonly IovaRange[]) {
    this.narrow(ranges);
  }

  /** From now on only these ranges: another device came to share them. What is taken stays so. */
  narrow(ranges: readonly IovaRange[]): void {
    this.#ranges = [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  /** Takes `size` bytes at a multiple of `align` whose last byte is at most `mask`; undefined where nothing fits. */
  alloc(size: bigint, align: bigint, mask: bigint): Iova | undefined {
    for (const range of this.#ranges) {
      const limit = range.last < mask ? range.last : mask;
      let at = roundUp(range.first < LOWEST ? LOWEST : range.first, align);
      for (const taken of this.#taken) {
        if (taken.last < at) continue;
        if (at + size <= taken.first) break;
        at = roundUp(taken.last + 1n, align);
      }
      if (at + size - 1n <= limit) {
        const index = this.#taken.findIndex((taken) => taken.first > at);
        this.#taken.splice(index === -1 ? this.#taken.length : index, 0, { first: at, last: at + size - 1n });
        return at as Iova;
      }
    }
    return undefined;
  }

  /** Gives back what `alloc` took at `iova`. */
  free(iova: Iova): void {
    const index = this.#taken.findIndex((taken) => taken.first === iova);
    if (index !== -1) this.#taken.splice(index, 1);
  }
}

const roundUp = (value: bigint, align: bigint) => ((value + align - 1n) / align) * align;
