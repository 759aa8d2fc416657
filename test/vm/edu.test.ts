/** What needs no card but edu, in a guest without the others: all that touches config space is cheaper there. */
import test from 'node:test';
import { needs } from '../needs.js';
import { bundled } from './bundle.js';
import { EDU } from './cards.js';
import { Guest } from './guest.js';
import { relay } from './relay.js';
import { session } from './session.js';

test('one card alone, in a QEMU guest', needs('guest'), async (t) => {
  const guest = await Guest.boot({ alone: true, deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  await bundled(guest);

  // Together where it can be: to start a process takes seconds there.
  await t.test('the contract; a backend’s verbs; memory', (t) =>
    relay(t, guest, 'contract verbs memory', { before: `bind ${EDU}` }),
  );
  await t.test('a seeded session runs as on the simulator', () => session(guest));
  await t.test('a process is killed', (t) => relay(t, guest, 'survival'));
  await t.test('one of two is killed', (t) => relay(t, guest, 'kills', { timeout: 600 }));
});
