/**
 * The prompt on the kernel's vfio-pci, and notebooks/edu.ipynb in the same kernel, which shows there what it shows on the simulator, and so
 * does what was recorded meanwhile. A guest of its own: TypeScript takes its time in there, and so runs beside the other tests.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { needs } from '../needs.js';
import { vfiolab } from '../vfiolab.js';
import { bundled } from './bundle.js';
import { EDU } from './cards.js';
import { Guest } from './guest.js';
import { relay } from './relay.js';
import { EDU_NOTEBOOK, shown } from './shown.js';

test('the prompt and a notebook on the kernel’s vfio-pci', needs('guest', 'tmux', 'jupyter'), async (t) => {
  const guest = await Guest.boot({ alone: true, deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  await bundled(guest);
  // TypeScript's machine code, as every kernel but the first finds it.
  const cache = { XDG_CACHE_HOME: join(guest.ctl, 'cache') };
  const first = await vfiolab(
    ['run', EDU_NOTEBOOK, '--device', 'sim:edu', '-o', join(guest.ctl, 'first.ipynb')],
    cache,
  );
  assert.equal(first.code, 0, first.stderr);
  const before = `bind ${EDU} && export RAN=/ctl/ran.ipynb RECORDING=/ctl/edu.jsonl XDG_CACHE_HOME=/ctl/cache`;
  await t.test('in a terminal, and by nbclient', (t) => relay(t, guest, 'prompt', { before, timeout: 800 }));
  const saved = shown(EDU_NOTEBOOK, 'sim:edu');

  await t.test('the notebook showed what it shows on the simulator', () => {
    assert.deepEqual(shown(join(guest.ctl, 'ran.ipynb'), EDU), saved);
  });

  await t.test('what was recorded there is replayed here, without the card', async () => {
    const spec = `replay:${join(guest.ctl, 'edu.jsonl')}`;
    const out = join(guest.ctl, 'replayed.ipynb');
    const { code, stderr } = await vfiolab(['run', EDU_NOTEBOOK, '--device', spec, '-o', out]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(shown(out, spec), saved);
  });
});
