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

/** Id and length in bytes behind the two header bytes (or behind the four of an extended one), and what makes the bytes plausible. */
export type Part = readonly [
  id: number,
  length: number,
  shape?: (bytes: Uint8Array, next: Random, bridge: boolean) => void,
];

const pick = <T>(next: Random, choices: readonly T[]): T => choices[next(choices.length)] as T;

/** Offsets in what follows are from the capability's first byte; the bytes begin behind its two or four. */
const put =
  (bytes: Uint8Array, base: number) =>
  (offset: number, ...values: number[]) =>
    bytes.set(values, offset - base);

/** PCI Express of versions 1 to 3; lspci knows of no other types of port. */
function express(bytes: Uint8Array, next: Random): void {
  bytes[0] = ((bytes[0] ?? 0) & 0xf0) | (1 + next(3));
}

/** Virtio's lengths, or Intel's; the type decides how much lspci reads. */
function vendor(bytes: Uint8Array, next: Random): void {
  put(bytes, 2)(2, 24 + next(4), pick(next, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x11, 0x20]));
}

/** Interfaces and blocks, of the revisions that differ in their registers. */
function hypertransport(bytes: Uint8Array, next: Random): void {
  const at = put(bytes, 2);
  at(
    3,
    ((bytes[1] ?? 0) & 7) | (pick(next, [0, 1, 4, 5, 6, 8, 16, 17, 18, 19, 20, 21, 21, 22, 23, 24, 25, 26, 31]) << 3),
  );
  if (next(4) !== 0) for (const offset of [8, 12]) at(offset, pick(next, [0x11, 0x15, 0x21, 0x22, 0x25, 0x60]));
}

/** Entries as long as their words say; a bridge's begin four bytes later. */
function allocation(bytes: Uint8Array, next: Random, bridge: boolean): void {
  let count = 0;
  for (let at = bridge ? 6 : 2; at + 20 <= bytes.length; count += 1) {
    const [base, limit] = [next(2), next(2)];
    const size = 2 + base + limit;
    bytes[at] = ((bytes[at] ?? 0) & 0xf8) | size;
    if (next(2) === 0) bytes.set([next(8), 0xff - next(4)], at + 1 + next(2));
    bytes[at + 4] = ((bytes[at + 4] ?? 0) & ~2) | (base * 2);
    bytes[at + 8] = ((bytes[at + 8] ?? 0) & ~2) | (limit * 2);
    at += 4 + size * 4;
  }
  bytes[0] = ((bytes[0] ?? 0) & 0xc0) | count;
}

/** A few links, and the bytes for them. */
function links(bytes: Uint8Array, next: Random): void {
  const at = put(bytes, 4);
  at(4, next(5), next(5));
}

/** A few streams, each with a few blocks. */
function streams(bytes: Uint8Array, next: Random): void {
  const at = put(bytes, 4);
  const [linked, selected] = [next(2) * (1 + next(3)), next(2) * (1 + next(3))];
  at(4, ((bytes[0] ?? 0) & 0xfc) | (linked > 0 ? 1 : 0) | (selected > 0 ? 2 : 0));
  at(5, (Math.max(0, linked - 1) << 5) | (next(3) === 0 ? next(32) : 0), Math.max(0, selected - 1));
  for (let offset = 0x0c; offset + 4 < bytes.length; offset += 4) {
    bytes[offset - 4] = ((bytes[offset - 4] ?? 0) & 0xf0) | next(5);
  }
}

function locator(bytes: Uint8Array, next: Random): void {
  put(bytes, 4)(4, 8 + next(24), 0);
  for (let offset = 9; offset < 30; offset += 8) put(bytes, 4)(offset, pick(next, [0, 1, 2, 0xff]));
}

const CXL_LENGTHS: Readonly<Record<number, readonly number[]>> = { 2: [0x2c], 7: [0x10, 0x14, 0x20, 0x24] };

/** Most are CXL's, of all ids, revisions and the lengths that go with them. */
function designated(bytes: Uint8Array, next: Random): void {
  const at = put(bytes, 4);
  const id = next(12);
  const length = pick(next, CXL_LENGTHS[id] ?? [0x10, 0x18, 0x28, 0x38, 0x3c, 0x40]);
  const revision = id === 7 ? (length < 0x14 ? 0 : length < 0x20 ? next(2) : next(4)) : next(4);
  at(6, ((length & 0xf) << 4) | revision, length >> 4, id, 0);
  if (next(8) !== 0) at(4, 0x98, 0x1e);
  // lspci looks up these codes in tables of its own, past whose ends it reads on.
  if (id === 0)
    for (const offset of [0x1c, 0x2c]) at(offset, next(4) | (next(3) << 2) | (next(3) << 5), next(8) | (next(8) << 5));
  if (id === 9) at(0x0a, next(20), 0);
  if (id === 4 || id === 5) for (const offset of [0x0b, 0x0d, 0x0f]) at(offset, next(12));
  if (id === 8) for (let offset = 0x0d; offset < length; offset += 8) at(offset, pick(next, [0, 1, 2, 3, 4, 5, 0xff]));
}

