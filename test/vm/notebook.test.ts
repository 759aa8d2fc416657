/**
 * notebooks/edu.ipynb on the kernel's vfio-pci shows what it shows on the simulator. A guest of its own: TypeScript takes its time
 * in there, and so runs beside the other tests.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { needs } from '../needs.js';
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

test('notebooks/edu.ipynb on the kernel’s vfio-pci', needs('guest'), async (t) => {
  const guest = await Guest.boot({ deadline: 840, keep: process.env.VFIOLAB_VM_KEEP === '1' });
  t.after(() => guest.off());
  assert.equal((await guest.run(`bind ${EDU}`)).code, 0);
  const saved = shown(EDU_NOTEBOOK, 'sim:edu');
  const run = async (command: string): Promise<void> => {
    const { code, output } = await guest.run(command, { timeout: 400 });
    assert.equal(code, 0, output);
  };

  await t.test('vfiolab run', async () => {
    await run(`node dist/repl/cli.js run notebooks/edu.ipynb --device ${EDU} -o /ctl/run.ipynb`);
    assert.deepEqual(shown(join(guest.ctl, 'run.ipynb'), EDU), saved);
  });

  await t.test('nbclient and the installed kernelspec', needs('jupyter'), async () => {
    await run('node dist/repl/cli.js kernel install --user');
    await run(`VFIOLAB_DEVICE=${EDU} /usr/bin/python3 -c ${quote(NBCLIENT)}`);
    assert.deepEqual(shown(join(guest.ctl, 'nbclient.ipynb'), EDU), saved);
  });
});
