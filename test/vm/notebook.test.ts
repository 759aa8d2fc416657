/**
 * notebooks/edu.ipynb on the kernel's vfio-pci shows what it shows on the simulator, and so does what was recorded meanwhile. A guest of its own: TypeScript takes its time
 * in there, and so runs beside the other tests.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { needs } from '../needs.js';
import { vfiolab } from '../vfiolab.js';
import { EDU } from './cards.js';
import { Guest, quote } from './guest.js';
import { EDU_NOTEBOOK, shown } from './shown.js';

/** Runs the notebook as Jupyter does, by the kernelspec that its metadata names. */
const NBCLIENT = `
import nbformat, nbclient
notebook = nbformat.read('notebooks/edu.ipynb', 4)
nbclient.NotebookClient(notebook, timeout=600, startup_timeout=300).execute()
nbformat.write(notebook, '/ctl/nbclient.ipynb')
`;

test('notebooks/edu.ipynb on the kernel’s vfio-pci', needs('guest', 'jupyter'), async (t) => {
  const guest = await Guest.boot({ deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  assert.equal((await guest.run(`bind ${EDU}`)).code, 0);
  const saved = shown(EDU_NOTEBOOK, 'sim:edu');

  await t.test('nbclient and the installed kernelspec', async () => {
    const record = `VFIOLAB_DEVICE=${quote(`record:/ctl/edu.jsonl#${EDU}`)}`;
    const run = `node dist/repl/cli.js kernel install --user && ${record} /usr/bin/python3 -c ${quote(NBCLIENT)}`;
    const { code, output } = await guest.run(run, { timeout: 600 });
    assert.equal(code, 0, output);
    assert.deepEqual(shown(join(guest.ctl, 'nbclient.ipynb'), EDU), saved);
  });

  await t.test('what was recorded there is replayed here, without the card', async () => {
    const spec = `replay:${join(guest.ctl, 'edu.jsonl')}`;
    const out = join(guest.ctl, 'replayed.ipynb');
    const { code, stderr } = await vfiolab(['run', EDU_NOTEBOOK, '--device', spec, '-o', out]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(shown(out, spec), saved);
  });
});
