/** The configuration header, type 0, and what the other types share with it. Ref: PCI Local Bus 3.0, 6.1 and 6.2; PCI Express Base 6.0, 7.5.1 */
import { r8, r16, r32 } from '../map.js';
import type { Registers } from './decode.js';

/** Of the function's own bus, and of the one behind a bridge. */
export const BUS_STATUS = {
  PARITY_ERROR: [15, 15, 'w1c'],
  SERR: [14, 14, 'w1c'],
  MASTER_ABORT: [13, 13, 'w1c'],
  TARGET_ABORT: [12, 12, 'w1c'],
  SIGNALED_TARGET_ABORT: [11, 11, 'w1c'],
  DEVSEL: [10, 9, 'ro', { FAST: 0, MEDIUM: 1, SLOW: 2 }],
  MASTER_PARITY_ERROR: [8, 8, 'w1c'],
  FAST_B2B: [7, 7, 'ro'],
  MHZ66: [5, 5, 'ro'],
} as const;

/** What all layouts begin with. */
export const IDENTITY = {
  VENDOR_ID: r16(0x00, {}, 'ro'),
  DEVICE_ID: r16(0x02, {}, 'ro'),
  COMMAND: r16(0x04, {
    INTX_DISABLE: 10,
    FAST_B2B: 9,
    SERR: 8,
    STEPPING: 7,
    PARITY_RESPONSE: 6,
    VGA_SNOOP: 5,
    MEM_WINV: 4,
    SPECIAL_CYCLES: 3,
    MASTER: 2,
    MEM: 1,
    IO: 0,
  }),
  STATUS: r16(
    0x06,
    {
      ...BUS_STATUS,
      UDF: [6, 6, 'ro'],
      CAP_LIST: [4, 4, 'ro'],
      INTX: [3, 3, 'ro'],
    },
    { access: 'w1c', errors: true },
  ),
  REVISION_ID: r8(0x08, {}, 'ro'),
  PROG_IF: r8(0x09, {}, 'ro'),
  SUB_CLASS: r8(0x0a, {}, 'ro'),
  BASE_CLASS: r8(0x0b, {}, 'ro'),
  CACHE_LINE_SIZE: r8(0x0c),
  LATENCY_TIMER: r8(0x0d),
  HEADER_TYPE: r8(0x0e, { MULTI_FUNCTION: 7, LAYOUT: [6, 0] }, 'ro'),
  BIST: r8(0x0f, { CAPABLE: [7, 7, 'ro'], START: 6, CODE: [3, 0, 'ro'] }),
};

/** What a bridge and a device have further down. */
export const INTERRUPT = {
  CAP_POINTER: r8(0x34, {}, 'ro'),
  INTERRUPT_LINE: r8(0x3c),
  INTERRUPT_PIN: r8(0x3d, {}, 'ro'),
};

export const HEADER = {
  ...IDENTITY,
  BAR: r32(0x10, {}, { count: 6 }),
  CARDBUS_CIS: r32(0x28, {}, 'ro'),
  SUBSYSTEM_VENDOR_ID: r16(0x2c, {}, 'ro'),
  SUBSYSTEM_ID: r16(0x2e, {}, 'ro'),
  ROM: r32(0x30),
  ...INTERRUPT,
  MIN_GNT: r8(0x3e, {}, 'ro'),
  MAX_LAT: r8(0x3f, {}, 'ro'),
};

export type Header = Registers<typeof HEADER>;
