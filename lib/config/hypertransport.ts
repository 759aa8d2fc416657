/** HyperTransport: its capability is a family, of which bits 15 to 11 of COMMAND tell the block. Ref: HyperTransport I/O Link 3.10, 7 */
import { r8, r16, r32 } from '../map.js';
import type { Shape } from './capability.js';
import { codes } from './words.js';

const WIDTH = codes('8bit', '16bit', '[2]', '32bit', '2bit', '4bit', '[6]', 'N/C');
const FREQUENCY = codes(
  ...(['200MHz', '300MHz', '400MHz', '500MHz', '600MHz', '800MHz', '1.0GHz', '1.2GHz'] as const),
  ...(['1.4GHz', '1.6GHz', '[a]', '[b]', '[c]', '[d]', '[e]', 'Vend'] as const),
);
const LINK_CONTROL = {
  ADDRESS_64: 15,
  EXTENDED_CTL: 14,
  LDTSTOP_TRISTATE: 13,
  ISOCHRONOUS: 12,
  CRC_ERROR: [11, 8, 'w1c'],
  TRANSMITTER_OFF: 7,
  END_OF_CHAIN: 6,
  INITIALIZED: [5, 5, 'ro'],
  LINK_FAILURE: [4, 4, 'w1c'],
  CRC_FORCE_ERROR: 3,
  CRC_START_TEST: 2,
  CRC_FLOOD: 1,
} as const;
const LINK_CONFIG = {
  FLOW_OUT_ENABLE: 15,
  WIDTH_OUT: [14, 12, WIDTH],
  FLOW_IN_ENABLE: 11,
  WIDTH_IN: [10, 8, WIDTH],
  FLOW_OUT: [7, 7, 'ro'],
  MAX_WIDTH_OUT: [6, 4, 'ro', WIDTH],
  FLOW_IN: [3, 3, 'ro'],
  MAX_WIDTH_IN: [2, 0, 'ro', WIDTH],
} as const;
const FREQUENCY_ERROR = {
  CTL_TIMEOUT: [7, 7, 'w1c'],
  END_OF_CHAIN: [6, 6, 'w1c'],
  OVERFLOW: [5, 5, 'w1c'],
  PROTOCOL: [4, 4, 'w1c'],
  FREQUENCY: [3, 0, FREQUENCY],
} as const;
const FREQUENCIES = {
  VENDOR: 15,
  MHZ1600: 9,
  MHZ1400: 8,
  MHZ1200: 7,
  MHZ1000: 6,
  MHZ800: 5,
  MHZ600: 4,
  MHZ500: 3,
  MHZ400: 2,
  MHZ300: 1,
  MHZ200: 0,
} as const;
const FEATURES = {
  UNITID_REORDER_DISABLE: 5,
  ADDRESS_64: 4,
  EXTENDED_CTL_REQUIRED: 3,
  CRC_TEST_MODE: 2,
  LDTSTOP: 1,
  ISOCHRONOUS: 0,
} as const;
const ERRORS = {
  SERR_NONFATAL: 15,
  CRC_NONFATAL: 14,
  RESPONSE_NONFATAL: 13,
  END_OF_CHAIN_NONFATAL: 12,
  OVERFLOW_NONFATAL: 11,
  PROTOCOL_NONFATAL: 10,
  RESPONSE: [9, 9, 'w1c'],
  CHAIN_FAIL: [8, 8, 'w1c'],
  SERR_FATAL: 7,
  CRC_FATAL: 6,
  RESPONSE_FATAL: 5,
  END_OF_CHAIN_FATAL: 4,
  OVERFLOW_FATAL: 3,
  PROTOCOL_FATAL: 2,
  OVERFLOW_FLOOD: 1,
  PROTOCOL_FLOOD: 0,
} as const;
const RETRY_CONTROL = {
  ATTEMPTS: [7, 6],
  FATAL: 5,
  NONFATAL: 4,
  FORCE_STOMP: 3,
  ROLLOVER_NONFATAL: 2,
  FORCE_ERROR: 1,
  ENABLE: 0,
} as const;
const RETRY_STATUS = { STOMP_RECEIVED: [2, 2], ROLLOVER: [1, 1], SENT: [0, 0] } as const;

