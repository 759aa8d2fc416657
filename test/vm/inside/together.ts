/**
 * In the guest: which way a plain BDF takes, and several cards in one container or IOAS: one buffer, one IOVA. EDU and EDU_TOO are
 * bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Device, EDU_BUFFER, EDU_DMA_MASK, open, UsageError } from '../../../lib/index.js';
import { transfer } from '../../contract/edu.js';
import { EDU, EDU_TOO } from '../cards.js';
import { held } from './held.js';
import { IOMMUFD, PATHS } from './paths.js';

const CARD = BigInt(EDU_BUFFER.offset);

/** Eight bytes from `from` through the card to `to`. */
function through(dev: Device, from: bigint, to: bigint): void {
  dev.busMaster(true);
  transfer(dev, from, CARD, 8, 'to card');
  transfer(dev, CARD, to, 8, 'to memory');
}

test('a plain BDF takes iommufd where it is there, else the group, and the device says which', () => {
  using dev = open(EDU);
  assert.equal(dev.spec, `${IOMMUFD ? 'iommufd' : 'group'}:${EDU}`);
  assert.match(dev.driver, IOMMUFD ? /^vfio-pci, iommufd, VT-d$/ : /^vfio-pci, group \d+$/);
  for (const spec of [EDU, `group:${EDU}`, `iommufd:${EDU}`, EDU.slice(5)]) {
    assert.throws(() => open(spec), /open already \(at .*together/, spec);
  }
});

for (const path of PATHS) {
  for (const first of [0, 1]) {
    test(`${path}: two cards share buffers at one IOVA; card ${first} closed first leaves the other at work`, () => {
      const one = open(`${path}:${EDU}`);
      const two = open(EDU_TOO, { iommuOf: one });
      assert.equal(two.spec, `${path}:${EDU_TOO}`);
      const mine = one.dma(4096, { mask: EDU_DMA_MASK });
      const yours = two.dma(4096, { mask: EDU_DMA_MASK });
      assert.notEqual(mine.iova, yours.iova, 'one allocator');
      mine.bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
      through(two, mine.iova, mine.iova + 64n);
      through(one, mine.iova + 64n, yours.iova);
      assert.deepEqual([...yours.bytes.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
      const [gone, left] = first === 0 ? [one, two] : [two, one];
      const buffer = first === 0 ? yours : mine;
      gone.close();
      buffer.bytes.set([9, 8, 7]);
      through(left, buffer.iova, buffer.iova + 128n);
      assert.deepEqual([...buffer.bytes.subarray(128, 131)], [9, 8, 7]);
      // And back again, beside the one that stayed.
      const again = open(gone.path, { iommuOf: left });
      through(again, buffer.iova, buffer.iova + 256n);
      assert.deepEqual([...buffer.bytes.subarray(256, 259)], [9, 8, 7]);
      left.close();
      const last = again.dma(4096, { mask: EDU_DMA_MASK });
      last.bytes.fill(0x42, 0, 8);
      through(again, last.iova, last.iova + 8n);
      assert.equal(last.bytes[15], 0x42);
      again.close();
      assert.deepEqual(held(), []);
    });
  }

  test(`${path}: apart, a card does not reach the other's buffer`, () => {
    using one = open(`${path}:${EDU}`);
    using two = open(`${path}:${EDU_TOO}`);
    const buf = one.dma(4096, { mask: EDU_DMA_MASK });
    const other = two.dma(4096, { mask: EDU_DMA_MASK });
    assert.equal(buf.iova, other.iova, 'each has an allocator of its own');
    buf.bytes.fill(0x11);
    through(two, other.iova, other.iova + 8n);
    assert.ok(buf.bytes.every((byte) => byte === 0x11));
  });
}

test('what cannot be shared is refused, and leaves nothing open', () => {
  const one = open(`group:${EDU}`);
  const refusals: [string, Device, RegExp][] = [
    [`iommufd:${EDU_TOO}`, one, /group:\S+ is not reached through an iommufd; open both in one way/],
    ['sim:edu', one, /a simulated card has an IOMMU of its own; leave iommuOf out/],
    [EDU_TOO, {} as Device, /iommuOf is not a device/],
  ];
  for (const [spec, beside, words] of refusals.slice(IOMMUFD ? 0 : 1)) {
    assert.throws(
      () => open(spec, { iommuOf: beside }),
      (error) => error instanceof UsageError && words.test(error.message),
    );
  }
  using sim = open('sim:edu');
  assert.throws(() => open(EDU_TOO, { iommuOf: sim }), /sim:edu is not behind an IOMMU of this host/);
  one.close();
  assert.throws(() => open(EDU_TOO, { iommuOf: one }), /iommuOf: 0000:01:00\.0 is closed/);
  assert.deepEqual(held(), []);
});
