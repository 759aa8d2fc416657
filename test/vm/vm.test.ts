/** The guest: the harness itself, then everything that has to hold on the kernel's own vfio-pci; booted once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { needs } from '../needs.js';
import { bundled } from './bundle.js';
import { E1000E, EDU, EDU_TOO, IGB, IGB_TOO, IVSHMEM, NVME, SHARED, TESTDEV } from './cards.js';
import { Guest } from './guest.js';
import { relay } from './relay.js';

test('on the kernel’s vfio-pci, in a QEMU guest', needs('guest'), async (t) => {
  const guest = await Guest.boot({ deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  t.diagnostic(`kernel: ${guest.kernel.name}`);

  await t.test('the exit code and the output are the command’s own', async () => {
    assert.deepEqual(await guest.run('echo out; echo err >&2; exit 7'), { code: 7, output: 'out\nerr\n' });
  });

  await t.test('a command that runs out of its time is stopped, and the next one runs', async () => {
    const { code } = await guest.run('sleep 100 & sleep 100', { timeout: 1 });
    assert.equal(code, 124);
    assert.equal((await guest.run('true')).code, 0);
  });

  await t.test('it runs this node in this checkout, and writes nothing to the host', async () => {
    const { code, output } = await guest.run('touch written && node -p "process.version + process.cwd()"');
    assert.equal(code, 0, output);
    assert.equal(output, `${process.version}${process.cwd()}\n`);
  });

  await bundled(guest);
  // Together where the same cards will do: to start a process takes seconds there.
  await t.test('groups; several cards', (t) =>
    relay(t, guest, 'machine group together', { before: `bind ${EDU} ${SHARED[0]} ${EDU_TOO}` }),
  );
  await t.test('resets, refusals, other cards, virtual functions, vectors', (t) =>
    relay(t, guest, 'resets errnos devices sriov vectors', {
      before: `bind ${IGB} ${IGB_TOO} ${E1000E} ${NVME} ${IVSHMEM} ${TESTDEV}`,
    }),
  );
  await t.test('bind, release, doctor', (t) => relay(t, guest, 'host'));
});