/** What the bytes from 0x02 on mean, by the block. */
const REGISTERS = {
  /** BLOCK is its number where its upper three bits are not 0 or 1: those are the interfaces. */
  COMMAND: r16(0x02, { BLOCK: [15, 11, 'ro'] }),
  // Slave or primary interface
  PRIMARY: r16(0x02, {
    DROP: 12,
    DEFAULT_DIRECTION: 11,
    MASTER_HOST: [10, 10, 'ro'],
    UNITS: [9, 5, 'ro'],
    BASE_UNIT: [4, 0],
  }),
  LINK_CONTROL: r16(0x04, LINK_CONTROL, { count: 2, stride: 4 }),
  LINK_CONFIG: r16(0x06, LINK_CONFIG, { count: 2, stride: 4 }),
  REVISION: r8(0x0c, { MAJOR: [7, 5], MINOR: [4, 0] }, 'ro'),
  FREQUENCY: r8(0x0d, FREQUENCY_ERROR, { count: 2, stride: 4 }),
  FREQUENCIES: r16(0x0e, FREQUENCIES, { access: 'ro', count: 2, stride: 4 }),
  FEATURES: r8(0x10, FEATURES, 'ro'),
  SCRATCHPAD: r16(0x14),
  ERRORS: r16(0x16, ERRORS),
  MEMORY_BASE_HIGH: r8(0x18),
  MEMORY_LIMIT_HIGH: r8(0x19),
  BUS: r8(0x1a),
  // Host or secondary interface: one link, and these
  SECONDARY: r16(0x02, {
    DROP: 12,
    END_OF_CHAIN_ERROR: [11, 11, 'w1c'],
    SLAVE: 10,
    HOST_HIDE: 8,
    CHAIN_SIDE: [7, 7, 'ro'],
    DEVICE: [6, 2],
    DOUBLE_ENDED: 1,
    WARM_RESET: 0,
  }),
  HOST_FEATURES: r16(0x0c, { UPSTREAM_CONFIG: 9, EXTENDED: 8, ...FEATURES }, 'ro'),
  // Switch
  SWITCH: r16(0x02, { VIB_NONFATAL: 10, VIB_FATAL: 9, VIB_FLOOD: 8, VIB_ERROR: [7, 7, 'w1c'] }),
  PARTITIONS: r32(0x04),
  SWITCH_INFO: r32(0x08, {
    HIDE: 19,
    HOT_PLUG: 18,
    RANGE_INDEX: [17, 12],
    COUNTER_INDEX: [11, 8],
    COLD_RESET: 6,
    DECODE: 5,
    DEFAULT_PORT: [4, 0],
  }),
  COUNTER: r32(0x0c),
  RANGE: r32(0x10),
  SECONDARY_BASE: r32(0x14),
  // Interrupt discovery and configuration; direct route's too
  INDEX: r8(0x02),
  DATA: r32(0x04),
  REVISION_ID: r16(0x02, { MAJOR: [7, 5], MINOR: [4, 0] }, 'ro'),
  // Unit id clumping: a bit a unit
  CLUMPING: r32(0x04, {}, 'ro'),
  CLUMPING_ENABLE: r32(0x08),
  // Extended configuration space access
  CONFIG_ADDRESS: r32(0x04, { TYPE: 28, BUS: [27, 20], DEVICE: [19, 15], FUNCTION: [14, 12], REGISTER: [11, 2] }),
  CONFIG_DATA: r32(0x08),
  // Address mapping
  MAPPING: r16(0x02, { TYPE: [10, 9, { '40-bit': 0, '64-bit': 1 }], IO_SIZE: [8, 4], DMA_COUNT: [3, 0] }, 'ro'),
  WINDOW: r32(0x04, { ENABLE: 31, ISOCHRONOUS: 30, NONCOHERENT: 29, COMPAT: 28, BASE: [19, 0] }, { count: 2 }),
  MAPPING_INDEX: r32(0x04),
  MAPPING_LOW: r32(0x08),
  MAPPING_HIGH: r32(0x0c),
  // MSI mapping
  MSI: r16(0x02, { FIXED: [1, 1, 'ro'], ENABLE: 0 }),
  MSI_ADDRESS: r32(0x04, { BASE: [31, 20, { unit: '1 MiB' }] }),
  MSI_ADDRESS_HIGH: r32(0x08),
  // Direct route
  ROUTES: r16(0x02, { INDEX: [8, 4], COUNT: [3, 0, 'ro'] }),
  ROUTE_ENABLE: r32(0x04),
  ROUTE_DATA: r32(0x08),
  // Virtual channel sets
  SETS: r8(0x04, {}, 'ro'),
  LINK1_SETS: r8(0x05),
  LINK0_SETS: r8(0x06),
  STREAM_DEPTH: r8(0x08),
  STREAM_INTERVAL: r8(0x09),
  STREAMS: r8(0x0a, { COUNT: [1, 0, codes('1', '4', '16')] }, 'ro'),
  OTHER_DEPTH: r8(0x0c),
  OTHER_INTERVAL: r8(0x0d),
  // Retry mode
  RETRY_CONTROL: r8(0x04, RETRY_CONTROL, { count: 2, stride: 2 }),
  RETRY_STATUS: r8(0x05, RETRY_STATUS, { access: 'w1c', count: 2, stride: 2 }),
  RETRIES: r16(0x08, {}, { count: 2 }),
};
type Name = keyof typeof REGISTERS;

