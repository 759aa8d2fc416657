/** Of these lspci shows no more than that they are there: power budgets, readiness, features, enclosures. */
import { r8, r16, r32 } from '../map.js';
import { extended } from './capability.js';
import { REGISTERS as CHANNELS, perChannel } from './channels.js';
import { codes } from './words.js';

const RAILS = { '12V': 0, '3.3V': 1, '1.5V/1.8V': 2, '48V': 3, '5V': 4, thermal: 7 };
const TYPES = { 'PME aux': 0, auxiliary: 1, idle: 2, sustained: 3, maximum: 7 };

/** DATA shows the entry that SELECT asks for. */
export const PB = extended({
  name: 'PB',
  id: 0x04,
  title: 'Power Budgeting',
  ref: 'PCI Express Base 6.0, 7.8.1',
  registers: {
    SELECT: r8(0x04),
    /** POWER in watts, times SCALE. */
    DATA: r32(
      0x08,
      {
        RAIL: [20, 18, RAILS],
        TYPE: [17, 15, TYPES],
        STATE: [14, 13, codes('D0', 'D1', 'D2', 'D3')],
        SUBSTATE: [12, 10],
        SCALE: [9, 8, codes('1.0', '0.1', '0.01', '0.001')],
        POWER: [7, 0],
      },
      'ro',
    ),
    CAP: r8(0x0c, { SYSTEM_ALLOCATED: 0 }, 'ro'),
  },
  *text() {
    yield 'Power Budgeting <?>';
  },
});

export const MFVC = extended({
  name: 'MFVC',
  id: 0x08,
  title: 'Multi-Function Virtual Channel',
  ref: 'PCI Express Base 6.0, 7.9.2',
  registers: CHANNELS,
  shape: perChannel,
  *text() {
    yield 'Multi-Function Virtual Channel <?>';
  },
});

/** Its specification is not public; the words behind the header as they are. */
export const MRIOV = extended({
  name: 'MRIOV',
  id: 0x11,
  title: 'Multi-Root I/O Virtualization',
  ref: 'Multi-Root I/O Virtualization and Sharing 1.0, 4.2',
  registers: { CAP: r32(0x04, {}, 'ro'), CTRL: r16(0x08), STATUS: r16(0x0a, {}, 'ro') },
  *text() {
    yield 'Multi-Root I/O Virtualization <?>';
  },
});

const MOST_SUBSTATES = 32;

export const DPA = extended({
  name: 'DPA',
  id: 0x16,
  title: 'Dynamic Power Allocation',
  ref: 'PCI Express Base 6.0, 7.9.12',
  registers: {
    CAP: r32(
      0x04,
      {
        LATENCY1: [31, 24],
        LATENCY0: [23, 16],
        POWER_SCALE: [13, 12, codes('10.0', '1.0', '0.1', '0.01')],
        LATENCY_UNIT: [9, 8, { '1ms': 0, '10ms': 1, '100ms': 2 }],
        LAST_SUBSTATE: [4, 0],
      },
      'ro',
    ),
    /** A bit for each substate: which of the two latencies it has. */
    LATENCY_INDICATOR: r32(0x08, {}, 'ro'),
    STATUS: r16(0x0c, { CONTROL_ENABLED: 8, SUBSTATE: [4, 0, 'ro'] }, 'w1c'),
    CTRL: r16(0x0e, { SUBSTATE: [4, 0] }),
    /** In watts, times POWER_SCALE. */
    POWER: r8(0x10, {}, { access: 'ro', count: MOST_SUBSTATES }),
  },
  shape: ({ CAP }) => ({ POWER: { count: CAP.LAST_SUBSTATE + 1 } }),
  *text() {
    yield 'Dynamic Power Allocation <?>';
  },
});

const MOST_PROTOCOLS = 63;

export const PMUX = extended({
  name: 'PMUX',
  id: 0x1a,
  title: 'Protocol Multiplexing',
  ref: 'PCI Express Base 5.0, G.5',
  registers: {
    CAP: r32(0x04, { SPEEDS: [15, 8], PROTOCOLS: [5, 0] }, 'ro'),
    CTRL: r32(0x08, { CHANNEL3: [29, 24], CHANNEL2: [21, 16], CHANNEL1: [13, 8], CHANNEL0: [5, 0] }),
    /** Why each channel is disabled. */
    STATUS: r32(0x0c, { CHANNEL3: [26, 24], CHANNEL2: [18, 16], CHANNEL1: [10, 8], CHANNEL0: [2, 0] }, 'ro'),
    PROTOCOL: r32(0x10, { AUTHORITY: [31, 16], ID: [15, 0] }, { access: 'ro', count: MOST_PROTOCOLS }),
  },
  shape: ({ CAP }) => ({ PROTOCOL: { count: CAP.PROTOCOLS } }),
  *text() {
    yield 'Protocol Multiplexing <?>';
  },
});

