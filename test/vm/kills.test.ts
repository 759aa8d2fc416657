/** Processes that are killed while they use a card: in a guest of their own, beside the rest. */
import test from 'node:test';
import { needs } from '../needs.js';
import { bundled } from './bundle.js';
import { EDU } from './cards.js';
import { Guest } from './guest.js';
import { relay } from './relay.js';

test('killed processes and their cards, in a QEMU guest', needs('guest'), async (t) => {
  const guest = await Guest.boot({ alone: true, deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  await bundled(guest);

  await t.test('by itself', (t) => relay(t, guest, 'survival', { before: `bind ${EDU}` }));
  await t.test('one of two', (t) => relay(t, guest, 'kills', { timeout: 600 }));
});
