/** Machines that lack what VFIO needs: each opening says which step failed, and what to do. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { needs } from '../needs.js';
import { bundled } from './bundle.js';
import { EDU } from './cards.js';
import { CHECKOUT, Guest } from './guest.js';
import { relay } from './relay.js';

/** By each path that the kernel has: what a register of the card holds, or what opening it threw. */
const PROGRAM = `
  import { existsSync } from 'node:fs';
  import { open } from '${join(CHECKOUT, 'dist/lib/index.js')}';
  for (const path of existsSync('/dev/iommu') ? ['group', 'iommufd'] : ['group']) {
    try {
      const dev = open(path + ':${EDU}');
      console.log(dev.bar(0).read32(0).toString(16));
      dev.close();
    } catch (error) {
      console.log(error.name + ': ' + error.message);
    }
  }`;
const OPEN = `node --input-type=module -e "${PROGRAM}"`;

test(
  'without interrupt remapping: the risk is named, and the switch that takes it works',
  needs('guest'),
  async (t) => {
    const guest = await Guest.boot({ alone: true, iommu: 'intel-iommu,intremap=off' });
    t.after(() => guest.off());
    await bundled(guest);
    const refused = await guest.run(`bind ${EDU} && ${OPEN}`);
    assert.match(
      refused.output,
      /^SystemError: 0000:01:00\.0: step 5, VFIO_SET_IOMMU: .*no interrupt remapping.*\(EPERM\); .*allow_unsafe_interrupts$/m,
    );
    const [, byNode = '', ...none] = refused.output.trim().split('\n');
    if (byNode) {
      assert.match(
        byNode,
        /^SystemError: 0000:01:00\.0: VFIO_DEVICE_BIND_IOMMUFD: .*no interrupt remapping.*\(EPERM\); .*iommufd\/\S+allow_unsafe_interrupts$/,
      );
    }
    assert.deepEqual(none, []);
    const doctor = await guest.run(`node dist/repl/cli.js doctor ${EDU} --json`);
    assert.equal(doctor.code, 1, doctor.output);
    const sick = JSON.parse(doctor.output).findings.filter(({ tone }: { tone: string }) => tone === 'bad');
    assert.deepEqual(
      sick.map(({ about }: { about: string }) => about),
      ['interrupts'],
    );
    const cures = [...refused.output.matchAll(/echo 1 \| sudo (tee \S+)/g)].map(([, tee]) => `echo 1 | ${tee}`);
    const { output } = await guest.run(`${cures.join(' && ')} && ${OPEN}`);
    assert.equal(output, '1\n'.repeat(cures.length) + '10000ed\n'.repeat(cures.length));
    // What the doctor prints is a cure as well.
    const off = cures.map((cure) => cure.replace('echo 1', 'echo 0')).join('; ');
    const cured = await guest.run(
      `${off}; ${sick[0].cure.join(' && ')} && ${OPEN} && node dist/repl/cli.js doctor ${EDU}`,
    );
    assert.equal(cured.code, 0, cured.output);
    assert.match(cured.output, /^0\n(?:0\n)?(?:10000ed\n)+.*nothing is wrong/);
  },
);

test('without an IOMMU: no group, whatever the driver', needs('guest'), async (t) => {
  const guest = await Guest.boot({ iommu: '' });
  t.after(() => guest.off());
  await bundled(guest);
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

  await t.test('a guest whose time runs out is killed, and its console shown', async () => {
    guest.deadline(1);
    await assert.rejects(guest.run('echo "last words" >/dev/ttyS0; sleep 600', { timeout: 600 }), (error: Error) => {
      assert.match(error.message, /still running after 1 s and killed/);
      assert.match(error.message, /last words/);
      return true;
    });
    assert.throws(() => process.kill(guest.pid ?? 0, 0), { code: 'ESRCH' });
  });
});
