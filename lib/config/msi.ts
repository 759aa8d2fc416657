/** MSI and MSI-X. Ref: PCI Express Base 6.0, 7.7.1 and 7.7.2 */
import { r16, r32 } from '../map.js';
import { holds, standard } from './capability.js';
import { flags, hex, sign } from './words.js';

/** 7 is reserved; lspci counts on. */
const COUNT = { '1': 0, '2': 1, '4': 2, '8': 3, '16': 4, '32': 5, '64': 6, '128': 7 };

export const MSI = standard({
  name: 'MSI',
  id: 0x05,
  title: 'MSI',
  ref: 'PCI Express Base 6.0, 7.7.1',
  registers: {
    CONTROL: r16(0x02, {
      EXTENDED_DATA_ENABLE: 10,
      EXTENDED_DATA: [9, 9, 'ro'],
      MASKABLE: [8, 8, 'ro'],
      ADDRESS_64: [7, 7, 'ro'],
      ENABLED_COUNT: [6, 4, COUNT],
      COUNT: [3, 1, 'ro', COUNT],
      ENABLE: 0,
    }),
    ADDRESS: r32(0x04, {}),
    ADDRESS_HIGH: r32(0x08, {}),
    DATA: r16(0x0c, {}),
    MASK: r32(0x10, {}),
    PENDING: r32(0x14, {}, 'ro'),
  },
  shape({ CONTROL }) {
    const masks = CONTROL.MASKABLE ? {} : ({ MASK: false, PENDING: false } as const);
    if (CONTROL.ADDRESS_64) return masks;
    return { ADDRESS_HIGH: false, DATA: { offset: 0x08 }, MASK: { offset: 0x0c }, PENDING: { offset: 0x10 }, ...masks };
  },
  *text(msi, space) {
    const { CONTROL } = msi;
    yield `MSI: Enable${sign(CONTROL.ENABLE)} Count=${CONTROL.ENABLED_COUNT}/${CONTROL.COUNT} ${flags(CONTROL, { Maskable: 'MASKABLE', '64bit': 'ADDRESS_64' })}`;
    const wide = CONTROL.ADDRESS_64 ? 4 : 0;
    if (!holds(space, msi, 0x04, wide + 6)) return;
    const high = CONTROL.ADDRESS_64 ? hex(msi.ADDRESS_HIGH, 8) : '';
    yield `\tAddress: ${high}${hex(msi.ADDRESS, 8)}  Data: ${hex(msi.DATA, 4)}`;
    if (CONTROL.MASKABLE && holds(space, msi, 0x0c + wide, 8))
      yield `\tMasking: ${hex(msi.MASK, 8)}  Pending: ${hex(msi.PENDING, 8)}`;
  },
});

export const MSIX = standard({
  name: 'MSIX',
  id: 0x11,
  title: 'MSI-X',
  ref: 'PCI Express Base 6.0, 7.7.2',
  registers: {
    CONTROL: r16(0x02, { ENABLE: 15, MASK_ALL: 14, LAST: [10, 0, 'ro'] }),
    TABLE: r32(0x04, { OFFSET: [31, 3, { unit: '8 bytes' }], BAR: [2, 0] }, 'ro'),
    PBA: r32(0x08, { OFFSET: [31, 3, { unit: '8 bytes' }], BAR: [2, 0] }, 'ro'),
  },
  block: [0x04, 8],
  *text(msix) {
    const { CONTROL } = msix;
    yield `MSI-X: Enable${sign(CONTROL.ENABLE)} Count=${CONTROL.LAST + 1} Masked${sign(CONTROL.MASK_ALL)}`;
    const { TABLE, PBA } = msix;
    yield `\tVector table: BAR=${TABLE.BAR} offset=${hex(TABLE.OFFSET * 8, 8)}`;
    yield `\tPBA: BAR=${PBA.BAR} offset=${hex(PBA.OFFSET * 8, 8)}`;
  },
});
