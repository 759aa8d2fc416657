/** A device that sees memory where it is: what its buffers then are, and that none is given back under it. In the guest: vm/inside/noiommu.ts. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Backend, REGION } from '../lib/backend.js';
import { openSim } from '../lib/backends/sim.js';
import { Device } from '../lib/device.js';
import { open, UsageError } from '../lib/index.js';

const PLACE = 0x7654_3000n;

/** An edu to which memory is at one place, and whether it could write there when it was taken back. */
function untranslated(): { dev: Device; masterAtUnmap: boolean[] } {
  const card = openSim('edu');
  const masterAtUnmap: boolean[] = [];
  const unmap = card.dmaUnmap.bind(card);
  const dmaUnmap: Backend['dmaUnmap'] = (iova, size) => {
    masterAtUnmap.push((Number(card.read(REGION.CONFIG, 4, 16)) & 4) !== 0);
    unmap(iova, size);
  };
  return { dev: new Device(Object.assign(card, { dmaPlace: () => PLACE, dmaUnmap })), masterAtUnmap };
}

test('a buffer’s IOVA is its place; one that is asked for elsewhere, or between guards, is refused', () => {
  const { dev } = untranslated();
  for (const options of [{ iova: 0x1000n }, { guard: true }]) {
    assert.throws(
      () => dev.dma(4096, options),
      (error) =>
        error instanceof UsageError && /where it is, at 0x76543000; leave iova and guard out/.test(error.message),
    );
  }
  assert.equal(dev.dma(4096).iova, PLACE);
  dev.close();
});

test('closing stops the device before its memory is given back; freeing one buffer does not stop it', () => {
  const { dev, masterAtUnmap } = untranslated();
  dev.busMaster(true);
  dev.dma(4096).free();
  dev.dma(4096);
  dev.close();
  assert.deepEqual(masterAtUnmap, [true, false]);
});

test('without the word for it no such card is opened', () => {
  assert.throws(() => open('noiommu:0000:77:00.0'), /overwrite all of this machine’s memory; .*\{ unsafe: true \}/);
  assert.throws(
    () => open('noiommu:0000:77:00.0', { unsafe: true, share: true }),
    /no mappings to share; leave share out/,
  );
});
