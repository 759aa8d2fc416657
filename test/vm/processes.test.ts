/** Cards in several processes, and cards that go away: in a guest of their own, beside the rest; it has a page of 1 GiB. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { needs } from '../needs.js';
import { bundled } from './bundle.js';
import { DISK, EDU, NVME } from './cards.js';
import { CHECKOUT, Guest, quote } from './guest.js';
import { relay } from './relay.js';

test('processes and their cards, in a QEMU guest', needs('guest'), async (t) => {
  const guest = await Guest.boot({ gigantic: true, deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  await bundled(guest);

  await t.test('a page of 1 GiB', (t) => relay(t, guest, 'gigantic', { before: `bind ${EDU}` }));
  await t.test('one card in several processes', (t) => relay(t, guest, 'share'));
  await t.test('the card goes away', (t) => relay(t, guest, 'gone', { before: `bind ${NVME} ${DISK}` }));
  await t.test('the machine is turned off while a program that never ends has a card', async () => {
    const program = `import { open } from '${CHECKOUT}/dist/lib/index.js'; open('${EDU}', { share: true }).dma(4096); console.log('open'); for (;;);`;
    const command = `setsid node --input-type=module -e ${quote(program)} >/run/said 2>&1 & until grep . /run/said; do sleep 0.1; done`;
    assert.equal((await guest.run(command)).output, 'open\n');
    const start = performance.now();
    await guest.off();
    const took = performance.now() - start;
    assert.ok(took < 9000, `${took} ms, and killed then`);
  });
});
