/** Base address registers: the words of the header as what they mean. Ref: PCI Local Bus 3.0, 6.2.5.1 */
import { type Space, wordAt } from './space.js';

export interface Bar {
  readonly index: number;
  readonly kind: 'io' | 'memory';
  /** Of a memory BAR: bits 2 and 1. 64-bit BARs take the next one as their upper half. */
  readonly type: '32-bit' | 'low-1M' | '64-bit' | 'type 3' | undefined;
  readonly prefetchable: boolean;
  /** A hex string, whatever the width: '0xfebf0000'. BigInt() and Number() take it. 0x0: not assigned. */
  readonly address: string;
  /** This register is the upper half of the one before. */
  readonly upperHalf: boolean;
  readonly raw: number;
}

const TYPES = ['32-bit', 'low-1M', '64-bit', 'type 3'] as const;
const SIXTY_FOUR = 2;

/** The BARs that are not zero: up to six of a device, two of a bridge, one of a CardBus bridge. */
export function bars(space: Space, count: number): readonly Bar[] {
  const words = Array.from({ length: count }, (_, index) => wordAt(space, 0x10 + index * 4, 32));
  const found: Bar[] = [];
  let upperHalf = false;
  words.forEach((word, index) => {
    // All-ones is what a register that is not there reads as.
    const raw = word === 0xffff_ffff ? 0 : word;
    const io = (raw & 1) === 1;
    const wide = !io && ((raw >>> 1) & 3) === SIXTY_FOUR;
    const low = (io ? raw & ~3 : raw & ~0xf) >>> 0;
    const high = wide ? words[index + 1] : 0;
    const address = upperHalf || high === undefined ? 0n : (BigInt(high) << 32n) | BigInt(low);
    if (raw !== 0) {
      const type = io ? undefined : TYPES[(raw >>> 1) & 3];
      const prefetchable = !io && (raw & 8) !== 0;
      const hex = `0x${address.toString(16)}`;
      found.push({ index, kind: io ? 'io' : 'memory', type, prefetchable, address: hex, upperHalf, raw });
    }
    upperHalf = wide && !upperHalf;
  });
  return found;
}
