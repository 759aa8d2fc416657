/** The headers of bridges: type 1 (PCI to PCI) and type 2 (CardBus). Ref: PCI-to-PCI Bridge 1.2, 3.2; PC Card 8.0, 4.5 */
import { r8, r16, r32 } from '../map.js';
import { BUS_STATUS } from './header.js';

/** What lies behind the common part of a type 1 header. */
export const BRIDGE = {
  BAR: r32(0x10, {}, { count: 2 }),
  PRIMARY_BUS: r8(0x18),
  SECONDARY_BUS: r8(0x19),
  SUBORDINATE_BUS: r8(0x1a),
  SECONDARY_LATENCY: r8(0x1b),
  IO_BASE: r8(0x1c, { ADDRESS: [7, 4, { unit: '4 KiB' }], TYPE: [3, 0, 'ro'] }),
  IO_LIMIT: r8(0x1d, { ADDRESS: [7, 4, { unit: '4 KiB' }], TYPE: [3, 0, 'ro'] }),
  SECONDARY_STATUS: r16(0x1e, BUS_STATUS, { access: 'w1c', errors: true }),
  MEMORY_BASE: r16(0x20, { ADDRESS: [15, 4, { unit: '1 MiB' }], TYPE: [3, 0, 'ro'] }),
  MEMORY_LIMIT: r16(0x22, { ADDRESS: [15, 4, { unit: '1 MiB' }], TYPE: [3, 0, 'ro'] }),
  PREFETCH_BASE: r16(0x24, { ADDRESS: [15, 4, { unit: '1 MiB' }], TYPE: [3, 0, 'ro'] }),
  PREFETCH_LIMIT: r16(0x26, { ADDRESS: [15, 4, { unit: '1 MiB' }], TYPE: [3, 0, 'ro'] }),
  PREFETCH_BASE_HIGH: r32(0x28),
  PREFETCH_LIMIT_HIGH: r32(0x2c),
  IO_BASE_HIGH: r16(0x30),
  IO_LIMIT_HIGH: r16(0x32),
  ROM: r32(0x38),
  CONTROL: r16(0x3e, {
    DISCARD_TIMER_SERR: 11,
    DISCARD_TIMER_STATUS: [10, 10, 'w1c'],
    SECONDARY_DISCARD_TIMER: 9,
    PRIMARY_DISCARD_TIMER: 8,
    FAST_B2B: 7,
    BUS_RESET: 6,
    MASTER_ABORT: 5,
    VGA16: 4,
    VGA: 3,
    ISA: 2,
    SERR: 1,
    PARITY: 0,
  }),
};

/** What lies behind the common part of a type 2 header. */
export const CARDBUS = {
  BAR: r32(0x10, {}, { count: 1 }),
  CAP_POINTER: r8(0x14, {}, 'ro'),
  SECONDARY_STATUS: r16(0x16, BUS_STATUS, { access: 'w1c', errors: true }),
  PRIMARY_BUS: r8(0x18),
  CARDBUS_BUS: r8(0x19),
  SUBORDINATE_BUS: r8(0x1a),
  LATENCY: r8(0x1b),
  /** Base and limit, of two windows. */
  MEMORY_BASE: r32(0x1c, {}, { count: 2, stride: 8 }),
  MEMORY_LIMIT: r32(0x20, {}, { count: 2, stride: 8 }),
  IO_BASE: r32(0x2c, {}, { count: 2, stride: 8 }),
  IO_LIMIT: r32(0x30, {}, { count: 2, stride: 8 }),
  CONTROL: r16(0x3e, {
    POST_WRITE: 10,
    PREFETCH_1: 9,
    PREFETCH_0: 8,
    INT_16: 7,
    BUS_RESET: 6,
    MASTER_ABORT: 5,
    VGA: 3,
    ISA: 2,
    SERR: 1,
    PARITY: 0,
  }),
  SUBSYSTEM_VENDOR_ID: r16(0x40, {}, 'ro'),
  SUBSYSTEM_ID: r16(0x42, {}, 'ro'),
  LEGACY_BASE: r16(0x44),
};
