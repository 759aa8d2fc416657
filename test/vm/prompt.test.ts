/** The prompt on the kernel's vfio-pci, in a guest of its own: TypeScript takes its time in there. */
import test from 'node:test';
import { needs } from '../needs.js';
import { EDU } from './cards.js';
import { Guest } from './guest.js';
import { relay } from './relay.js';

test('the prompt on the kernel’s vfio-pci', needs('guest', 'tmux'), async (t) => {
  const guest = await Guest.boot({ deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  await t.test('in a terminal', (t) => relay(t, guest, 'prompt', { before: `bind ${EDU}`, timeout: 800 }));
});
