/**
 * Arenas: each process that shares an IOMMU has pieces of its IOVAs to itself, so that no two choose the same.
 *
 * A device reaches IOVAs up to its mask, whatever that is; so every band from one power of two to the next is divided, and each
 * arena has a piece of each. The first has half of it, the second a quarter, and so on: a card that is not shared after all
 * loses little. Below FIRST_BAND all is the first's.
 */
import type { IovaRange } from '../backend.js';

export const ARENAS = 8;
/** Bits: 1 MiB. The smallest piece is 8 KiB. */
const FIRST_BAND = 20;
const BITS = 64;

/** The part of `ranges` that is arena `index`'s, ascending. */
export function arena(ranges: readonly IovaRange[], index: number): IovaRange[] {
  const pieces: IovaRange[] = index === 0 ? [{ first: 0n, last: (1n << BigInt(FIRST_BAND)) - 1n }] : [];
  for (let bits = FIRST_BAND; bits < BITS; bits++) pieces.push(piece(BigInt(bits), index));
  const meet = ({ first, last }: IovaRange, range: IovaRange): IovaRange => ({
    first: first > range.first ? first : range.first,
    last: last < range.last ? last : range.last,
  });
  return pieces
    .flatMap((each) => ranges.map((range) => meet(each, range)))
    .filter(({ first, last }) => first <= last)
    .sort((a, b) => (a.first < b.first ? -1 : 1));
}

/** Of the band from 2^bits on: arena 0 has the first half, 1 the next quarter …; the last two have equal shares. */
function piece(bits: bigint, index: number): IovaRange {
  const band = 1n << bits;
  const from = (i: number): bigint => band - (band >> BigInt(i));
  const first = band + from(index);
  const end = index === ARENAS - 1 ? 2n * band : band + from(index + 1);
  return { first, last: end - 1n };
}
