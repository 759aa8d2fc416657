/** The seeded session (test/trace/main.ts) on the edu card in the guest, line by line against the simulator's. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { COUNT } from '../trace/main.js';
import { differences, explained, STRICTER } from '../trace/stricter.js';
import { EDU } from './cards.js';
import type { Guest } from './guest.js';

const run = promisify(execFile);
const lines = (output: string): string[] => output.trimEnd().split('\n');

export async function session(guest: Guest): Promise<void> {
  const script = join(import.meta.dirname, '..', 'trace', 'main.js');
  const [simulator, card] = await Promise.all([
    run(process.execPath, [script, 'sim:edu']),
    // Interrupts where the program runs: none is still on its way when the next line looks for it.
    guest.run(`bind ${EDU} && echo 1 >/proc/irq/default_smp_affinity && taskset 1 node ${script} ${EDU}`, {
      timeout: 300,
    }),
  ]);
  assert.equal(card.code, 0, card.output.slice(-2000));
  const ours = lines(simulator.stdout);
  const theirs = lines(card.output);
  assert.equal(theirs.length, COUNT + 1);
  assert.equal(differences(ours, theirs).join('\n'), '');
  // A case that no longer happens has no place in the list.
  for (const stricter of STRICTER.filter(({ some }) => some === undefined)) {
    const happened = ours.some((line, i) => line !== theirs[i] && explained(line, theirs[i] ?? '') === stricter);
    assert.ok(happened, `a case that the card does not show: ${stricter.reason}`);
  }
}
