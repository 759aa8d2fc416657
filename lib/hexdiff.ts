/** Two runs of bytes side by side: where they differ. */
import { UsageError } from './errors.js';
import { Difference } from './pattern.js';

/**
 * Compares two dumps of the same length, byte for byte; `equal`, `count` and `runs` are data, and it shows the rows that differ.
 *
 * @throws UsageError where the lengths differ.
 * @example
 * const before = dev.bar(0).readBlock(0, 256)
 * edu.STATUS.modify({ IRQ: 1 })
 * hexdiff(before, dev.bar(0).readBlock(0, 256))
 */
export function hexdiff(before: Uint8Array, after: Uint8Array): Difference {
  if (before.length !== after.length) {
    const reason = `${before.length} and ${after.length} bytes`;
    throw new UsageError({ path: 'hexdiff', attempted: 'compare', reason, hint: 'compare dumps of the same length' });
  }
  return new Difference('hexdiff', after, 0, before.length === 0 ? Uint8Array.of(0) : before);
}
