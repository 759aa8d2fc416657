/** Vendor-specific extended capabilities, and those of which lspci shows the name alone. */
import { r16, r32 } from '../registers.js';
import { extended } from './capability.js';
import { flags, hex, sign } from './words.js';

export const VSEC = extended({
  name: 'VSEC',
  id: 0x0b,
  title: 'Vendor Specific',
  ref: 'PCI Express Base 6.0, 7.9.5',
  registers: { HEADER: r32(0x04, { LENGTH: [31, 20], REVISION: [19, 16], ID: [15, 0] }, 'ro') },
  *text({ HEADER }) {
    yield `Vendor Specific Information: ID=${hex(HEADER.ID, 4)} Rev=${HEADER.REVISION} Len=${hex(HEADER.LENGTH, 3)} <?>`;
  },
});

export const DVSEC = extended({
  name: 'DVSEC',
  id: 0x23,
  title: 'Designated Vendor-Specific',
  ref: 'PCI Express Base 6.0, 7.9.6',
  registers: {
    HEADER1: r32(0x04, { LENGTH: [31, 20], REVISION: [19, 16], VENDOR: [15, 0] }, 'ro'),
    HEADER2: r16(0x08, { ID: [15, 0] }, 'ro'),
  },
  *text({ HEADER1, HEADER2 }) {
    const cxl = HEADER1.VENDOR === CXL && HEADER1.LENGTH >= CXL_LENGTH;
    yield `Designated Vendor-Specific: Vendor=${hex(HEADER1.VENDOR, 4)} ID=${hex(HEADER2.ID, 4)} Rev=${HEADER1.REVISION} Len=${HEADER1.LENGTH}${cxl ? ': CXL' : ' <?>'}`;
  },
});
const CXL = 0x1e98;
const CXL_LENGTH = 16;

export const TPH = extended({
  name: 'TPH',
  id: 0x17,
  title: 'Transaction Processing Hints',
  ref: 'PCI Express Base 6.0, 7.9.13',
  registers: {
    /** TABLE_SIZE is one less than the number of entries. */
    CAP: r32(
      0x04,
      {
        TABLE_SIZE: [26, 16],
        TABLE_LOCATION: [10, 9, { None: 0, Capability: 1, 'MSI-X': 2, Reserved: 3 }],
        EXTENDED: 8,
        DEVICE_SPECIFIC: 2,
        INTERRUPT_VECTOR: 1,
        NO_TABLE: 0,
      },
      'ro',
    ),
    CTRL: r32(0x08, { ENABLE: [9, 8], MODE: [2, 0] }),
  },
  *text({ CAP }) {
    yield 'Transaction Processing Hints';
    if (CAP.INTERRUPT_VECTOR) yield '\tInterrupt vector mode supported';
    if (CAP.DEVICE_SPECIFIC) yield '\tDevice specific mode supported';
    if (CAP.EXTENDED) yield '\tExtended requester support';
    yield `\t${TABLES[(CAP.raw >>> 9) & 3]}`;
  },
});
const TABLES = [
  'No steering table available',
  'Steering table in TPH capability structure',
  'Steering table in MSI-X table',
  'Reserved steering table location',
];

export const DOE = extended({
  name: 'DOE',
  id: 0x2e,
  title: 'Data Object Exchange',
  ref: 'PCI Express Base 6.0, 7.9.24',
  registers: {
    CAP: r32(0x04, { INTERRUPT_MESSAGE: [11, 1], INTERRUPT: 0 }, 'ro'),
    CTRL: r32(0x08, { GO: [31, 31, 'wo'], INTERRUPT: 1, ABORT: [0, 0, 'wo'] }),
    STATUS: r32(
      0x0c,
      {
        OBJECT_READY: [31, 31, 'ro'],
        ERROR: [2, 2, 'ro'],
        INTERRUPT: [1, 1, 'w1c'],
        BUSY: [0, 0, 'ro'],
      },
      'w1c',
    ),
    /** Reading does not take an object off; writing does. */
    READ: r32(0x14, {}),
  },
  *text({ CAP, CTRL, STATUS }) {
    yield 'Data Object Exchange';
    yield `\tDOECap: IntSup${sign(CAP.INTERRUPT)}`;
    if (CAP.INTERRUPT) yield `\t\tIntMsgNum ${CAP.INTERRUPT_MESSAGE}`;
    yield `\tDOECtl: IntEn${sign(CTRL.INTERRUPT)}`;
    yield `\tDOESta: ${flags(STATUS, { Busy: 'BUSY', IntSta: 'INTERRUPT', Error: 'ERROR', ObjectReady: 'OBJECT_READY' })}`;
  },
});

/** Their registers are not in the tables yet; lspci shows no more of them either. */
const plain = <const N extends string>(name: N, id: number, title: string, ref: string) => ({
  ...extended({
    name,
    id,
    title,
    ref,
    registers: { WORD: r32(0x04, {}, 'ro') },
    *text() {
      yield `${title} <?>`;
    },
  }),
  name,
});

export const PB = plain('PB', 0x04, 'Power Budgeting', 'PCI Express Base 6.0, 7.8.1');
export const RCILINK = plain('RCILINK', 0x06, 'Root Complex Internal Link', 'PCI Express Base 6.0, 7.9.9');
export const MFVC = plain('MFVC', 0x08, 'Multi-Function Virtual Channel', 'PCI Express Base 6.0, 7.9.2');
export const RCRB = plain('RCRB', 0x0a, 'Root Complex Register Block', 'PCI Express Base 6.0, 7.9.7');
export const MRIOV = plain('MRIOV', 0x11, 'Multi-Root I/O Virtualization', 'Multi-Root I/O Virtualization 1.0');
export const DPA = plain('DPA', 0x16, 'Dynamic Power Allocation', 'PCI Express Base 6.0, 7.9.12');
export const LNR = plain('LNR', 0x1c, 'LN Requester', 'PCI Express Base 5.0, 7.9.11');
export const M_PCIE = plain('M_PCIE', 0x20, 'PCI Express over M_PHY', 'PCI Express Base 4.0, 7.9');
export const FRS = plain('FRS', 0x21, 'FRS Queueing', 'PCI Express Base 6.0, 7.8.10');
export const RTR = plain('RTR', 0x22, 'Readiness Time Reporting', 'PCI Express Base 6.0, 7.9.16');
export const DLNK = plain('DLNK', 0x25, 'Data Link Feature', 'PCI Express Base 6.0, 7.7.4');
export const HIER_ID = plain('HIER_ID', 0x28, 'Hierarchy ID', 'PCI Express Base 6.0, 7.9.17');
export const NPEM = plain('NPEM', 0x29, 'Native PCIe Enclosure Management', 'PCI Express Base 6.0, 7.9.19');
