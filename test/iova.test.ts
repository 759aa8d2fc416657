/** The IOVA allocator. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Iova } from '../lib/backend.js';
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

test('random allocations never overlap and stay in the ranges', () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  const space = new IovaSpace(MSI_HOLE);
  const held = new Map<Iova, bigint>();
  for (let step = 0; step < 3000; step++) {
    const keys = [...held.keys()];
    const victim = keys[random(keys.length + 1)];
    if (victim !== undefined && random(3) === 0) {
      space.free(victim);
      held.delete(victim);
      continue;
    }
    const size = BigInt(random(64) + 1) * 0x1000n;
    const iova = space.alloc(size, 0x1000n, 0x3f_ffffn);
    if (iova === undefined) continue;
    assert.ok(iova >= 0x1000n && iova + size - 1n <= 0x3f_ffffn);
    for (const [other, length] of held) assert.ok(iova + size <= other || other + length <= iova);
    held.set(iova, size);
  }
  assert.ok(held.size > 5);
});

test('narrower ranges hold from then on; what is taken stays taken', () => {
  const space = new IovaSpace(MSI_HOLE);
  const first = space.alloc(0x1000n, 0x1000n, ALL) as Iova;
  space.narrow([{ first: 0x1000n, last: 0x2fffn }]);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), 0x2000n);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), undefined);
  space.free(first);
  assert.equal(space.alloc(0x1000n, 0x1000n, ALL), first);
});
