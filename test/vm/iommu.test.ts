/** Machines that lack what VFIO needs: each opening says which step failed, and what to do. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { needs } from '../needs.js';
import { EDU } from './cards.js';
import { CHECKOUT, Guest } from './guest.js';
import { relay } from './relay.js';

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
    const doctor = await guest.run(`node dist/repl/cli.js doctor ${EDU} --json`);
    assert.equal(doctor.code, 1, doctor.output);
    const sick = JSON.parse(doctor.output).findings.filter(({ tone }: { tone: string }) => tone === 'bad');
    assert.deepEqual(
      sick.map(({ about }: { about: string }) => about),
      ['interrupts'],
    );
    const cure = /echo 1 \| sudo (tee \S+)/.exec(refused.output)?.[1];
    const { output } = await guest.run(`echo 1 | ${cure} && ${OPEN}`);
    assert.equal(output, '1\n10000ed\n');
    // What the doctor prints is a cure as well.
    const off = 'echo 0 >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts';
    const cured = await guest.run(
      `${off}; ${sick[0].cure.join(' && ')} && ${OPEN} && node dist/repl/cli.js doctor ${EDU}`,
    );
    assert.equal(cured.code, 0, cured.output);
    assert.match(cured.output, /^10000ed\n.*nothing is wrong/);
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
  const doctor = await guest.run(`node dist/repl/cli.js doctor ${EDU}; node dist/repl/cli.js bind ${EDU}`);
  assert.equal(doctor.code, 1);
  assert.match(
    doctor.output,
    /^0000:01:00\.0: 1 wrong\n[\s\S]*✗ +IOMMU +this virtual machine has no IOMMU: .*intel-iommu/,
  );
  assert.match(doctor.output, /^0000:01:00\.0: bind: the device is in no IOMMU group; vfiolab doctor/m);
  await t.test('no-IOMMU mode', (t) => relay(t, guest, 'noiommu'));
});
