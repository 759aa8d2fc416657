/** Enhanced Allocation: fixed BARs, and what lies behind a bridge, as a list of entries. Ref: PCI Express Base 6.0, 7.8.5 */
import { r8, r32 } from '../map.js';
import { type Capability, holds, type Shape, standard } from './capability.js';
import { fits, isBridge, type Space, wordAt } from './space.js';
import { flags, hex } from './words.js';

const PROPERTIES = {
  'memory space, non-prefetchable': 0x00,
  'memory space, prefetchable': 0x01,
  'I/O space': 0x02,
  'VF memory space, prefetchable': 0x03,
  'VF memory space, non-prefetchable': 0x04,
  'allocation behind bridge, non-prefetchable memory': 0x05,
  'allocation behind bridge, prefetchable memory': 0x06,
  'allocation behind bridge, I/O space': 0x07,
  'memory space resource unavailable for use': 0xfd,
  'I/O space resource unavailable for use': 0xfe,
};
const UNAVAILABLE = 'entry unavailable for use';
const BAR = {
  ...{ 'BAR 0': 0, 'BAR 1': 1, 'BAR 2': 2, 'BAR 3': 3, 'BAR 4': 4, 'BAR 5': 5 },
  'resource behind function': 6,
  'not indicated': 7,
  'expansion ROM': 8,
  ...{ 'VF-BAR 0': 9, 'VF-BAR 1': 10, 'VF-BAR 2': 11, 'VF-BAR 3': 12, 'VF-BAR 4': 13, 'VF-BAR 5': 14 },
  reserved: 15,
};
const MOST = 63;
const WIDE = 2;
const REGISTERS = {
  COUNT: r8(0x02, { ENTRIES: [5, 0] }, 'ro'),
  /** Of a bridge: the fixed bus numbers below it. */
  SECONDARY_BUS: r8(0x04, {}, 'ro'),
  SUBORDINATE_BUS: r8(0x05, {}, 'ro'),
  /** SIZE: of what follows this word. */
  ENTRY: r32(
    0x04,
    {
      ENABLE: [31, 31, 'rw'],
      WRITABLE: 30,
      SECONDARY: [23, 16, { ...PROPERTIES, [`${UNAVAILABLE}, PrimaryProperties should be used`]: 0xff }],
      PRIMARY: [15, 8, { ...PROPERTIES, [UNAVAILABLE]: 0xff }],
      BAR: [7, 4, BAR],
      SIZE: [2, 0, { unit: '4 bytes' }],
    },
    { access: 'ro', count: MOST },
  ),
  BASE: r32(0x08, { ADDRESS: [31, 2, { unit: '4 bytes' }], WIDE: [1, 1, 'ro'] }, { count: MOST }),
  /** The last byte, from BASE; its lowest two bits are ones. */
  MAX_OFFSET: r32(0x0c, { ADDRESS: [31, 2, { unit: '4 bytes' }], WIDE: [1, 1, 'ro'] }, { count: MOST }),
  /** One for each entry whose BASE is WIDE, in their order. */
  BASE_HIGH: r32(0x10, {}, { count: MOST }),
  /** One for each entry whose MAX_OFFSET is WIDE, in their order. */
  MAX_OFFSET_HIGH: r32(0x14, {}, { count: MOST }),
};
type Allocation = Capability<typeof REGISTERS>;

/** Where the entries are: each tells how many words follow it. */
function* entries(space: Space, from: number, count: number) {
  let at = from;
  for (let index = 0; index < count && fits(space, at, 4); index += 1) {
    const start = at;
    const isWide = (word: number) =>
      fits(space, start + word * 4, 4) && (wordAt(space, start + word * 4, 32) & WIDE) !== 0;
    const size = wordAt(space, at, 32) & 7;
    yield { at, size, baseWide: isWide(1), limitWide: isWide(2) };
    at += 4 + size * 4;
  }
}

function shape({ offset, COUNT }: Allocation, space: Space): Shape<typeof REGISTERS> {
  const first = offset + (isBridge(space) ? 8 : 4);
  const found = [...entries(space, first, COUNT.ENTRIES)];
  const places = (words: readonly number[]) => ({ offsets: words.map((at) => at - offset) });
  const long = (size: number) => found.filter((entry) => entry.size >= size);
  return {
    ...(isBridge(space) ? {} : ({ SECONDARY_BUS: false, SUBORDINATE_BUS: false } as const)),
    ENTRY: places(found.map(({ at }) => at)),
    BASE: places(long(1).map(({ at }) => at + 4)),
    MAX_OFFSET: places(long(2).map(({ at }) => at + 8)),
    BASE_HIGH: places(
      long(3)
        .filter(({ baseWide }) => baseWide)
        .map(({ at }) => at + 12),
    ),
    MAX_OFFSET_HIGH: places(
      found
        .filter(({ size, baseWide, limitWide }) => limitWide && size >= (baseWide ? 4 : 3))
        .map(({ at, baseWide }) => at + (baseWide ? 16 : 12)),
    ),
  };
}

export const EA = standard({
  name: 'EA',
  id: 0x14,
  title: 'Enhanced Allocation',
  ref: 'PCI Express Base 6.0, 7.8.5',
  registers: REGISTERS,
  shape,
  *text(allocation, space) {
    const { COUNT, offset } = allocation;
    const bridge = isBridge(space) && holds(space, allocation, 0x04, 2);
    const buses = bridge ? `, secondary=${allocation.SECONDARY_BUS}, subordinate=${allocation.SUBORDINATE_BUS}` : '';
    yield `Enhanced Allocation (EA): NumEntries=${COUNT.ENTRIES}${buses}`;
    if (isBridge(space) && !bridge) return;
    let index = 0;
    for (const { at, size, baseWide, limitWide } of entries(space, offset + (bridge ? 8 : 4), COUNT.ENTRIES)) {
      if (!fits(space, at, 4 + size * 4)) return;
      const entry = allocation.ENTRY[index];
      if (entry === undefined) return;
      yield `\tEntry ${index}: ${flags(entry, { Enable: 'ENABLE', Writable: 'WRITABLE' })} EntrySize=${size}`;
      yield `\t\t BAR Equivalent Indicator: ${entry.BAR}`;
      yield `\t\t PrimaryProperties: ${property(entry.PRIMARY)}`;
      yield `\t\t SecondaryProperties: ${property(entry.SECONDARY)}`;
      // lspci goes by the words, also where SIZE does not cover them.
      if (!fits(space, at, 12 + (baseWide ? 4 : 0) + (limitWide ? 4 : 0))) return;
      const word = (number: number) => wordAt(space, at + number * 4, 32);
      yield `\t\t Base: ${baseWide ? hex(word(3)) : ''}${hex((word(1) & ~3) >>> 0, 8)}`;
      yield `\t\t MaxOffset: ${limitWide ? hex(word(baseWide ? 4 : 3)) : ''}${hex((word(2) | 3) >>> 0, 8)}`;
      index += 1;
    }
  },
});

const property = (value: number | string): string => (typeof value === 'string' ? value : `[${hex(value, 2)}]`);
