/** Config spaces that no card has: every capability with random contents, chains that are broken in every way. From a seed. */

/** A whole number from 0 to `below` - 1. */
export type Random = (below: number) => number;

/** Mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Random bytes; some of all-ones, of all-zeros, and of few bits. */
export function content(next: Random, length: number): Uint8Array {
  const kind = next(8);
  return Uint8Array.from({ length }, () => {
    if (kind === 0) return 0xff;
    if (kind === 1) return 0;
    const byte = next(256);
    return kind < 4 ? byte & next(256) & next(256) : byte;
  });
}

/** Id and length in bytes behind the two header bytes (or behind the four of an extended one). */
export type Part = readonly [id: number, length: number];

export const STANDARD: readonly Part[] = [
  ...([
    [0x01, 6],
    [0x02, 10],
    [0x07, 14],
    [0x03, 6],
    [0x04, 2],
    [0x05, 22],
    [0x06, 2],
    [0x09, 26],
    [0x0a, 2],
    [0x0b, 2],
    [0x0c, 6],
  ] as const),
  ...([
    [0x0d, 6],
    [0x0e, 10],
    [0x0f, 2],
    [0x10, 58],
    [0x11, 10],
    [0x12, 6],
    [0x13, 4],
    [0x1f, 6],
    [0x00, 2],
  ] as const),
];

export const EXTENDED: readonly Part[] = [
  ...([
    [0x01, 68],
    [0x03, 8],
    [0x0d, 8],
    [0x0e, 4],
    [0x0f, 4],
    [0x10, 60],
    [0x13, 12],
    [0x18, 4],
    [0x19, 16],
  ] as const),
  ...([
    [0x1b, 4],
    [0x1d, 12],
    [0x1e, 12],
    [0x1f, 8],
    [0x26, 16],
    [0x27, 8],
    [0x2a, 16],
    [0x31, 16],
  ] as const),
  ...([
    [0x02, 108],
    [0x09, 36],
    [0x0b, 12],
    [0x15, 48],
    [0x24, 16],
    [0x17, 8],
    [0x23, 28],
    [0x2e, 20],
    [0x07, 8],
    [0x12, 44],
    [0x2f, 12],
  ] as const),
  ...([0x04, 0x06, 0x08, 0x0a, 0x11, 0x16, 0x1c, 0x20, 0x21, 0x22, 0x25, 0x28, 0x29, 0x55] as const).map(
    (id) => [id, 8] as const,
  ),
];

const HEADER_CLASSES = [0x0200, 0x0108, 0x0106, 0x0c03, 0x0604, 0x0607, 0xff00, 0x1234];

/** A whole space: a header of any layout, the given capabilities in a list, and the extended list. */
export function space(next: Random, standard: readonly Part[], extended: readonly Part[], size = 4096): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set(content(next, 64));
  const word = (offset: number, value: number) => bytes.set([value & 0xff, value >> 8], offset);
  word(0x00, [0x1234, 0x8086, 0x1af4, 0x1b36][next(4)] ?? 0);
  if (next(2) === 0) word(0x02, [0x11e8, 0x10d3, 0x1041, 0x0010][next(4)] ?? 0);
  word(0x06, (bytes[0x06] ?? 0) | 0x10);
  word(0x0a, HEADER_CLASSES[next(HEADER_CLASSES.length)] ?? 0);
  bytes[0x0e] = [0, 0x80, 0, 1, 0x81, 2, 0, 1][next(8)] ?? 0;
  let pointer = bytes[0x0e] === 2 ? 0x14 : 0x34;
  let offset = bytes[0x0e] === 2 ? 0x48 : 0x40;
  for (const [id, length] of standard) {
    // A CardBus bridge has no PCI-X; lspci would print half a line.
    if (offset + length + 2 > 256 || (id === 0x07 && bytes[0x0e] === 2)) continue;
    bytes[pointer] = offset;
    bytes.set([id, 0, ...content(next, length)], offset);
    if (id === 0x10) bytes[offset + 2] = ((bytes[offset + 2] ?? 0) & 0xf0) | (1 + next(3));
    if (id === 0x09) bytes.set([16 + next(12), next(8)], offset + 2);
    pointer = offset + 1;
    offset = (offset + length + 2 + 3) & ~3;
  }
  bytes[pointer] = 0;
  let before = 0;
  offset = 0x100;
  for (const [id, length] of extended) {
    if (offset + length + 4 > 4096) continue;
    if (before !== 0) word(before + 2, ((bytes[before + 2] ?? 0) & 0xf) | (offset << 4));
    word(offset, id);
    word(offset + 2, 1 + next(3));
    bytes.set(content(next, length), offset + 4);
    before = offset;
    offset = (offset + length + 4 + 3) & ~3;
  }
  return bytes.subarray(0, size);
}

/** Some of the parts, in some order. */
export function some<T>(next: Random, parts: readonly T[]): T[] {
  return parts
    .filter(() => next(2) === 0)
    .map((part) => [next(1 << 20), part] as const)
    .sort(([a], [b]) => a - b)
    .map(([, part]) => part);
}

/** `count` spaces, with a slot each. */
export function synthetic(count: number, seed: number): { slot: string; bytes: Uint8Array }[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, index) => ({ slot: slotOf(index), bytes: one(next, index) }));
}

function one(next: Random, index: number): Uint8Array {
  const express: Part = [0x10, 58];
  const parts = some(next, STANDARD);
  const withExpress = index % 4 === 0 ? parts : [express, ...parts.filter(([id]) => id !== 0x10)];
  return space(next, withExpress, some(next, EXTENDED), [4096, 4096, 4096, 4096, 4096, 256, 64, 192][next(8)]);
}

export const slotOf = (index: number): string => {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `${hex((index >> 8) & 0xff)}:${hex((index >> 3) & 0x1f)}.${index & 7}`;
};
