/** A million random and mutated config spaces: nothing is thrown, nothing hangs, no field comes from outside the bytes. */
import { fuzz } from '../config/fuzz.js';
import type { Soak } from './soak.js';

export const config: Soak = {
  name: 'config',
  title: 'config spaces of every kind, decoded to data and to text',
  count: 1_000_000,
  // The long form of what test/config-hostile.test.ts does with 6,000.
  short: 250,
  async run(count) {
    const seed = Number(process.env.VFIOLAB_TEST_SEED ?? Date.now() % 1_000_000);
    const bytes = fuzz(count, seed);
    return `${count} spaces, ${bytes} bytes, seed ${seed}`;
  },
};
