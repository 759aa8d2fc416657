/** Base address registers: the words of the header as what they mean. Ref: PCI Local Bus 3.0, 6.2.5.1 and 6.2.5.2 */
import type { Layout } from './layout.js';
import { type Space, wordAt } from './space.js';

/** A base address register that holds something. */
export interface Bar {
  /** Of a 64-bit BAR, that of its lower half. */
  readonly index: number;
  readonly kind: 'io' | 'memory';
  /** Of a memory BAR: bits 2 and 1. 64-bit BARs take the next one as their upper half. */
  readonly type: '32-bit' | 'low-1M' | '64-bit' | 'type 3' | undefined;
  readonly prefetchable: boolean;
  /** A hex string, whatever the width: '0xfebf0000'. BigInt() and Number() take it. 0x0: not assigned. */
  readonly address: string;
  /** Bytes, where it is known: of an open device. */
  readonly size?: number;
  /** Of a 64-bit BAR, the lower half. */
  readonly raw: number;
}

/** A BAR register as lspci looks at it: also the upper half of the one before. */
export interface BarRegister extends Bar {
  readonly upperHalf: boolean;
}

/** An expansion ROM's base address register. */
export interface Rom {
  /** A hex string, as `Bar.address` is. */
  readonly address: string;
  /** Its own enable bit; COMMAND.MEM must be set too. */
  readonly enabled: boolean;
  /** Bytes, where it is known: of an open device. */
  readonly size?: number;
  readonly raw: number;
}

/** Bytes, by BAR; the ROM is 6, as VFIO counts. */
export type BarSizes = ReadonlyMap<number, number>;

const TYPES = ['32-bit', 'low-1M', '64-bit', 'type 3'] as const;
const SIXTY_FOUR = 2;
const COUNTS: Readonly<Record<Layout, number>> = { device: 6, bridge: 2, cardbus: 1, unknown: 0 };
const ROMS: Readonly<Partial<Record<Layout, number>>> = { device: 0x30, bridge: 0x38 };
const ROM = 6;
const ALL_ONES = 0xffff_ffff;

/** The registers that are not zero: up to six of a device, two of a bridge, one of a CardBus bridge. */
export function bars(space: Space, count: number): readonly BarRegister[] {
  const words = Array.from({ length: count }, (_, index) => wordAt(space, 0x10 + index * 4, 32));
  const found: BarRegister[] = [];
  let upperHalf = false;
  words.forEach((word, index) => {
    // All-ones is what a register that is not there reads as.
    const raw = word === ALL_ONES ? 0 : word;
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

/** The BARs: each once, with its size where it is known. */
export function barsOf(space: Space, layout: Layout, sizes: BarSizes): readonly Bar[] {
  return bars(space, COUNTS[layout])
    .filter(({ upperHalf }) => !upperHalf)
    .map(({ upperHalf: _, raw, ...bar }) => ({ ...bar, ...sized(sizes, bar.index), raw }));
}

/** The ROM; undefined where the register is zero. */
export function romOf(space: Space, layout: Layout, sizes: BarSizes): Rom | undefined {
  const offset = ROMS[layout];
  const raw = offset === undefined ? 0 : wordAt(space, offset, 32);
  if (raw === 0 || raw === ALL_ONES) return undefined;
  const address = `0x${((raw & ~0x7ff) >>> 0).toString(16)}`;
  return { address, enabled: (raw & 1) === 1, ...sized(sizes, ROM), raw };
}

function sized(sizes: BarSizes, index: number): { readonly size?: number } {
  const size = sizes.get(index);
  return size === undefined ? {} : { size };
}
