/** Where in the BARs further register blocks are. Ref: PCI Express Base 6.2, 7.9.33 */
import { r32 } from '../map.js';
import { extended, holds } from './capability.js';
import { fits, wordAt } from './space.js';
import { hex } from './words.js';

const BLOCKS = { Empty: 0, MCAP: 1, MDVS: 0xff };
const NAMES = new Map(Object.entries(BLOCKS).map(([name, id]) => [id, name]));
const FIRST = 0x08;
const SIZE = 8;
const MOST = 510;
const blocks = { access: 'ro', count: MOST, stride: SIZE } as const;

/** lspci counts eight bytes of the length for what stands before the blocks. */
const countOf = (length: number): number => Math.max(0, Math.floor(length / SIZE) - 1);

export const MMIO_RBL = extended({
  name: 'MMIO_RBL',
  id: 0x36,
  title: 'MMIO Register Block Locator',
  ref: 'PCI Express Base 6.2, 7.9.33',
  registers: {
    CAP: r32(0x04, { LENGTH: [11, 0, { unit: 'bytes' }] }, 'ro'),
    BLOCK: r32(FIRST, { OFFSET: [31, 16, { unit: '64 KiB' }], ID: [15, 8, BLOCKS], BAR: [2, 0] }, blocks),
    BLOCK_HIGH: r32(FIRST + 4, {}, blocks),
  },
  shape({ CAP }) {
    const count = { count: countOf(CAP.LENGTH) };
    return { BLOCK: count, BLOCK_HIGH: count };
  },
  block: [0x04, 12],
  unreadable: true,
  *text(locator, space) {
    yield 'MMIO Register Block Locator';
    const { LENGTH } = locator.CAP;
    if (!holds(space, locator, FIRST, LENGTH)) {
      yield '\t<unreadable>';
      return;
    }
    // A length below eight is a very large count to lspci: it goes on to the end of the bytes.
    const count = LENGTH < SIZE ? Number.POSITIVE_INFINITY : countOf(LENGTH);
    for (let index = 0; index < count; index += 1) {
      const at = locator.offset + FIRST + index * SIZE;
      if (!fits(space, at, SIZE)) {
        yield '\t<unreadable>';
        return;
      }
      const [low, high] = [wordAt(space, at, 32), wordAt(space, at + 4, 32)];
      const id = (low >>> 8) & 0xff;
      const name = NAMES.get(id) ?? `Reserved (${id})`;
      const offset = `${hex(high, 8)}${hex(low >>> 16, 4)}0000`;
      yield `\tLocator${index}: BIR: BAR${low & 7}, ID: ${name}, offset: ${offset}`;
    }
  },
});
