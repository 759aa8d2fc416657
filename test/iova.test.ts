/** The IOVA allocator. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Iova, IovaRange } from '../lib/backend.js';
import { IovaSpace } from '../lib/iova.js';

const MSI_HOLE = [
  { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
  { first: 0n, last: 0xfedf_ffffn },
];
const ALL = 0xffff_ffff_ffff_ffffn;

test('the first IOVA is the lowest, but never 0', () => {
  assert.equal(new IovaSpace(MSI_HOLE).alloc(0x1000n, 0x1000n, ALL), 0x1000n);
});

test('an IOVA is aligned to the page size', () => {
  const space = new IovaSpace(MSI_HOLE);
  space.alloc(0x1000n, 0x1000n, ALL);
  assert.equal(space.alloc(0x20_0000n, 0x20_0000n, ALL), 0x20_0000n);
});

test('what was freed is taken again', () => {
  const space = new IovaSpace(MSI_HOLE);
  const first = space.alloc(0x1000n, 0x1000n, ALL) as Iova;
  space.alloc(0x1000n, 0x1000n, ALL);
  space.free(first);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), first);
});

test('nothing lies in the MSI window, nor above the mask', () => {
  const space = new IovaSpace(MSI_HOLE);
  assert.equal(space.alloc(0xfedf_f000n, 0x1000n, ALL), 0x1000n);
  assert.equal(space.alloc(0x1000n, 0x1000n, 0xffff_ffffn), 0xfef0_0000n);
  assert.equal(space.alloc(0x1000n, 0x1000n, 0xfff_ffffn), undefined);
});

test('what is asked for by its IOVA is given, or it is said what is in the way', () => {
  const space = new IovaSpace(MSI_HOLE);
  assert.equal(space.take(0n, 0x1000n), undefined, '0 too');
  assert.equal(space.take(0x4000n, 0x2000n), undefined);
  assert.equal(space.take(0x5000n, 0x1000n), 'taken');
  assert.equal(space.take(0x3000n, 0x2000n), 'taken');
  assert.equal(space.take(0xfedf_f000n, 0x2000n), 'outside');
  assert.equal(space.take(0xfee0_0000n, 0x1000n), 'outside');
  assert.equal(space.take(0x80_0000_0000n, 0x1000n), 'outside');
  assert.equal(space.alloc(0x4000n, 0x1000n, ALL), 0x6000n, 'nothing overlaps it');
  space.free(0x4000n);
  assert.equal(space.take(0x5000n, 0x1000n), undefined);
});

test('what leads an aligned IOVA is taken with it', () => {
  const space = new IovaSpace(MSI_HOLE);
  assert.equal(space.alloc(0x20_2000n, 0x20_0000n, ALL, 0x1000n), 0x1f_f000n);
  assert.equal(space.alloc(0x3000n, 0x1000n, ALL, 0x1000n), 0x1000n);
});

test('narrower ranges hold from then on; what is taken stays taken', () => {
  const space = new IovaSpace(MSI_HOLE);
  const first = space.alloc(0x1000n, 0x1000n, ALL) as Iova;
  const high = space.alloc(0x4000n, 0x1000n, ALL) as Iova;
  space.narrow([{ first: 0x1000n, last: 0x2fffn }]);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), undefined);
  space.free(first);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), first);
  space.free(high);
  assert.equal(space.alloc(0x2000n, 0x1000n, ALL), undefined);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), 0x2000n, 'what is left of it in the range');
});

/** The simplest allocator there is: a page is free or it is not, and the lowest fit is found by trying. */
class Reference {
  readonly #ranges: readonly IovaRange[];
  readonly #pages = new Set<number>();
  readonly #sizes = new Map<bigint, number>();

  constructor(ranges: readonly IovaRange[]) {
    this.#ranges = ranges;
  }

  alloc(size: bigint, align: bigint, mask: bigint, lead: bigint): bigint | undefined {
    for (let page = 1; page < PAGES; page++) {
      const at = BigInt(page) * 0x1000n;
      if ((at + lead) % align === 0n && at + size - 1n <= mask && this.take(at, size) === undefined) return at;
    }
    return undefined;
  }

  take(iova: bigint, size: bigint): 'taken' | 'outside' | undefined {
    const last = iova + size - 1n;
    if (!this.#ranges.some((range) => range.first <= iova && last <= range.last)) return 'outside';
    const pages = Array.from({ length: Number(size / 0x1000n) }, (_, i) => Number(iova / 0x1000n) + i);
    if (pages.some((page) => this.#pages.has(page))) return 'taken';
    for (const page of pages) this.#pages.add(page);
    this.#sizes.set(iova, pages.length);
    return undefined;
  }

  free(iova: bigint): void {
    const first = Number(iova / 0x1000n);
    for (let i = 0; i < (this.#sizes.get(iova) ?? 0); i++) this.#pages.delete(first + i);
    this.#sizes.delete(iova);
  }
}

/** Few enough that a long session fills them and falls to pieces. */
const PAGES = 256;
const WINDOWS = [
  { first: 0n, last: 0x3_ffffn },
  { first: 0x5_0000n, last: 0x8_7fffn },
  { first: 0x8_9000n, last: 0xf_ffffn },
];

for (const seed of [1, 2, 3, 4, 5]) {
  test(`a long session is as a simple one would have it: windows, masks, alignment, reuse (seed ${seed})`, () => {
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const space = new IovaSpace(WINDOWS);
    const reference = new Reference(WINDOWS);
    const held: bigint[] = [];
    const counts = { given: 0, refused: 0, freed: 0, taken: 0 };
    for (let step = 0; step < 6000; step++) {
      const what = random(10);
      if (what < 4 && held.length > 0) {
        const [iova = 0n] = held.splice(random(held.length), 1);
        space.free(iova);
        reference.free(iova);
        counts.freed++;
      } else if (what < 6) {
        const iova = BigInt(random(PAGES + 8)) * 0x1000n;
        const size = BigInt(1 + random(6)) * 0x1000n;
        const refused = space.take(iova, size);
        assert.equal(refused, reference.take(iova, size), `step ${step}: take ${iova} ${size}`);
        if (refused === undefined) held.push(iova);
        else counts.taken++;
      } else {
        const size = BigInt(1 + random(12)) * 0x1000n;
        const align = 0x1000n << BigInt(random(5));
        const mask = random(3) === 0 ? BigInt(random(0x10_0000)) : ALL;
        const lead = BigInt(random(2)) * 0x1000n;
        const iova = space.alloc(size, align, mask, lead);
        assert.equal(iova, reference.alloc(size, align, mask, lead), `step ${step}: alloc ${size} ${align} ${mask}`);
        if (iova === undefined) counts.refused++;
        else {
          held.push(iova);
          counts.given++;
        }
      }
    }
    for (const count of Object.values(counts)) assert.ok(count > 100, JSON.stringify(counts));
    // All given back, what was in pieces is whole.
    for (const iova of held) space.free(iova);
    for (const { first, last } of WINDOWS) assert.equal(space.take(first, last - first + 1n), undefined);
  });
}
