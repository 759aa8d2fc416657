/** What CXL puts into designated vendor-specific capabilities: the registers, by the DVSEC's id. Ref: CXL 3.1, 8.1 */
import { r8, r16, r32 } from '../map.js';
import { codes } from './words.js';

const PROTOCOLS = { MEM: 2, IO: 1, CACHE: 0 } as const;
const RANGE_SIZE = {
  SIZE: [31, 28, 'ro', { unit: '256 MiB' }],
  TIMEOUT: [15, 13, 'ro', codes('1s', '4s', '16s', '64s', '256s')],
  INTERLEAVE: [12, 8, 'ro', { '0': 0, '256': 1, '4096': 2, '512': 3, '1024': 4, '2048': 5, '8192': 6, '16384': 7 }],
  CLASS: [7, 5, 'ro', codes('DRAM', 'Storage', 'CDAT')],
  TYPE: [4, 2, 'ro', codes('Volatile', 'Non-volatile', 'CDAT')],
  ACTIVE: [1, 1, 'ro'],
  VALID: [0, 0, 'ro'],
} as const;
const RANGE_STRIDE = 0x10;
/** SCALE: decimal steps from a microsecond. */
export const GPF_SCALES = codes('1us', '10us', '100us', '1ms', '10ms', '100ms', '1s', '10s');
const GPF_TIME = { SCALE: [11, 8, GPF_SCALES], BASE: [3, 0] } as const;
const FLEX_STATUS = {
  PBR_FLIT: 14,
  FLIT_256B: 13,
  MULTI_LOGICAL: 6,
  FLIT_68B: 5,
  DRIFT_BUFFER: 4,
  SYNC_HEADER_BYPASS: 3,
  ...PROTOCOLS,
} as const;

/** Id 0: a device. */
const DEVICE = {
  CXL_CAP: r16(
    0x0a,
    {
      PM_INIT_COMPLETION: 15,
      VIRAL: 14,
      MULTI_LOGICAL: 13,
      TSP: 12,
      RESET_MEMORY_CLEAR: 11,
      RESET_TIMEOUT: [10, 8],
      RESET: 7,
      CACHE_WRITE_BACK: 6,
      HDM_COUNT: [5, 4],
      MEM_HW_INIT: 3,
      ...PROTOCOLS,
    },
    'ro',
  ),
  CXL_CTRL: r16(0x0c, {
    VIRAL: 14,
    DIRECT_P2P: 12,
    CACHE_CLEAN_EVICTION: 11,
    SNOOP_FILTER_GRANULARITY: [10, 8],
    SNOOP_FILTER_COVERAGE: [7, 3],
    MEM: 2,
    IO: [1, 1, 'ro'],
    CACHE: 0,
  }),
  CXL_STATUS: r16(0x0e, { VIRAL: 14 }, { access: 'w1c', errors: true }),
  CXL_CTRL2: r16(0x10, {
    MODIFIED_COMPLETION: 5,
    VOLATILE_AFTER_HOT_RESET: 4,
    RESET_MEMORY_CLEAR: 3,
    RESET: 2,
    WRITE_BACK_INVALIDATE: 1,
    DISABLE_CACHING: 0,
  }),
  CXL_STATUS2: r16(
    0x12,
    { PM_INIT_COMPLETE: 15, VOLATILE_HDM_ERROR: 3, RESET_ERROR: 2, RESET_COMPLETE: 1, CACHE_INVALID: 0 },
    'ro',
  ),
  CXL_LOCK: r16(0x14, { CONFIG: 0 }),
  CXL_CAP2: r16(
    0x16,
    {
      CACHE_SIZE: [15, 8],
      VMEM_CONFIG: [5, 4],
      CACHE_UNIT: [3, 0, { 'not reported': 0, '64 KB': 1, '1 MB': 2 }],
    },
    'ro',
  ),
  /** Two ranges. The lower words hold bits 31 to 28 and up of a multiple of 256 MB. */
  RANGE_SIZE_HIGH: r32(0x18, {}, { access: 'ro', count: 2, stride: RANGE_STRIDE }),
  RANGE_SIZE: r32(0x1c, RANGE_SIZE, { count: 2, stride: RANGE_STRIDE }),
  RANGE_BASE_HIGH: r32(0x20, {}, { count: 2, stride: RANGE_STRIDE }),
  RANGE_BASE: r32(0x24, { BASE: [31, 28, { unit: '256 MiB' }] }, { count: 2, stride: RANGE_STRIDE }),
  CXL_CAP3: r16(
    0x38,
    {
      DIRECT_P2P: 4,
      HOT_RESET_CONFIGURABLE: 3,
      VOLATILE_AFTER_HOT_RESET: 2,
      VOLATILE_AFTER_WARM_RESET: 1,
      VOLATILE_AFTER_COLD_RESET: 0,
    },
    'ro',
  ),
};

/** Id 2: a bit for each function that has no CXL.cache nor CXL.mem. */
const FUNCTION_MAP = { FUNCTION_MAP: r32(0x0c, {}, { access: 'ro', count: 8 }) };