export const STANDARD: readonly Part[] = [
  ...([
    [0x01, 6],
    [0x02, 10],
    [0x07, 14],
    [0x03, 6],
    [0x04, 2],
    [0x05, 22],
    [0x06, 2],
  ] as const),
  ...([
    [0x08, 26, hypertransport],
    [0x09, 26, vendor],
    [0x0a, 2],
    [0x0b, 2],
    [0x0c, 6],
    [0x0d, 6],
    [0x0e, 10],
  ] as const),
  ...([
    [0x0f, 18],
    [0x10, 58, express],
    [0x11, 10],
    [0x12, 6],
    [0x13, 4],
    [0x14, 62, allocation],
  ] as const),
  ...([
    [0x1f, 6],
    [0x00, 2],
  ] as const),
];

export const EXTENDED: readonly Part[] = [
  ...([
    [0x01, 68],
    [0x02, 108],
    [0x03, 8],
    [0x04, 12],
    [0x05, 76, links],
    [0x06, 8],
    [0x07, 8],
    [0x08, 108],
  ] as const),
  ...([
    [0x09, 36],
    [0x0a, 12],
    [0x0b, 12],
    [0x0d, 40],
    [0x0e, 4],
    [0x0f, 4],
    [0x10, 60],
    [0x11, 8],
    [0x12, 44],
  ] as const),
  ...([
    [0x13, 12],
    [0x15, 48],
    [0x16, 44],
    [0x17, 72],
    [0x18, 4],
    [0x19, 72],
    [0x1a, 32],
    [0x1b, 4],
    [0x1c, 4],
  ] as const),
  ...([
    [0x1d, 52],
    [0x1e, 12],
    [0x1f, 8],
    [0x20, 12],
    [0x21, 12],
    [0x22, 8],
    [0x23, 64, designated],
  ] as const),
  ...([
    [0x23, 64, designated],
    [0x24, 48],
    [0x25, 8],
    [0x26, 60],
    [0x27, 68],
    [0x28, 28],
    [0x29, 12],
  ] as const),
  ...([
    [0x2a, 60],
    [0x2e, 20],
    [0x2f, 12],
    [0x30, 300, streams],
    [0x31, 28],
    [0x32, 56],
    [0x34, 32],
  ] as const),
  ...([
    [0x36, 36, locator],
    [0x55, 8],
    [0x00, 4],
  ] as const),
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
  const bridge = ((bytes[0x0e] ?? 0) & 0x7f) === 1;
  let pointer = bytes[0x0e] === 2 ? 0x14 : 0x34;
  let offset = bytes[0x0e] === 2 ? 0x48 : 0x40;
  for (const [id, length, shape] of standard) {
    if (offset + length + 2 > 256) continue;
    const filled = content(next, length);
    shape?.(filled, next, bridge);
    bytes[pointer] = offset;
    bytes.set([id, 0, ...filled], offset);
    pointer = offset + 1;
    offset = (offset + length + 2 + 3) & ~3;
  }
  bytes[pointer] = 0;
  let before = 0;
  offset = 0x100;
  for (const [id, length, shape] of extended) {
    if (offset + length + 4 > 4096) continue;
    if (before !== 0) word(before + 2, ((bytes[before + 2] ?? 0) & 0xf) | (offset << 4));
    word(offset, id);
    word(offset + 2, 1 + next(3));
    const filled = content(next, length);
    shape?.(filled, next, bridge);
    bytes.set(filled, offset + 4);
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
  const link: Part = [0x10, 58, express];
  const parts = some(next, STANDARD);
  const withExpress = index % 4 === 0 ? parts : [link, ...parts.filter(([id]) => id !== 0x10)];
  return space(next, withExpress, some(next, EXTENDED), [4096, 4096, 4096, 4096, 4096, 256, 64, 192][next(8)]);
}

export const slotOf = (index: number): string => {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `${hex((index >> 8) & 0xff)}:${hex((index >> 3) & 0x1f)}.${index & 7}`;
};