export const LNR = extended({
  name: 'LNR',
  id: 0x1c,
  title: 'LN Requester',
  ref: 'PCI Express Base 5.0, 7.9.11',
  registers: {
    CAP: r16(0x04, { REGISTRATIONS: [12, 8], LINES_128: 1, LINES_64: 0 }, 'ro'),
    CTRL: r16(0x06, { REGISTRATIONS: [12, 8], LINE: [1, 1, codes('64 bytes', '128 bytes')], ENABLE: 0 }),
  },
  *text() {
    yield 'LN Requester <?>';
  },
});

/** Its specification is not public; the words behind the header as they are. */
export const M_PCIE = extended({
  name: 'M_PCIE',
  id: 0x20,
  title: 'PCI Express over M_PHY',
  ref: 'M-PCIe ECN to PCI Express Base 3.0',
  registers: { CAP: r32(0x04, {}, 'ro'), CTRL: r32(0x08), STATUS: r32(0x0c, {}, 'ro') },
  *text() {
    yield 'PCI Express over M_PHY <?>';
  },
});

export const FRS = extended({
  name: 'FRS',
  id: 0x21,
  title: 'FRS Queueing',
  ref: 'PCI Express Base 6.0, 7.8.10',
  registers: {
    CAP: r32(0x04, { INTERRUPT_MESSAGE: [20, 16], DEPTH: [11, 0] }, 'ro'),
    STATUS: r16(0x08, { OVERFLOW: 1, RECEIVED: 0 }, 'w1c'),
    CTRL: r16(0x0a, { INTERRUPT: 0 }),
    /** A write takes the entry off. */
    QUEUE: r32(0x0c, { DEPTH: [31, 20, 'ro'], REASON: [19, 16, 'ro'], REQUESTER: [15, 0, 'ro'] }),
  },
  *text() {
    yield 'FRS Queueing <?>';
  },
});

export const RTR = extended({
  name: 'RTR',
  id: 0x22,
  title: 'Readiness Time Reporting',
  ref: 'PCI Express Base 6.0, 7.9.16',
  registers: {
    /** Times: bits 8 to 0 times 32 to the power of bits 11 to 9, in nanoseconds. */
    RESET_TIMES: r32(0x04, { VALID: 31, DL_UP: [23, 12], RESET: [11, 0] }, 'ro'),
    STATE_TIMES: r32(0x08, { D3HOT: [23, 12], FLR: [11, 0] }, 'ro'),
  },
  *text() {
    yield 'Readiness Time Reporting <?>';
  },
});

const FEATURES = { L0P_EXIT: [7, 5], EXTENDED_VC: [4, 2], IMMEDIATE_READINESS: 1, SCALED_FLOW_CONTROL: 0 } as const;

export const DLNK = extended({
  name: 'DLNK',
  id: 0x25,
  title: 'Data Link Feature',
  ref: 'PCI Express Base 6.0, 7.7.4',
  registers: {
    CAP: r32(0x04, { EXCHANGE: 31, ...FEATURES }, 'ro'),
    STATUS: r32(0x08, { VALID: 31, ...FEATURES }, 'ro'),
  },
  *text() {
    yield 'Data Link Feature <?>';
  },
});

export const HIER_ID = extended({
  name: 'HIER_ID',
  id: 0x28,
  title: 'Hierarchy ID',
  ref: 'PCI Express Base 6.0, 7.9.17',
  registers: {
    STATUS: r32(0x04, { WRITEABLE: 29, VALID: 28, REQUESTER: [15, 0] }, 'ro'),
    DATA: r32(0x08, { HIERARCHY: [31, 16], GUID_AUTHORITY: [7, 0] }),
    GUID: r32(0x0c, {}, { count: 5 }),
  },
  *text() {
    yield 'Hierarchy ID <?>';
  },
});

const INDICATORS = {
  ENCLOSURE: [31, 24],
  DISABLED: 11,
  INVALID_TYPE: 10,
  FAILED_ARRAY: 9,
  CRITICAL_ARRAY: 8,
  HOT_SPARE: 7,
  PREDICTED_FAILURE: 6,
  REBUILD: 5,
  FAIL: 4,
  LOCATE: 3,
  OK: 2,
  RESET: 1,
} as const;

export const NPEM = extended({
  name: 'NPEM',
  id: 0x29,
  title: 'Native PCIe Enclosure Management',
  ref: 'PCI Express Base 6.0, 7.9.19',
  registers: {
    CAP: r32(0x04, { ...INDICATORS, CAPABLE: 0 }, 'ro'),
    CTRL: r32(0x08, { ...INDICATORS, ENABLE: 0 }),
    STATUS: r32(0x0c, { ENCLOSURE: [31, 24, 'ro'], COMPLETED: 0 }, 'w1c'),
  },
  *text() {
    yield 'Native PCIe Enclosure Management <?>';
  },
});
