/** A card in a test's hands by its group alone, below `open()` and Device. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Backend, REGION } from '../../../lib/backend.js';
import { openGroup } from '../../../lib/backends/group.js';
import { EDU } from '../cards.js';
import { held } from './held.js';

export const COMMAND = 0x04;
export const MEM = 2;
export const MASTER = 4;

export const command = (dev: Backend): number => Number(dev.read(REGION.CONFIG, COMMAND, 16));

/** A card for one test, closed afterwards, with nothing left behind. */
export function on(name: string, body: (dev: Backend) => void | Promise<void>, bdf: string = EDU): void {
  test(name, async () => {
    const dev = openGroup(bdf);
    try {
      await body(dev);
    } finally {
      dev.close();
    }
    assert.deepEqual(held(), []);
  });
}