/** A block's name, and which registers it has. Keyed by BLOCK. */
export const BLOCKS: Readonly<Record<number, { readonly title: string; readonly has: readonly Name[] }>> = {
  8: { title: 'Switch', has: ['SWITCH', 'PARTITIONS', 'SWITCH_INFO', 'COUNTER', 'RANGE', 'SECONDARY_BASE'] },
  16: { title: 'Interrupt Discovery and Configuration', has: ['INDEX', 'DATA'] },
  17: { title: 'Revision ID', has: ['REVISION_ID'] },
  18: { title: 'UnitID Clumping', has: ['CLUMPING', 'CLUMPING_ENABLE'] },
  19: { title: 'Extended Configuration Space Access', has: ['CONFIG_ADDRESS', 'CONFIG_DATA'] },
  20: { title: 'Address Mapping', has: ['MAPPING', 'WINDOW', 'MAPPING_INDEX', 'MAPPING_LOW', 'MAPPING_HIGH'] },
  21: { title: 'MSI Mapping', has: ['MSI', 'MSI_ADDRESS', 'MSI_ADDRESS_HIGH'] },
  22: { title: 'DirectRoute', has: ['ROUTES', 'ROUTE_ENABLE', 'ROUTE_DATA'] },
  23: {
    title: 'VCSet',
    has: [
      'SETS',
      'LINK1_SETS',
      'LINK0_SETS',
      'STREAM_DEPTH',
      'STREAM_INTERVAL',
      'STREAMS',
      'OTHER_DEPTH',
      'OTHER_INTERVAL',
    ],
  },
  24: { title: 'Retry Mode', has: ['RETRY_CONTROL', 'RETRY_STATUS', 'RETRIES'] },
  25: { title: 'X86 (reserved)', has: [] },
};
const LINK = ['LINK_CONTROL', 'LINK_CONFIG', 'REVISION', 'FREQUENCY', 'FREQUENCIES'] as const;
const BEHIND = ['SCRATCHPAD', 'ERRORS', 'MEMORY_BASE_HIGH', 'MEMORY_LIMIT_HIGH'] as const;
const PRIMARY: readonly Name[] = ['PRIMARY', ...LINK, 'FEATURES', ...BEHIND, 'BUS'];
const SECONDARY: readonly Name[] = ['SECONDARY', ...LINK, 'HOST_FEATURES', ...BEHIND];
/** A single link, so that what follows it stands earlier. */
const HOST: Shape<typeof REGISTERS> = {
  LINK_CONTROL: { count: 1 },
  LINK_CONFIG: { count: 1 },
  REVISION: { offset: 0x08 },
  FREQUENCY: { offset: 0x09, count: 1 },
  FREQUENCIES: { offset: 0x0a, count: 1 },
  SCRATCHPAD: { offset: 0x10 },
  ERRORS: { offset: 0x12 },
  MEMORY_BASE_HIGH: { offset: 0x14 },
  MEMORY_LIMIT_HIGH: { offset: 0x15 },
};
const BITS_40 = 0;

/** 'primary', 'secondary', or a block. */
export function kindOf({
  COMMAND,
}: {
  readonly COMMAND: { readonly BLOCK: number };
}): 'primary' | 'secondary' | 'block' {
  return COMMAND.BLOCK < 4 ? 'primary' : COMMAND.BLOCK < 8 ? 'secondary' : 'block';
}

export { REGISTERS as HYPERTRANSPORT_REGISTERS };

export function hypertransportShape(capability: {
  readonly COMMAND: { readonly BLOCK: number; readonly raw: number };
}): Shape<typeof REGISTERS> {
  const kind = kindOf(capability);
  const { BLOCK, raw } = capability.COMMAND;
  const has = kind === 'primary' ? PRIMARY : kind === 'secondary' ? SECONDARY : (BLOCKS[BLOCK]?.has ?? []);
  const narrow = ((raw >> 9) & 3) === BITS_40;
  const other: readonly Name[] = narrow ? ['MAPPING_INDEX', 'MAPPING_LOW', 'MAPPING_HIGH'] : ['WINDOW'];
  const names = (Object.keys(REGISTERS) as Name[]).filter((name) => name !== 'COMMAND');
  const missing = names.filter((name) => !has.includes(name) || (kind === 'block' && other.includes(name)));
  return { ...(kind === 'secondary' ? HOST : {}), ...Object.fromEntries(missing.map((name) => [name, false])) };
}
