/**
 * A seeded session with an edu card, at the seam: random but repeatable operations, each a line of what was done and what
 * came back. The same seed gives the same lines on the simulator and on QEMU's edu behind the kernel's vfio-pci, but for
 * the cases in stricter.ts. What the card does in its own time is waited for where the operation that began it ends.
 *
 *     node dist/test/trace/main.js SPEC [SEED] [COUNT]        prints the lines; SPEC also as 'record:FILE#SPEC' and 'replay:FILE'
 */
import { pathToFileURL } from 'node:url';
import type { Backend } from '../../lib/backend.js';
import { openGroup } from '../../lib/backends/group.js';
import { record } from '../../lib/backends/record.js';
import { openReplay } from '../../lib/backends/replay.js';
import { openSim } from '../../lib/backends/sim.js';
import { OPERATIONS } from './operations.js';
import { Session } from './session.js';

export const SEED = 9;
export const COUNT = 2000;

const TOTAL = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0);

/** One random operation, as a line. */
function step(session: Session): string {
  let at = session.below(TOTAL);
  for (const [weight, name, operation] of OPERATIONS) {
    at -= weight;
    if (at < 0) return `${name} ${operation(session)}${session.fired()}`;
  }
  throw new Error('no operation');
}

/** `count` operations on an edu card that nobody else uses meanwhile. */
export function runTrace(card: Backend, seed: number, count: number): string[] {
  const session = new Session(card, seed);
  try {
    return [`start ${session.start()}`, ...Array.from({ length: count }, () => step(session))];
  } finally {
    session.end();
  }
}

function cardOf(spec: string): Backend {
  const [, file, recorded] = /^record:(.*?)#(.*)$/.exec(spec) ?? [];
  if (file !== undefined && recorded !== undefined) return record(file, cardOf(recorded));
  if (spec.startsWith('replay:')) return openReplay(spec.slice(7));
  return spec.startsWith('sim:') ? openSim(spec.slice(4)) : openGroup(spec.replace(/^group:/, ''));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [spec = 'sim:edu', seed = SEED, count = COUNT] = process.argv.slice(2);
  const card = cardOf(spec);
  try {
    process.stdout.write(`${runTrace(card, Number(seed), Number(count)).join('\n')}\n`);
  } finally {
    card.close();
  }
}
