/** Machines that lack what VFIO needs: each opening says which step failed, and what to do. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { needs } from '../needs.js';
import { EDU } from './cards.js';
import { CHECKOUT, Guest } from './guest.js';

const PROGRAM = `
  import { openGroup } from '${join(CHECKOUT, 'dist/lib/backends/group.js')}';
  try {
    const dev = openGroup('${EDU}');
    console.log(dev.read(0, 0, 32).toString(16));
    dev.close();
  } catch (error) {
    console.log(error.name + ': ' + error.message);
  }`;
const OPEN = `node --input-type=module -e "${PROGRAM}"`;

test(
  'without interrupt remapping: the risk is named, and the switch that takes it works',
  needs('guest'),
  async (t) => {
    const guest = await Guest.boot({ iommu: 'intel-iommu,intremap=off' });
    t.after(() => guest.off());
    const refused = await guest.run(`bind ${EDU} && ${OPEN}`);
    assert.match(
      refused.output,
      /^SystemError: 0000:01:00\.0: step 5, VFIO_SET_IOMMU: .*no interrupt remapping.*\(EPERM\); .*allow_unsafe_interrupts$/m,
    );
    const cure = /echo 1 \| sudo (tee \S+)/.exec(refused.output)?.[1];
    const { output } = await guest.run(`echo 1 | ${cure} && ${OPEN}`);
    assert.equal(output, '1\n10000ed\n');
  },
);

test('without an IOMMU: no group, whatever the driver', needs('guest'), async (t) => {
  const guest = await Guest.boot({ iommu: '' });
  t.after(() => guest.off());
  const { output } = await guest.run(OPEN);
  assert.match(
    output,
    /^SystemError: 0000:01:00\.0: step 2, \/sys\S+: the device is in no IOMMU group; .*intel_iommu=on/,
  );
});
