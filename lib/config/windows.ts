/** What a bridge passes on to the bus behind it. Ref: PCI-to-PCI Bridge 1.2, 3.2.5.6 to 3.2.5.10; PC Card 8.0, 4.5.4 */
import type { BRIDGE, CARDBUS } from './bridge.js';
import type { Registers } from './decode.js';

export interface Window {
  readonly kind: 'io' | 'memory' | 'prefetchable';
  /** Of the addresses. */
  readonly bits: 16 | 32 | 64;
  /** Hex strings, whatever the width, both ends included: '0xfe800000'. BigInt() and Number() take them. */
  readonly base: string;
  readonly limit: string;
  /** Base lies above limit where a window is closed. */
  readonly open: boolean;
}

type Bridge = Registers<typeof BRIDGE>;

export const WINDOW_KINDS: readonly Window['kind'][] = ['io', 'memory', 'prefetchable'];

/** A window; undefined where its type bits are reserved ones, or differ between base and limit. */
export function windowOf(bridge: Bridge, kind: Window['kind']): Window | undefined {
  const { IO_BASE, IO_LIMIT, MEMORY_BASE, MEMORY_LIMIT, PREFETCH_BASE, PREFETCH_LIMIT } = bridge;
  switch (kind) {
    case 'io':
      return between(kind, IO_BASE, IO_LIMIT, 12n, [16, 32], [bridge.IO_BASE_HIGH, bridge.IO_LIMIT_HIGH]);
    case 'memory':
      return between(kind, MEMORY_BASE, MEMORY_LIMIT, 20n, [32], [0, 0]);
    case 'prefetchable': {
      const highs = [bridge.PREFETCH_BASE_HIGH, bridge.PREFETCH_LIMIT_HIGH] as const;
      return between(kind, PREFETCH_BASE, PREFETCH_LIMIT, 20n, [32, 64], highs);
    }
  }
}

type End = Pick<Bridge['IO_BASE'], 'ADDRESS' | 'TYPE'>;

/** `widths` by type; what lies above the narrowest is in `highs`, of base and limit. */
function between(
  kind: Window['kind'],
  base: End,
  limit: End,
  shift: bigint,
  widths: readonly Window['bits'][],
  highs: readonly [number, number],
): Window | undefined {
  const [narrow = 16] = widths;
  const bits = widths[base.TYPE];
  if (bits === undefined || base.TYPE !== limit.TYPE) return undefined;
  const upper = (high: number) => (bits === narrow ? 0n : BigInt(high) << BigInt(narrow));
  const first = upper(highs[0]) | (BigInt(base.ADDRESS) << shift);
  const last = upper(highs[1]) | (BigInt(limit.ADDRESS) << shift) | ((1n << shift) - 1n);
  return { kind, bits, base: text(first), limit: text(last), open: first <= last };
}

/** Two of memory, then two of I/O. */
export function cardbusWindows(cardbus: Registers<typeof CARDBUS>): readonly Window[] {
  const memory = [cardbus.CONTROL.PREFETCH_0, cardbus.CONTROL.PREFETCH_1].map((prefetch, index): Window => {
    const first = cardbus.MEMORY_BASE[index] ?? 0;
    const last = (cardbus.MEMORY_LIMIT[index] ?? 0) + 0xfff;
    const kind = prefetch ? 'prefetchable' : 'memory';
    return { kind, bits: 32, base: text(first), limit: text(last), open: first <= last };
  });
  const io = cardbus.IO_BASE.map((base, index): Window => {
    const bits = (base & 1) === 1 ? 32 : 16;
    const of = (word: number) => (bits === 32 ? word & ~3 : word & 0xfffc) >>> 0;
    const [first, last] = [of(base), of(cardbus.IO_LIMIT[index] ?? 0) + 3];
    return { kind: 'io', bits, base: text(first), limit: text(last), open: first <= last };
  });
  return [...memory, ...io];
}

const text = (address: number | bigint): string => `0x${address.toString(16)}`;