/** Id 3: the extensions of a port. */
const PORT = {
  PORT_STATUS: r16(0x0a, { VIRAL: 14, PM_INIT_COMPLETE: [0, 0, 'ro'] }, { access: 'w1c', errors: true }),
  PORT_CTRL: r16(0x0c, { VIRAL: 14, ALT_BUS_MASTER: 3, ALT_MEMORY: 2, UNMASK_LINK_DISABLE: 1, UNMASK_RESET: 0 }),
  ALT_BUS_BASE: r8(0x0e),
  ALT_BUS_LIMIT: r8(0x0f),
  ALT_MEMORY_BASE: r16(0x10, { ADDRESS: [15, 4, { unit: '1 MiB' }] }),
  ALT_MEMORY_LIMIT: r16(0x12, { ADDRESS: [15, 4, { unit: '1 MiB' }] }),
  ALT_PREFETCH_BASE: r16(0x14, { ADDRESS: [15, 4, { unit: '1 MiB' }] }),
  ALT_PREFETCH_LIMIT: r16(0x16, { ADDRESS: [15, 4, { unit: '1 MiB' }] }),
  ALT_PREFETCH_BASE_HIGH: r32(0x18),
  ALT_PREFETCH_LIMIT_HIGH: r32(0x1c),
  CXL_RCRB: r32(0x20, { BASE: [31, 13, { unit: '8 KiB' }], ENABLE: 0 }),
  CXL_RCRB_HIGH: r32(0x24),
};

/** Id 4: global persistent flush of a port. */
const GPF_PORT = { GPF_PHASE1: r16(0x0c, GPF_TIME), GPF_PHASE2: r16(0x0e, GPF_TIME) };

/** Id 5: of a device. */
const GPF_DEVICE = {
  GPF_DURATION: r16(0x0a, GPF_TIME, 'ro'),
  GPF_POWER: r32(0x0c, { POWER: [31, 0, { unit: 'mW' }] }, 'ro'),
};

/** Id 7: the flex bus port. */
const FLEX_BUS = {
  FLEX_CAP: r16(0x0a, { PBR_FLIT: 14, FLIT_256B: 13, MULTI_LOGICAL: 6, FLIT_68B: 5, ...PROTOCOLS }, 'ro'),
  FLEX_CTRL: r16(0x0c, {
    PBR_FLIT: 14,
    FLIT_256B: 13,
    RETIMER2: 9,
    RETIMER1: 8,
    DISABLE_RCD_TRAINING: 7,
    MULTI_LOGICAL: 6,
    FLIT_68B: 5,
    DRIFT_BUFFER: 4,
    SYNC_HEADER_BYPASS: 3,
    MEM: 2,
    IO: [1, 1, 'ro'],
    CACHE: 0,
  }),
  FLEX_STATUS: r16(0x0e, FLEX_STATUS, 'ro'),
  FLEX_RECEIVED: r32(0x10, { DATA: [23, 0] }, 'ro'),
  FLEX_CAP2: r32(0x14, { NOP_HINT: 0 }, 'ro'),
  FLEX_CTRL2: r32(0x18, { NOP_HINT: 0 }),
  FLEX_STATUS2: r32(0x1c, { NOP_HINT: [1, 0] }, 'ro'),
};

export const BLOCK_NAMES = {
  empty: 0,
  'component registers': 1,
  'BAR virtualization': 2,
  'CXL device registers': 3,
  'CPMU registers': 4,
  'vendor-specific': 0xff,
};
const MOST_BLOCKS = 510;

/** Id 8: where in the BARs which registers are. */
const LOCATOR = {
  BLOCK: r32(
    0x0c,
    { OFFSET: [31, 16, { unit: '64 KiB' }], ID: [15, 8, BLOCK_NAMES], BAR: [2, 0] },
    { access: 'ro', count: MOST_BLOCKS, stride: 8 },
  ),
  BLOCK_HIGH: r32(0x10, {}, { access: 'ro', count: MOST_BLOCKS, stride: 8 }),
};

/** Id 9: a multi-logical device. */
const MULTI_LOGICAL = { LOGICAL_DEVICES: r16(0x0a, {}, 'ro') };

/** Id 10: what compliance tests use. */
const TEST = { TEST_LOCK: r16(0x0a, { CONFIG: 0 }), TEST_CONFIG_BASE_LOW: r32(0x0c), TEST_CONFIG_BASE_HIGH: r32(0x10) };

export const CXL_REGISTERS = {
  ...DEVICE,
  ...FUNCTION_MAP,
  ...PORT,
  ...GPF_PORT,
  ...GPF_DEVICE,
  ...FLEX_BUS,
  ...LOCATOR,
  ...MULTI_LOGICAL,
  ...TEST,
};
export type CxlRegister = keyof typeof CXL_REGISTERS;

/** What stands in the DVSEC of each id. */
export const CXL_BY_ID: Readonly<Record<number, { readonly title: string; readonly registers: object }>> = {
  0: { title: 'PCIe DVSEC for CXL Devices', registers: DEVICE },
  2: { title: 'Non-CXL Function Map DVSEC', registers: FUNCTION_MAP },
  3: { title: 'CXL Extensions DVSEC for Ports', registers: PORT },
  4: { title: 'GPF DVSEC for CXL Ports', registers: GPF_PORT },
  5: { title: 'GPF DVSEC for CXL Devices', registers: GPF_DEVICE },
  7: { title: 'PCIe DVSEC for Flex Bus Port', registers: FLEX_BUS },
  8: { title: 'Register Locator DVSEC', registers: LOCATOR },
  9: { title: 'MLD DVSEC', registers: MULTI_LOGICAL },
  10: { title: 'PCIe DVSEC for Test Capability <?>', registers: TEST },
};
export const LOCATOR_ID = 8;
