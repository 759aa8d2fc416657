/**
 * In the guest: the prompt in a terminal, on QEMU's edu through the kernel's vfio-pci, chosen by $VFIOLAB_DEVICE; and notebooks/edu.ipynb,
 * run by nbclient in the same kernel, as TypeScript takes its time to start in there. $RAN is what it writes, $RECORDING of what.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { open } from '../../../lib/index.js';
import { Tmux } from '../../tmux.js';
import { EDU } from '../cards.js';
import { CHECKOUT } from '../guest.js';

const CLI = join(CHECKOUT, 'dist', 'repl', 'cli.js');
/** The guest's processor is emulated. */
const WITHIN = 300_000;

const { RAN = '/run/ran.ipynb', RECORDING = '/run/edu.jsonl' } = process.env;

/** Runs the notebook, on a card of our choice, in a kernel that is there already and goes on afterwards. */
const NBCLIENT = `
import sys, nbclient, nbformat
from jupyter_client import AsyncKernelManager
class Running(AsyncKernelManager):
  has_kernel = True
  async def is_alive(self):
    return True
kernel = Running(connection_file=sys.argv[1])
kernel.load_connection_file()
notebook = nbformat.read('notebooks/edu.ipynb', 4)
first = next(cell for cell in notebook.cells if cell.cell_type == 'code')
first.source = first.source.replace('open()', f'open({sys.argv[3]!r})')
nbclient.NotebookClient(notebook, km=kernel, timeout=600).execute()
nbformat.write(notebook, sys.argv[2])
`;

test('the prompt and a notebook', async () => {
  const command = `'${process.execPath}' '${CLI}'; echo "left $?"; read end`;
  using terminal = new Tmux(command, { columns: 100, within: WITHIN, env: { VFIOLAB_DEVICE: EDU } });
  await terminal.until(
    new RegExp(`^1> const dev = open\\('${EDU}'\\)\\n {3}const edu = dev\\.bar\\(0\\)\\.registers\\(EDU\\)$`, 'm'),
  );
  terminal.enter('dev');
  await terminal.until(/^2> dev\n.*1234:11e8.*vfio-pci(?:.*\n)+.*bar0 +1 MiB/m);
  terminal.enter("dev.busMaster(true); const [irq] = dev.enableIrqs('msi'); edu.ID.read()");
  await terminal.until(/ID = 0x010000ed\n(?:.*\n)+.*MAGIC +0xed/m);
  terminal.enter('await irq.wait({ timeout: 600_000 })');
  await terminal.until(/^4> await .*\nrunning \d+ s, Ctrl-C stops it\n5>$/m);
  terminal.keys('C-c');
  await terminal.until(/KeyboardInterrupt/);
  terminal.enter("edu.IRQ_RAISE.write(1); await irq.wait({ timeout: 60_000 }); 'it came'");
  await terminal.until(/^'it came'$/m);

  terminal.enter('dev.close()');
  await terminal.until(/^\d+> dev\.close\(\)\n\d+>$/m);
  const kernel = execFileSync('pgrep', ['-f', 'kernel/main\\.js'], { encoding: 'utf8' }).trim();
  const connection = readFileSync(`/proc/${kernel}/cmdline`, 'utf8').split('\0').at(-2) ?? '';
  const spec = `record:${RECORDING}#${EDU}`;
  execFileSync('/usr/bin/python3', ['-c', NBCLIENT, connection, RAN, spec], { stdio: 'inherit' });
  terminal.enter(`const card = open('${EDU}')`);

  // Another terminal looks at the card while a cell never ends.
  terminal.enter('for (;;) {}');
  await terminal.until(/^\d+> for \(;;\) \{\}\nrunning \d+ s/m);
  const peek = spawnSync(process.execPath, [CLI, 'peek', EDU, 'bar0+0x0'], { encoding: 'utf8' });
  assert.equal(peek.stdout, '0x010000ed  16777453\n', peek.stderr);
  // Its driver leaves it: the cell ends, and nobody waits. The kernel would ask again after 10 s.
  const start = performance.now();
  writeFileSync(`/sys/bus/pci/devices/${EDU}/driver/unbind`, EDU);
  const took = performance.now() - start;
  assert.ok(took < 9000, `${took} ms`);
  await terminal.until(new RegExp(`^${EDU} was taken away at [\\d:]+: its driver asked for it \\(REQ\\)$`, 'm'));
  // What is typed before would not be run.
  await terminal.until(/^\d+> for \(;;\) \{\}\n(?:.*\n)*?KeyboardInterrupt(?:.*\n)*?\d+>$/m);
  terminal.enter('card.closed');
  await terminal.until(/^\d+> card\.closed\n(?:.*\n)*?true$/m);
  writeFileSync('/sys/bus/pci/drivers_probe', EDU);
  terminal.keys('C-d');
  await terminal.until(/^left 0$/m);
  // Nobody has it now.
  open(EDU).close();
});
