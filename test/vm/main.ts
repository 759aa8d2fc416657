/**
 * `npm run test:vm [-- OPTIONS]`: the guest's tests alone, or one command in a fresh guest. Fetches what is missing.
 *
 *     --kernel FILE|debian|newest
 *                            the guest's kernel (else $VFIOLAB_VM_KERNEL, the one from `npm run vm:kernel`, Debian's); newest is the one
 *                            from `npm run vm:kernel -- newest`
 *     --exec COMMAND         bind the edu card to vfio-pci and run a shell command in the checkout; its output, its exit code
 *     --bind BDF,…           what --exec binds instead; empty for nothing
 *     --keep                 leave the folder with the guest's console, commands and outputs, and say where it is
 *     --gigantic             with a page of 1 GiB
 *     --deadline SECONDS     QEMU is killed then (600)
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EDU } from './cards.js';
import { CHECKOUT, Guest } from './guest.js';
import { setup } from './setup.js';

const { values } = parseArgs({
  options: {
    kernel: { type: 'string' },
    exec: { type: 'string' },
    bind: { type: 'string', default: EDU },
    keep: { type: 'boolean', default: false },
    gigantic: { type: 'boolean', default: false },
    deadline: { type: 'string', default: '600' },
  },
});

/** One command in a fresh guest; the exit code is the command's. */
async function exec(command: string): Promise<number> {
  const deadline = Number(values.deadline);
  const guest = await Guest.boot({ kernel: values.kernel, keep: values.keep, deadline, gigantic: values.gigantic });
  process.stderr.write(`guest: kernel ${guest.kernel.name}\n`);
  const devices = values.bind.split(',').filter(Boolean);
  const bound = await guest.run(`bind ${devices.join(' ')}`);
  if (bound.code !== 0) process.stderr.write(`guest: ${bound.output}`);
  const onOutput = (text: string): boolean => process.stdout.write(text);
  const { code } = await guest.run(command, { timeout: deadline, onOutput });
  await guest.off();
  process.stderr.write(`guest: exit code ${code}\n`);
  return code;
}

/** The tests, all of them required. */
function tests(): number {
  const env = { ...process.env, VFIOLAB_TEST_ALL: '1', VFIOLAB_VM_KEEP: values.keep ? '1' : '' };
  if (values.kernel) Object.assign(env, { VFIOLAB_VM_KERNEL: values.kernel });
  const runner = join(CHECKOUT, 'dist', 'test', 'run.js');
  return spawnSync(process.execPath, [runner, 'vm/'], { env, stdio: 'inherit' }).status ?? 1;
}

await setup(values.kernel);
process.exitCode = values.exec === undefined ? tests() : await exec(values.exec);
